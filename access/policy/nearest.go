package policy

import "iter"

// nearest returns ", perhaps NAME" with the name that is most like one that is not
// known, or "" where none is.
func nearest(name string, known iter.Seq[string]) string {
	const longest = 64
	if len(name) > longest {
		return ""
	}
	best, least := "", 1+len(name)/4
	for k := range known {
		if n := distance(name, k, least); n <= least && k != name && (best == "" || n < least || k < best) {
			best, least = k, n
		}
	}
	if best == "" {
		return ""
	}
	return "; perhaps " + quote(best) + "?"
}

// distance is how many letters have to be changed, added or taken out to make b of a: any
// number above most if it is more than that.
func distance(a, b string, most int) int {
	if len(a)-len(b) > most || len(b)-len(a) > most {
		return most + 1
	}
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
