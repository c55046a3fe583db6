// Package report turns results into tables and into docs/performance.md. All it
// says follows from the figures: there is no sentence in it that a person would
// have to change after another measurement.
package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"
)

// table is rows under a head. Its text is Markdown, aligned so that it can be
// read on a terminal as well.
type table struct {
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// String returns the table. The first column is aligned to the left, the others
// to the right.
func (t *table) String() string {
	width := make([]int, len(t.head))
	for _, row := range append([][]string{t.head}, t.rows...) {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell), 3)
		}
	}
	var b strings.Builder
	line := func(row []string) {
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i == 0 {
				cell += pad
			} else {
				cell = pad + cell
			}
			b.WriteString("| " + cell + " ")
		}
		b.WriteString("|\n")
	}
	line(t.head)
	for i, w := range width {
		if i == 0 {
			b.WriteString("| " + strings.Repeat("-", w) + " ")
		} else {
			b.WriteString("| " + strings.Repeat("-", w-1) + ": ")
		}
	}
	b.WriteString("|\n")
	for _, row := range t.rows {
		line(row)
	}
	return b.String()
}

// none is what stands for a figure that was not measured.
const none = "–"

// number formats a figure with three digits, or all before the point.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v) || math.IsInf(v, 0):
		return none
	case a >= 99.95:
		return thousands(int64(math.Round(v)))
	case a >= 9.995:
		return strconv.FormatFloat(v, 'f', 1, 64)
	default:
		return strconv.FormatFloat(v, 'f', 2, 64)
	}
}

// with returns a number and its unit, or none.
func with(v float64, unit string) string {
	n := number(v)
	if n == none {
		return none
	}
	return n + unit
}

// thousands puts a comma before every three digits.
func thousands(n int64) string {
	text := strconv.FormatInt(n, 10)
	start := 0
	if n < 0 {
		start = 1
	}
	for i := len(text) - 3; i > start; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// percent formats a share. One that is not nothing does not look like nothing.
func percent(v float64) string {
	switch {
	case math.IsNaN(v):
		return none
	case v == 0:
		return "0 %"
	case math.Abs(v) < 0.0005:
		return "< 0.1 %"
	default:
		return fmt.Sprintf("%.1f %%", v*100)
	}
}

// kB is a thousand bytes, in all of the report.
const kB = 1000
