package fanout

import (
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
	"github.com/polluxhub/pollux/hub/document"
)

// What 64 views of a document of 1 MB cost for each event, all of it in one
// goroutine. It should be the same however many clients there are of each view, and
// whether they came together or one event after another.
func BenchmarkViews(b *testing.B) {
	const views = 64
	var documents [2][]byte
	for i := range documents {
		var text strings.Builder
		text.WriteByte('[')
		for n := range 17_000 {
			fmt.Fprintf(&text, `{"id":%d,"price":%d.%d,"name":"instrument %d"},`, n, (n*37+i)%1000, (n+i)%10, n)
		}
		text.WriteString("0]")
		documents[i] = []byte(text.String())
	}
	for _, clients := range []int{1, 10, 100} {
		for _, apart := range []bool{false, true} {
			b.Run(fmt.Sprintf("clients=%d/apart=%t", clients, apart), func(b *testing.B) {
				f := &forms{limit: DefaultFormBytes}
				registry := newViews(Options{MaxViews: 4 * views, Logger: slog.New(slog.DiscardHandler), Key: func(string) document.Pointer { return document.Pointer{} }})
				log := &timeline{t: b}
				next := func() *hub.Event { return log.next(hub.Message{Data: documents[log.seq%2]}) }
				var all []*encoding
				tell := func(e *hub.Event) {
					for _, c := range all {
						c.event(e, true, nil)
					}
				}
				for range clients {
					for view := range views {
						v, err := registry.acquire(View{Mode: Patch, Fields: []string{fmt.Sprintf("/%d", view)}}, false, netip.Addr{})
						if err != nil {
							b.Fatal(err)
						}
						all = append(all, &encoding{forms: f, viewer: v})
					}
					if apart {
						tell(next())
					}
				}
				tell(next())
				b.ReportAllocs()
				for b.Loop() {
					tell(next())
				}
			})
		}
	}
}
