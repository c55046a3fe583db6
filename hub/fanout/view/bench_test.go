package view

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub"
)

// The cost of each event for 64 views of a document of 1 MB, in one goroutine. It should
// not depend on how many clients a view has, nor on whether they came together or one
// event after another.
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
				shared := newTestViews(4*views, 32<<20)
				log := &timeline{t: b}
				next := func() *hub.Event { return log.next(hub.Message{Data: documents[log.seq%2]}) }
				var all []*Encoder
				tell := func(e *hub.Event) {
					for i := range all {
						all[i].Event(e, true, nil)
					}
				}
				for range clients {
					for view := range views {
						c, err := shared.Encoder(Client{View: View{Mode: Patch, Fields: []string{fmt.Sprintf("/%d", view)}}})
						if err != nil {
							b.Fatal(err)
						}
						all = append(all, c)
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
