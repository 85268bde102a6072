package splitdns

import (
	"maps"
	"sync"
	"time"
)

// maxNames bounds the names that are remembered because others lead to them.
const maxNames = 4096

// aliases are names that chosen names lead to, such as the target of a CNAME, which somebody
// may ask for next. As long as an answer lives that leads there, they are treated as the last one's name.
// The zero value is empty.
type aliases struct {
	mu    sync.Mutex
	until map[string]alias
}

type alias struct {
	end time.Time
	as  Decision
}

func (a *aliases) add(names []string, as Decision, now time.Time, lifetime time.Duration) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.until == nil {
		a.until = map[string]alias{}
	}
	for _, n := range names {
		if _, known := a.until[n]; !known && len(a.until) >= maxNames {
			a.makeRoom(now)
		}
		end := now.Add(lifetime)
		if before := a.until[n].end; before.After(end) {
			end = before
		}
		a.until[n] = alias{end, as}
	}
}

// makeRoom forgets what has ended, and if that is not enough, an eighth of the names.
func (a *aliases) makeRoom(now time.Time) {
	maps.DeleteFunc(a.until, func(_ string, of alias) bool { return !of.end.After(now) })
	for n := range a.until {
		if len(a.until) <= maxNames*7/8 {
			return
		}
		delete(a.until, n)
	}
}

// of returns how to treat a name that another leads to.
func (a *aliases) of(name string, now time.Time) (as Decision, ok bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	of, ok := a.until[name]
	return of.as, ok && of.end.After(now)
}
