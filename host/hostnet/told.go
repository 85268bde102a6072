package hostnet

import (
	"fmt"
	"slices"
	"strings"
)

// maxListed is how many changes or failures of a kind the log lists one by one.
const maxListed = 10

// told is what to log of a change.
type told struct {
	outcome
	of change
}

// toldOf returns what to log of changes that were made.
func toldOf(made []change) (ts []told) {
	for _, c := range made {
		ts = append(ts, told{outcome: did("%s", c), of: c})
	}
	return ts
}

// group is what routes have in common, for one line about all of them.
type group struct {
	how    string // "": not a route, or one that leads all traffic
	bypass bool
}

func (t told) group() group {
	r, ok := t.of.(*routeChange)
	if !ok || t.left || r.Way.Dst.Bits() <= 1 {
		return group{}
	}
	return group{r.Way.how(), r.Bypass}
}

// summary shortens ts: more than maxListed routes that go the same way become one
// line, in the place of the first. each is called for every such route.
func summary(ts []told, each func(line string)) (short []outcome) {
	groups := map[group][]told{}
	for _, t := range ts {
		groups[t.group()] = append(groups[t.group()], t)
	}
	for _, t := range ts {
		g := t.group()
		switch {
		case g == group{} || len(groups[g]) <= maxListed:
			short = append(short, t.outcome)
			continue
		case t == groups[g][0]:
			short = append(short, did("%s", lineOf(groups[g])))
		}
		each(t.line)
	}
	return short
}

// lineOf returns a line such as "add 3000 routes via 10.8.0.1 dev tun0, 21.0.0.0/24 to
// 21.11.183.0/24".
func lineOf(routes []told) string {
	first, last := routes[0].of.(*routeChange), routes[len(routes)-1].of.(*routeChange)
	verb, _, _ := strings.Cut(routes[0].line, " ")
	return fmt.Sprintf("%s %d routes%s, %s to %s", verb, len(routes), first.Way.how(), first.Way.Dst, last.Way.Dst)
}

// shortened returns a list with at most maxListed of its parts.
func shortened(parts []string) []string {
	if more := len(parts) - maxListed; more > 1 {
		return append(slices.Clip(parts[:maxListed]), fmt.Sprintf("and %d more", more))
	}
	return parts
}
