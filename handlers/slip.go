package handlers

import (
	"slices"
	"strings"
)

// maxEdits is how far a slip is from the name that was meant.
const maxEdits = 2

// othersNames are those that others put into URLs and that would count as slips:
// of since, mode and after.
var othersNames = []string{"nonce", "code", "node", "model", "later"}

// slip reports whether somebody who wrote one name may have meant the other, and
// how many letters then were added, left out, replaced, or exchanged with their
// neighbour: at most maxEdits, and fewer than half of the shorter name. So what is
// short, such as the t and _ that keep caches from answering, is nobody's slip.
// Small letters and capitals count as the same.
func slip(written, name string) (edits int, ok bool) {
	if len(written) > len(name)+maxEdits || len(name) > len(written)+maxEdits {
		return 0, false // most are, and thousands may have been sent
	}
	written, name = strings.ToLower(written), strings.ToLower(name)
	edits = editDistance(written, name)
	return edits, edits <= maxEdits && 2*edits < min(len(written), len(name)) && !slices.Contains(othersNames, written)
}

// editDistance returns how many letters have to be added, left out, replaced or
// exchanged with their neighbour, each once, to make one text the other: the
// Damerau-Levenshtein distance, as optimal string alignment. It takes bytes for
// letters.
func editDistance(a, b string) int {
	var before []int
	last := make([]int, len(b)+1)
	for j := range last {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row := make([]int, len(b)+1)
		row[0] = i
		for j := 1; j <= len(b); j++ {
			replace := last[j-1]
			if a[i-1] != b[j-1] {
				replace++
			}
			row[j] = min(last[j]+1, row[j-1]+1, replace)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
		before, last = last, row
	}
	return last[len(b)]
}
