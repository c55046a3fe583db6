package secure

import (
	"slices"

	"github.com/polluxhub/pollux/bench/result"
	"github.com/polluxhub/pollux/bench/stat"
)

// Result is what `bench tls` has measured.
type Result struct {
	About    result.About   `json:"about"`           // without settings
	Later    []result.About `json:"later,omitempty"` // the runs that measured some of the rows again
	Settings Settings       `json:"settings"`
	Rows     []Row          `json:"rows"`
}

// Again returns the result with the rows that a later run has measured again.
func (r *Result) Again(later *Result) *Result {
	all := *r
	all.Later = append(slices.Clone(r.Later), later.About)
	all.Rows = slices.Clone(r.Rows)
	for _, row := range later.Rows {
		if i := slices.IndexFunc(all.Rows, row.isOf); i >= 0 {
			all.Rows[i] = row
		} else {
			all.Rows = append(all.Rows, row)
		}
	}
	return &all
}

// isOf reports whether another row is of the same case.
func (r *Row) isOf(other Row) bool {
	return r.Peer == other.Peer && r.Protocol == other.Protocol && r.Clients == other.Clients
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
