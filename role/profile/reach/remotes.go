// Package reach finds the other end and connects to it: it goes round the
// remotes of a configuration and their addresses, and opens links to them,
// directly or through a proxy. Clients and paired hosts use it alike.
package reach

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"time"

	"culvert/config"
	"culvert/role/event"
	"culvert/role/profile"
)

// Target is one address of a remote.
type Target struct {
	Remote config.Remote
	// Settings is the configuration, with the settings of the remote's own
	// <connection> block.
	Settings *config.Config
	// Addr is where packets go: to the other end, or over TCP to the proxy.
	Addr netip.AddrPort

	// host and port are the other end's. A proxy resolves them.
	host string
	port uint16
	// relay is the SOCKS proxy for UDP; not valid without one.
	relay    netip.AddrPort
	viaProxy bool
}

func (t Target) String() string { return t.Reported().String() }

// Reported returns the target in the form that events have.
func (t Target) Reported() event.Remote {
	r := event.Remote{Host: t.Remote.Host, Proto: t.Remote.Proto.Transport(), Addr: t.Addr}
	if t.viaProxy {
		r.Host, r.Addr, r.Proxy = fmt.Sprintf("%s:%d", t.host, t.port), t.Near(), true
	}
	return r
}

// Near returns the address that this host's own packets go to, past the tunnel.
func (t Target) Near() netip.AddrPort {
	if t.relay.IsValid() {
		return t.relay
	}
	return t.Addr
}

// ErrExhausted reports that every remote was tried as often as connect-retry-max
// allows.
var ErrExhausted = errors.New("every remote was tried as often as connect-retry-max allows")

// Remotes goes round the remotes of a configuration and their addresses.
type Remotes struct {
	// Log gets a line when addresses from before are used because nobody answered
	// for a name.
	Log *slog.Logger
	// Chooser is asked where connections go, as far as the configuration says so; nil:
	// nobody is.
	Chooser Chooser

	list    []config.Remote
	resolve profile.Resolver
	tries   int      // rounds allowed; 0: no limit
	tried   int      // remotes tried since the other end was reached
	at      int      // the next remote
	lastAt  int      // the present one
	queue   []Target // addresses of the present one not tried yet
	last    *Target
	stay    bool // at the last target
	anew    bool // ask again for the last target's remote
	memory
	learning sync.Mutex // of memory and recalls, while All asks for several names at once

	mu   sync.Mutex
	seen map[netip.AddrPort]bool // addresses of all targets so far

	cfg     *config.Config
	failing time.Time         // since when no name has had an address; zero: one has
	recalls map[string]string // by name, the logged reason why memory is used instead of an answer
}

// NewRemotes returns the remotes of c, at the first one. resolve finds addresses; nil:
// the system's resolver.
func NewRemotes(c *config.Config, resolve profile.Resolver) *Remotes {
	if resolve == nil {
		resolve = profile.SystemResolver
	}
	r := &Remotes{Log: slog.New(slog.DiscardHandler), list: append([]config.Remote(nil), c.Link.Remotes...), cfg: c, resolve: resolve, tries: c.Link.ConnectTries}
	if c.Link.RemoteRandom {
		rand.Shuffle(len(r.list), func(i, j int) { r.list[i], r.list[j] = r.list[j], r.list[i] })
	}
	return r
}

// Stay makes Next return the last target once more.
func (r *Remotes) Stay() { r.stay = r.last != nil }

// StayAnew makes Next ask again for the addresses of the last target's remote,
// which may have moved, and go on with the target if it is still one of them.
func (r *Remotes) StayAnew() { r.anew = r.last != nil }

// Leave skips the addresses of the present remote that were not tried yet.
func (r *Remotes) Leave() { r.queue = nil }

// Reached notes that the other end answered. The tries that connect-retry-max allows
// are counted from zero again.
func (r *Remotes) Reached() {
	r.tried = 0
	r.memory.reached(r.last.names())
}

// Next returns the target to try now.
func (r *Remotes) Next(ctx context.Context) (Target, error) {
	if r.consults() && (r.stay || r.anew) {
		r.again()
	}
	if r.stay {
		r.stay = false
		return *r.last, nil
	}
	if r.anew {
		r.anew = false
		r.askAnew(ctx)
	}
	t, err := r.Peek(ctx)
	if err != nil {
		return t, err
	}
	r.queue = r.queue[1:]
	r.last = &t
	return t, nil
}

// briefly is the time limit for asking for a remote's name when its address was right
// until now and may still be.
const briefly = 2 * time.Second

// askAnew puts the addresses of the last target's remote in the queue, the target's
// own first.
func (r *Remotes) askAnew(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, briefly)
	defer cancel()
	queue, err := r.targets(ctx, r.last.Remote, r.settingsOf(r.last.Remote))
	if err != nil {
		queue = []Target{*r.last}
	}
	name, addr := r.last.name(), r.last.Addr
	at := slices.IndexFunc(queue, func(t Target) bool { return t.Addr == addr })
	if at > 0 && r.current(name, addr.Addr()) {
		queue[0], queue[at] = queue[at], queue[0]
	}
	r.queue = queue
	r.note(queue)
}

// Peek returns the target that Next will return, without moving on.
func (r *Remotes) Peek(ctx context.Context) (Target, error) {
	if len(r.queue) == 0 {
		if err := r.fill(ctx); err != nil {
			return Target{}, err
		}
	}
	return r.queue[0], nil
}

// patientTries is the number of failures for each remote after which the wait between
// tries begins to double (man page, connect-retry).
const patientTries = 5

// leastWait is the wait that begins to double when connect-retry is 0, so that a
// server that refuses at once does not keep a processor busy.
const leastWait = 50 * time.Millisecond

// permanentRetry is the first wait after a failure that people have to mend.
const permanentRetry = 5 * time.Second

// Wait returns how long to wait after a number of failures in a row. permanent says
// that the last one will come again until people mend something.
func (r *Remotes) Wait(failures int, permanent bool) time.Duration {
	cfg := r.cfg
	if r.last != nil {
		cfg = r.last.Settings
	}
	wait := cfg.Link.ConnectRetry
	each, patient := failures/max(len(r.list), 1), patientTries
	if permanent {
		wait, patient = max(wait, permanentRetry), 1
	}
	if permanent && r.stay { // no other remote is next
		each = failures
	}
	impatient := each - patient
	if impatient > 0 && wait == 0 {
		wait = leastWait
	}
	for range min(impatient, 20) {
		wait *= 2
	}
	return min(wait, max(cfg.Link.ConnectRetryMax, cfg.Link.ConnectRetry, leastWait))
}

// ErrUnresolved reports that no name had an address for as long as resolv-retry
// allows.
var ErrUnresolved = errors.New("no remote's name has had an address for the time of resolv-retry")

// fill resolves the next remote.
func (r *Remotes) fill(ctx context.Context) error {
	if len(r.list) == 0 {
		return errors.New("there is no remote")
	}
	if exhausted(r) {
		return ErrExhausted
	}
	remote, cfg, err := r.chosen(ctx)
	if err != nil {
		return err
	}
	r.tried++
	queue, err := r.targets(ctx, remote, cfg)
	if err != nil {
		return r.unresolved(err)
	}
	r.failing, r.queue = time.Time{}, queue
	r.note(queue)
	return nil
}

// exhausted reports whether every remote was tried as often as it may be.
func exhausted(r *Remotes) bool { return r.tries > 0 && r.tried >= r.tries*len(r.list) }

// note keeps the addresses of targets for Knows.
func (r *Remotes) note(targets []Target) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.seen == nil {
		r.seen = make(map[netip.AddrPort]bool)
	}
	for _, t := range targets {
		r.seen[t.Addr] = true
	}
}

// Learn resolves all remotes for Knows, without trying any. It fails if none of them
// has an address.
func (r *Remotes) Learn(ctx context.Context) error {
	var failed error
	found := len(r.list) == 0
	for _, remote := range r.list {
		targets, err := r.targets(ctx, remote, r.settingsOf(remote))
		if err != nil {
			failed = err
			continue
		}
		found = true
		r.note(targets)
	}
	if found {
		return nil
	}
	return failed
}

// Alone reports whether, as far as is known, the address being tried is the only
// one.
func (r *Remotes) Alone() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.list) <= 1 && len(r.seen) <= 1
}

// None reports whether there are no remotes.
func (r *Remotes) None() bool { return len(r.list) == 0 }

// Knows reports whether a remote has resolved to an address; with anyPort, whatever
// the port. Any goroutine may call it.
func (r *Remotes) Knows(a netip.AddrPort, anyPort bool) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !anyPort || r.seen[a] {
		return r.seen[a]
	}
	for known := range r.seen {
		if known.Addr() == a.Addr() {
			return true
		}
	}
	return false
}

// unresolved makes the failure to resolve a remote final when all of them have
// failed for too long.
func (r *Remotes) unresolved(err error) error {
	now := time.Now()
	if r.failing.IsZero() {
		r.failing = now
	}
	if limit := r.cfg.Link.ResolvRetry; limit >= 0 && r.at == len(r.list) && now.Sub(r.failing) >= limit {
		return fmt.Errorf("%w (%v): %w", ErrUnresolved, limit, err)
	}
	return err
}

// targets returns the targets to try for a remote, with its configuration: at the
// server's addresses, or the proxy's. A proxy finds the server itself unless it relays
// datagrams.
func (r *Remotes) targets(ctx context.Context, remote config.Remote, cfg *config.Config) ([]Target, error) {
	t := Target{Remote: remote, Settings: cfg, host: r.serverName(remote.Host)}
	var err error
	if t.port, err = profile.LookupPort(ctx, remote); err != nil {
		return nil, err
	}
	var servers, proxies []netip.AddrPort
	if proxy := proxyOf(cfg); proxy.Host != "" {
		t.viaProxy = true
		if proxies, err = r.endpoints(ctx, proxy, proxy.Host); err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
	}
	if t.viaProxy && remote.Proto.TCP {
		return t.at(proxies), nil
	}
	if servers, err = r.endpoints(ctx, remote, t.host); err != nil {
		return nil, err
	}
	if t.viaProxy {
		t.relay = proxies[0]
	}
	return t.at(servers), nil
}

// at returns a target for each address.
func (t Target) at(addrs []netip.AddrPort) (list []Target) {
	for _, a := range addrs {
		t.Addr = a
		list = append(list, t)
	}
	return list
}

// name returns the name that resolved to Addr: the remote's, or over TCP its
// proxy's.
func (t *Target) name() string {
	if t.viaProxy && !t.relay.IsValid() {
		return proxyOf(t.Settings).Host
	}
	return t.Remote.Host
}

// names returns the names that were used, and their addresses; nil for no target.
func (t *Target) names() map[string]netip.Addr {
	if t == nil {
		return nil
	}
	used := map[string]netip.Addr{t.name(): t.Addr.Addr()}
	if t.relay.IsValid() {
		used[proxyOf(t.Settings).Host] = t.relay.Addr()
	}
	return used
}

// proxyOf returns the proxy as a remote, which has no host if there is no proxy.
func proxyOf(c *config.Config) config.Remote {
	r := config.Remote{Proto: config.Proto{TCP: true}, Settings: c}
	switch {
	case c.Link.HTTPProxy != nil:
		r.Host, r.Port, r.Pos = c.Link.HTTPProxy.Host, c.Link.HTTPProxy.Port, c.Link.HTTPProxy.Pos
	case c.Link.SOCKSProxy != nil:
		r.Host, r.Port, r.Pos = c.Link.SOCKSProxy.Host, c.Link.SOCKSProxy.Port, c.Link.SOCKSProxy.Pos
	}
	return r
}

// serverName returns the name to resolve for a remote. With remote-random-hostname it
// begins with random characters, which no cache has seen.
func (r *Remotes) serverName(host string) string {
	if _, err := netip.ParseAddr(host); err == nil || !r.cfg.Link.RemoteRandomHostname {
		return host
	}
	return fmt.Sprintf("%012x.%s", rand.Uint64()>>16, host)
}

// endpoints returns the addresses of a host, with its port.
func (r *Remotes) endpoints(ctx context.Context, remote config.Remote, name string) ([]netip.AddrPort, error) {
	port, err := profile.LookupPort(ctx, remote)
	if err != nil {
		return nil, err
	}
	addrs, err := r.addresses(ctx, remote, name)
	if err != nil {
		return nil, err
	}
	var list []netip.AddrPort
	for _, a := range addrs {
		if a, err = profile.Scoped(cmp.Or(remote.Settings, r.cfg).Link, a.Unmap()); err != nil {
			return nil, fmt.Errorf("%v: %w", remote.Pos, err)
		}
		list = append(list, netip.AddrPortFrom(a, port))
	}
	return list, nil
}

// addresses resolves a remote, or falls back on the addresses from before.
func (r *Remotes) addresses(ctx context.Context, remote config.Remote, name string) ([]netip.Addr, error) {
	addrs, err := profile.LookupHost(ctx, r.resolve, remote, name)
	r.learning.Lock()
	defer r.learning.Unlock()
	if err == nil {
		delete(r.recalls, remote.Host)
		return r.learn(remote.Host, addrs, time.Now()), nil
	}
	if before := r.recall(remote.Host, time.Now()); before != nil {
		r.sayRecalled(ctx, remote.Host, before, err)
		return before, nil
	}
	return nil, err
}

// sayRecalled logs why addresses from before are tried: once for each reason.
func (r *Remotes) sayRecalled(ctx context.Context, host string, before []netip.Addr, why error) {
	level := slog.LevelWarn
	if r.recalls[host] == why.Error() {
		level = slog.LevelDebug
	}
	if r.recalls == nil {
		r.recalls = make(map[string]string)
	}
	r.recalls[host] = why.Error()
	r.Log.Log(ctx, level, "no answer for a name, so what it meant before is tried", "name", host, "addresses", before, "reason", why)
}
