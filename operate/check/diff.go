package check

import (
	"fmt"
	"strings"
)

// around is how many lines of a unified diff stand around changed ones.
const around = 3

// diff is a unified diff of lines, "" if they are the same. Lines of a file change in
// few places, so that what is the same is found from both ends of each part.
func diff(name string, a, b []string) string {
	ops := compareRows(a, b)
	var s strings.Builder
	for i := 0; i < len(ops); {
		if ops[i].kind == ' ' {
			i++
			continue
		}
		from, to := max(0, i-around), i
		for last := i; to < len(ops) && to-last <= 2*around; to++ {
			if ops[to].kind != ' ' {
				last = to
			}
		}
		for to > 0 && ops[to-1].kind == ' ' && (to < 2 || trailing(ops[from:to]) > around) {
			to--
		}
		hunk(&s, ops[from:to])
		i = to
	}
	if s.Len() == 0 {
		return ""
	}
	return fmt.Sprintf("--- %s\n+++ %s, fixed\n%s", name, name, s.String())
}

// trailing is how many lines at the end are the same in both.
func trailing(ops []op) (n int) {
	for n < len(ops) && ops[len(ops)-1-n].kind == ' ' {
		n++
	}
	return n
}

// op is a line of a diff: kept (' '), removed ('-') or added ('+'), with the numbers of
// the next lines in both texts before it.
type op struct {
	kind byte
	text string
	a, b int
}

func hunk(s *strings.Builder, ops []op) {
	var old, fresh int
	for _, o := range ops {
		if o.kind != '+' {
			old++
		}
		if o.kind != '-' {
			fresh++
		}
	}
	fmt.Fprintf(s, "@@ -%d,%d +%d,%d @@\n", ops[0].a, old, ops[0].b, fresh)
	for _, o := range ops {
		fmt.Fprintf(s, "%c%s\n", o.kind, strings.TrimSuffix(o.text, "\r"))
	}
}

// lookahead limits how far a line is looked for in the other text.
const lookahead = 200

// compareRows compares two texts by line: where they differ, the nearest line that
// both have again ends the difference.
func compareRows(a, b []string) (ops []op) {
	i, j := 0, 0
	for i < len(a) || j < len(b) {
		if i < len(a) && j < len(b) && a[i] == b[j] {
			ops = append(ops, op{' ', a[i], i + 1, j + 1})
			i, j = i+1, j+1
			continue
		}
		di, dj := resync(a[i:], b[j:])
		for range di {
			ops = append(ops, op{'-', a[i], i + 1, j + 1})
			i++
		}
		for range dj {
			ops = append(ops, op{'+', b[j], i + 1, j + 1})
			j++
		}
	}
	return ops
}

// resync returns how many lines of a and of b come before the next that both have.
func resync(a, b []string) (di, dj int) {
	for sum := 1; sum <= lookahead; sum++ {
		for di = 0; di <= sum; di++ {
			if dj = sum - di; di < len(a) && dj < len(b) && a[di] == b[dj] {
				return di, dj
			}
		}
	}
	return len(a), len(b)
}
