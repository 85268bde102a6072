package hostnet

import (
	"fmt"
	"slices"
	"strings"
)

// maxListed is how many changes or failures of a kind the log lists one by one.
const maxListed = 10

// told is what is to be said of a change.
type told struct {
	outcome
	of change
}

// toldOf are changes that were made.
func toldOf(made []change) (ts []told) {
	for _, c := range made {
		ts = append(ts, told{outcome: did("%s", c), of: c})
	}
	return ts
}

// summary is the same with one line for each run of more than maxListed routes
// that go the same way. Those go to each one by one.
func summary(ts []told, each func(line string)) (short []outcome) {
	for len(ts) > 0 {
		run := ts[:alike(ts)]
		ts = ts[len(run):]
		if len(run) > maxListed {
			short = append(short, did("%s", lineOf(run)))
		}
		for _, t := range run {
			if len(run) > maxListed {
				each(t.line)
			} else {
				short = append(short, t.outcome)
			}
		}
	}
	return short
}

// alike is how many of ts, at least one, begin it as routes that go the same way.
func alike(ts []told) int {
	first, ok := ts[0].of.(*routeChange)
	if !ok || ts[0].left {
		return 1
	}
	differs := slices.IndexFunc(ts, func(t told) bool {
		r, ok := t.of.(*routeChange)
		return !ok || t.left || r.Bypass != first.Bypass || r.Way.how() != first.Way.how()
	})
	if differs < 0 {
		return len(ts)
	}
	return differs
}

// lineOf reads such as "add 3000 routes via 10.8.0.1 dev tun0, 21.0.0.0/24 to
// 21.11.183.0/24".
func lineOf(routes []told) string {
	first, last := routes[0].of.(*routeChange), routes[len(routes)-1].of.(*routeChange)
	verb, _, _ := strings.Cut(routes[0].line, " ")
	return fmt.Sprintf("%s %d routes%s, %s to %s", verb, len(routes), first.Way.how(), first.Way.Dst, last.Way.Dst)
}

// shortened is a list with at most maxListed of its parts.
func shortened(parts []string) []string {
	if more := len(parts) - maxListed; more > 1 {
		return append(slices.Clip(parts[:maxListed]), fmt.Sprintf("and %d more", more))
	}
	return parts
}
