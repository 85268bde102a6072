// Package nearest guesses what a name that nobody knows is a slip of.
package nearest

import "iter"

// Of returns the candidate that name may be a slip of, or "".
func Of(candidates iter.Seq[string], name string) string {
	const longest = 64
	if len(name) > longest {
		return ""
	}
	best, least := "", 2+len(name)/6
	for candidate := range candidates {
		if len(candidate) > len(name)+least || len(name) > len(candidate)+least {
			continue
		}
		n := distance(name, candidate)
		if n < least || n == least && best != "" && candidate < best {
			best, least = candidate, n
		}
	}
	if len(name) < 4 && least > 1 {
		return ""
	}
	return best
}

// distance is the optimal string alignment distance: single-letter edits, with
// two neighbours swapped counted as one.
func distance(a, b string) int {
	older, last, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		last[j] = j
	}
	for i := 1; i <= len(a); i++ {
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(last[j]+1, row[j-1]+1, last[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], older[j-2]+1)
			}
		}
		older, last, row = last, row, older
	}
	return last[len(b)]
}
