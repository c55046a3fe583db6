package reshape_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/poller/reshape"
)

// BenchmarkReshape measures documents of a kilobyte and of a megabyte.
func BenchmarkReshape(b *testing.B) {
	for _, items := range []int{10, 10_000} {
		var doc strings.Builder
		doc.WriteString(`{"items":[0`)
		for i := range items {
			fmt.Fprintf(&doc, `,{"id":%d,"state":"%s","author":{"name":"né à Zürich"},"took":12.50,"url":"https://ci.example.com/%d"}`, i, []string{"ok", "failed"}[i%2], i)
		}
		doc.WriteString("]}")
		for name, program := range map[string]string{
			"identity": ".",
			"project":  "[.items[1:][] | {id, state}]",
			"filter":   `[.items[1:][] | select(.state == "failed" and .id % 3 == 0) | .id]`,
			"group":    `.items[1:] | group_by(.state) | map({state: .[0].state, n: length, took: (map(.took) | add)})`,
		} {
			b.Run(fmt.Sprintf("%s/%d", name, items), func(b *testing.B) {
				r, err := reshape.New(program, reshape.Options{MaxBytes: 4 << 20})
				if err != nil {
					b.Fatal(err)
				}
				b.SetBytes(int64(doc.Len()))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := r.Reshape(b.Context(), []byte(doc.String())); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
