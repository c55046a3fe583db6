package load

import (
	"context"
	"time"
)

// Together has the first process publish, and all of them watch. It returns the report of each, in
// their order.
func Together(ctx context.Context, processes []*Process, paced Paced) ([]Report, error) {
	paced.Detail = true
	leader, others := processes[0], processes[1:]
	first, err := leader.Next(ctx)
	if err != nil {
		return nil, err
	}
	for _, p := range others {
		if err := p.Watch(ctx, first, paced.Count); err != nil {
			return nil, err
		}
	}
	report, err := leader.Paced(ctx, paced)
	if err != nil {
		return nil, err
	}
	reports := []Report{report}
	for _, p := range others {
		watched, err := p.Watched(ctx, report.Published)
		if err != nil {
			return nil, err
		}
		reports = append(reports, watched)
	}
	return reports, nil
}

// LastReads returns how long each event was on its way to the last client of all processes, in
// milliseconds. Events that nobody has read are left out.
func LastReads(reports []Report) (list []float64) {
	ends, sent := make(map[uint32]int64), make(map[uint32]int64)
	for _, r := range reports {
		for _, l := range r.Lasts {
			ends[l.Seq] = max(ends[l.Seq], l.End)
			sent[l.Seq] = max(sent[l.Seq], l.Sent)
		}
	}
	for _, l := range reports[0].Lasts {
		if ends[l.Seq] > 0 {
			list = append(list, float64(ends[l.Seq]-sent[l.Seq])/float64(time.Millisecond))
		}
	}
	return list
}
