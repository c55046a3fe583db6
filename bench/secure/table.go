package secure

import (
	"fmt"
	"strings"

	"github.com/polluxhub/pollux/bench/stat"
)

func median(values []float64) float64 { return stat.Median(values) }

// Row is all rounds of one case, or why there are none.
type Row struct {
	Server   string
	Protocol string
	Rounds   []Figures
	Failed   string
}

// Table returns the medians in Markdown.
func Table(rows []Row) string {
	var b strings.Builder
	b.WriteString("| server | protocol | memory, idle, kB | memory, used, kB | join, µs | return, µs | sessions resumed | all back, s | delivery, µs | last client, ms |\n" +
		"| --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n")
	for _, row := range rows {
		if row.Failed != "" {
			fmt.Fprintf(&b, "| %s | %s | %s |\n", row.Server, row.Protocol, row.Failed)
			continue
		}
		of := func(get func(Figures) float64) float64 {
			var values []float64
			for _, f := range row.Rounds {
				values = append(values, get(f))
			}
			return median(values)
		}
		fmt.Fprintf(&b, "| %s | %s | %.2f | %.2f | %.0f | %.0f | %.0f %% | %.1f | %.1f | %.0f |\n", row.Server, row.Protocol,
			of(func(f Figures) float64 { return f.Memory })/1000, of(func(f Figures) float64 { return f.MemoryUsed })/1000,
			of(func(f Figures) float64 { return f.Join }), of(func(f Figures) float64 { return f.Return }),
			100*of(func(f Figures) float64 { return f.Resumed }), of(func(f Figures) float64 { return f.Wave }),
			of(func(f Figures) float64 { return f.Delivery }), of(func(f Figures) float64 { return f.Last }))
	}
	return b.String()
}
