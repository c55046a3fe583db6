package hub

import (
	"strconv"
	"strings"

	"pgregory.net/rapid"
)

// What the test of the model draws.

// The generators of the actions.
var (
	drawMessage = rapid.Custom(func(t *rapid.T) Message {
		m := Message{Stream: rapid.SampledFrom(allNames).Draw(t, "stream")}
		if rapid.IntRange(0, 3).Draw(t, "kind") == 0 {
			m.Status = &Status{State: rapid.SampledFrom([]State{Live, Stale, Down}).Draw(t, "state")}
		} else {
			m.Data = []byte(strings.Repeat("1", rapid.SampledFrom([]int{1, 1, 500, 2000}).Draw(t, "size")))
		}
		return m
	})
	drawMessages = rapid.SliceOfN(drawMessage, 1, 2*modelBuffer)
	drawReplay   = rapid.SampledFrom([]Replay{ReplayDefault, ReplayAll, ReplayAuto, ReplayLatest})
	drawNames    = rapid.SliceOfNDistinct(rapid.SampledFrom(allNames), 1, len(allNames), rapid.ID)
	drawStreams  = rapid.Custom(func(t *rapid.T) []StreamOptions {
		plain := rapid.SliceOfNDistinct(rapid.SampledFrom(modelNames), 1, len(modelNames), rapid.ID)
		streams := append(Named(plain.Draw(t, "streams")...), rapid.SliceOfN(drawKeys, 0, 1).Draw(t, "keys")...)
		for i := range streams {
			streams[i].History = rapid.SampledFrom([]int{1, 2, 4, 8}).Draw(t, "history")
			streams[i].Replay = drawReplay.Draw(t, "replay")
			streams[i].ReplayEvents = rapid.IntRange(1, 4).Draw(t, "replay events")
			streams[i].ReplayBytes = rapid.SampledFrom([]int{1, 501, 1 << 20}).Draw(t, "replay bytes")
		}
		return streams
	})
)

// request draws the options of a client.
func (m *model) request(t *rapid.T) SubscribeOptions {
	asked := SubscribeOptions{
		Streams: drawNames.Draw(t, "names"), SkipUnknown: rapid.Bool().Draw(t, "skip unknown"), Replay: drawReplay.Draw(t, "replay"),
		Later: rapid.IntRange(0, 3).Draw(t, "later") == 0,
	}
	position := func(label string) string {
		return ID{"e" + strconv.Itoa(m.epochs), rapid.Uint64Range(0, m.seq+2).Draw(t, label)}.String()
	}
	switch rapid.IntRange(0, 9).Draw(t, "request") {
	case 0, 1, 2, 3:
		asked.LastEventID = ParseLastEventID(position("position"))
	case 4:
		asked.LastEventID = ParseLastEventID(rapid.SampledFrom([]string{"other-1", "senseless", "e0-01", ","}).Draw(t, "wrong"))
	case 5:
		asked.LastEventID = ParseLastEventID(position("one") + "," + rapid.SampledFrom([]string{"other-9", "senseless", ""}).Draw(t, "wrong") + ", " + position("other"))
	case 6, 7:
		asked.Since = modelTime(rapid.Uint64Range(0, m.seq+1).Draw(t, "since"))
	}
	if rapid.IntRange(0, 3).Draw(t, "hides") == 0 {
		asked.Hidden = rapid.SliceOfNDistinct(rapid.SampledFrom(allNames), 1, 2, rapid.ID).Draw(t, "hidden")
	}
	asked.Fresh = rapid.SliceOfNDistinct(rapid.SampledFrom(allNames), 0, 2, rapid.ID).Draw(t, "fresh")
	return asked
}
