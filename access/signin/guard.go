package signin

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"net/netip"
	"strings"
	"sync"
	"time"
)

// Wrong guesses are slowed down. A client from a device or place that is known to be the
// user's has a budget of its own, which strangers cannot use up. Strangers share two: that
// of the name that they give, and that of the network they come from. Both tables have a
// fixed size: names and networks that fall on the same entry share it.
const (
	strangeNames  = 1 << 13
	strangePlaces = 1 << 14
	maxKnown      = 1 << 16 // devices and places with a wrong guess
)

// limit says how a budget is used up.
type limit struct {
	free    int           // guesses without a wait
	longest time.Duration // wait
}

var (
	limitName  = limit{5, 15 * time.Minute}
	limitPlace = limit{20, 5 * time.Minute}
	limitKnown = limit{10, 5 * time.Minute}
)

// forget is the time after which wrong guesses do not count any more.
const forget = time.Hour

// budget counts guesses that were wrong, or whose result is not known yet.
type budget struct {
	guesses int
	last    time.Time
}

// wait is how long the next guess has to wait.
func (b *budget) wait(now time.Time, l limit) time.Duration {
	if now.Sub(b.last) > forget {
		b.guesses = 0
	}
	if b.guesses < l.free {
		return 0
	}
	pause := min(time.Second<<min(b.guesses-l.free, 20), l.longest)
	return max(0, b.last.Add(pause).Sub(now))
}

// from is where a guess comes from.
type from struct {
	user  string       // the name that the client gave
	place netip.Prefix // its network
	// own is the device or place that is known to be the user's; "" for a stranger.
	own string
}

// guard slows wrong guesses down. Make it with newGuard.
type guard struct {
	mu     sync.Mutex
	key    [16]byte // secret, so that nobody can choose who shares an entry
	names  [strangeNames]budget
	places [strangePlaces]budget
	known  map[string]*budget
}

func newGuard() *guard {
	g := &guard{known: make(map[string]*budget)}
	rand.Read(g.key[:])
	return g
}

// entry is the place of a text in a table of a size.
func (g *guard) entry(text string, size uint64) uint64 {
	sum := sha256.Sum256(append(g.key[:], text...))
	return binary.BigEndian.Uint64(sum[:]) % size
}

// budgets returns those that a guess uses, with their limits. The caller holds mu.
func (g *guard) budgets(f from, now time.Time) ([]*budget, []limit) {
	if f.own != "" {
		return []*budget{g.ofKnown(f.user+"\x00"+f.own, now)}, []limit{limitKnown}
	}
	name := g.entry(strings.ToLower(f.user), strangeNames)
	place := g.entry(f.place.String(), strangePlaces)
	return []*budget{&g.names[name], &g.places[place]}, []limit{limitName, limitPlace}
}

func (g *guard) ofKnown(key string, now time.Time) *budget {
	if b := g.known[key]; b != nil {
		return b
	}
	if len(g.known) >= maxKnown {
		g.clean(now)
	}
	b := new(budget)
	g.known[key] = b
	return b
}

// clean makes room: what is forgotten goes, and if that is not enough, any quarter.
func (g *guard) clean(now time.Time) {
	for key, b := range g.known {
		if now.Sub(b.last) > forget {
			delete(g.known, key)
		}
	}
	for key := range g.known {
		if len(g.known) < maxKnown/4*3 {
			return
		}
		delete(g.known, key)
	}
}

// guess asks for a guess, and charges for it until it is found right. It returns how long
// the client has to wait instead; 0 for nothing.
func (g *guard) guess(now time.Time, f from) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	all, limits := g.budgets(f, now)
	var wait time.Duration
	for i, b := range all {
		wait = max(wait, b.wait(now, limits[i]))
	}
	if wait > 0 {
		return wait
	}
	for _, b := range all {
		b.guesses++
		b.last = now
	}
	return 0
}

// right gives back what a guess was charged.
func (g *guard) right(now time.Time, f from) {
	g.mu.Lock()
	defer g.mu.Unlock()
	all, _ := g.budgets(f, now)
	for _, b := range all {
		b.guesses = max(0, b.guesses-1)
	}
}

// forgive forgets the wrong guesses of the user's own device or place, once the user has
// shown everything: a password that is right says nothing of the codes that follow it.
func (g *guard) forgive(f from) {
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.known, f.user+"\x00"+f.own)
}
