package fastest

import (
	"maps"
	"slices"
	"time"
)

// Among returns a Choice by the rule of another one among other paths, of which none is in
// use. What is known of a path that was there before stays known, in whatever order they are.
// What its server has done to this client counts on even if the path is missing for a time.
func Among(c *Choice, now time.Time, paths []Path) *Choice {
	next := New(paths, c.options)
	next.moved, next.gone = c.moved, remembered(c, now)
	known := maps.Clone(next.gone)
	for i := range c.paths {
		known[c.paths[i].Path] = c.paths[i]
	}
	for i, p := range paths {
		if was, ok := known[p]; ok {
			was.samples, was.next = slices.Clone(was.samples), time.Time{}
			next.paths[i] = was
		}
		delete(next.gone, p)
	}
	return next
}

// remembered is what counts of all paths even while they are missing.
func remembered(c *Choice, now time.Time) map[Path]path {
	all := map[Path]path{}
	keep := func(p path) {
		if p.shunned.After(now) || p.weight != Open && now.Sub(p.weighed) <= believed {
			all[p.Path] = path{Path: p.Path, weight: p.weight, weighed: p.weighed, shunned: p.shunned, shunWhy: p.shunWhy, lenient: p.lenient}
		}
	}
	for _, p := range c.gone {
		keep(p)
	}
	for _, p := range c.paths {
		keep(p)
	}
	return all
}
