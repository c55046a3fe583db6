package handlers

import (
	"slices"
	"strings"
)

// maxEdits is the largest distance between a slip and the intended name.
const maxEdits = 2

// foreignNames are common parameters of proxies and logins that would count as slips
// of since, mode, after and fresh.
var foreignNames = []string{"nonce", "code", "node", "model", "later", "refresh"}

// slip reports whether a written name is probably a slip of another name, and the edit
// distance between them: at most maxEdits, and less than half of the shorter name.
// Thereby short names, such as the t and _ that bypass caches, are never slips. Case
// does not count.
func slip(written, name string) (edits int, ok bool) {
	if len(written) > len(name)+maxEdits || len(name) > len(written)+maxEdits {
		return 0, false // cheap: a query can have thousands of names
	}
	written, name = strings.ToLower(written), strings.ToLower(name)
	edits = editDistance(written, name)
	return edits, edits <= maxEdits && 2*edits < min(len(written), len(name)) && !slices.Contains(foreignNames, written)
}

// editDistance returns the Damerau-Levenshtein distance of two texts, as optimal string
// alignment, in bytes: the number of insertions, deletions, substitutions and
// transpositions of neighbours.
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
