package delta_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/polluxhub/pollux/hub/delta"
)

// quotes returns two lists of quotes that differ in three prices.
func quotes(length int) (from, to string) {
	random := rand.New(rand.NewPCG(1, 2))
	word := func(n int) string {
		letters := make([]byte, n)
		for i := range letters {
			letters[i] = byte('A' + random.IntN(26))
		}
		return string(letters)
	}
	var before, after []string
	for i := range length {
		quote := fmt.Sprintf(`{"symbol":"%s%d","name":"%s %s","price":%%d.%02d,"open":%d.%02d,"volume":%d}`, word(4), i, word(7), word(6),
			random.IntN(100), 10+random.IntN(400), random.IntN(100), 100_000+random.IntN(9_000_000))
		price := 10 + random.IntN(400)
		before = append(before, fmt.Sprintf(quote, price))
		if i%(length/3) == 1 {
			price++
		}
		after = append(after, fmt.Sprintf(quote, price))
	}
	return `{"quotes":[` + strings.Join(before, ",") + `]}`, `{"quotes":[` + strings.Join(after, ",") + `]}`
}

func BenchmarkDelta(b *testing.B) {
	for _, length := range []int{60, 12_000} {
		from, to := quotes(length)
		compare := func(b *testing.B, delta func() ([]byte, bool)) {
			b.SetBytes(int64(len(to)))
			b.ReportAllocs()
			said := 0
			for b.Loop() {
				doc, ok := delta()
				if !ok {
					b.Fatal("no delta")
				}
				said = len(doc)
			}
			b.ReportMetric(float64(said), "bytes-said")
		}
		for _, key := range []string{"", "/symbol"} {
			options := delta.Options{Key: pointer(b, key)}
			b.Run(fmt.Sprintf("patch/bytes=%d/key=%s", len(to), key), func(b *testing.B) {
				compare(b, func() ([]byte, bool) { return delta.Patch([]byte(from), []byte(to), options) })
			})
		}
		to = strings.Replace(to, `{"quotes":`, `{"note":"new","quotes":`, 1)
		b.Run(fmt.Sprintf("merge/bytes=%d", len(to)), func(b *testing.B) {
			from := strings.Replace(to, `"new"`, `"old"`, 1)
			compare(b, func() ([]byte, bool) { return delta.Merge([]byte(from), []byte(to)) })
		})
	}
}
