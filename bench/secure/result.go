package secure

import (
	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/stat"
)

// Result is what `bench tls` has measured.
type Result struct {
	About    result.About `json:"about"` // without settings
	Settings Settings     `json:"settings"`
	Rows     []Row        `json:"rows"`
}

// Row is all rounds of one case, or why there are none.
type Row struct {
	Peer     string    `json:"peer"`
	Title    string    `json:"title"` // of the server
	Note     string    `json:"note"`  // how it was set up
	Protocol Protocol  `json:"protocol"`
	Clients  int       `json:"clients"`
	Rounds   []Figures `json:"rounds"`
	Failed   string    `json:"failed,omitempty"`
}

// Median returns the median of a figure over the rounds, NaN without any.
func (r *Row) Median(of func(*Figures) float64) float64 {
	values := make([]float64, len(r.Rounds))
	for i := range r.Rounds {
		values[i] = of(&r.Rounds[i])
	}
	return median(values)
}

func median(values []float64) float64 { return stat.Median(values) }
