package client

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"culvert/config"
	"culvert/internal/printable"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/role/profile/reach/fastest"
	"culvert/session"
)

// The pace of measuring. Package fastest has the rule.
const (
	// rounds are the packets that each path gets for a first choice, roundGap apart.
	rounds, roundGap = 3, 60 * time.Millisecond
	// firstTime is the longest that a first choice takes.
	firstTime = 1500 * time.Millisecond
	// sampleTime is how long a packet may take to be answered.
	sampleTime = time.Second
	// freshTime is how long a table of measurements is gone on with for the next connection.
	freshTime = 15 * time.Second
)

// best chooses the best of several servers (`remote-select fastest`), and goes on watching
// them. A nil one does nothing.
type best struct {
	steady time.Duration
	probe  func(context.Context, *profile.Settings, reach.Target) (time.Duration, error)

	mu       sync.Mutex
	settings profile.Choice
	targets  []reach.Target // of choice, by number
	choice   *fastest.Choice
	at       time.Time // the targets were resolved
	present  int       // of targets; -1: none
	moving   bool      // a move that it asked for is under way
	bound    bool      // to the present server, since only the user can log in to another

	wished   atomic.Bool // the user has said which server is the next
	refusing atomic.Bool // somebody has said since the last look that the server refuses packets
}

// newBest returns a best if the configuration asks for one, and leaves the choice to nobody
// else.
func newBest(c *config.Config, d reach.Dialer, settings profile.Choice) *best {
	if !c.Link.RemoteSelect.Fastest || c.Management.QueryRemote {
		return nil
	}
	return &best{steady: c.Link.RemoteSelect.Steady, present: -1, settings: settings, probe: func(ctx context.Context, s *profile.Settings, t reach.Target) (time.Duration, error) {
		return reach.Probe(ctx, &d, s, t)
	}}
}

// adopt has it go by other settings.
func (b *best) adopt(settings profile.Choice) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.settings = settings
}

// choose measures the servers and has r try the best next. Where nobody answers, r goes on
// in its own order. It belongs to Run.
func (b *best) choose(ctx context.Context, r *reach.Remotes) {
	if b == nil || b.wished.Swap(false) {
		return
	}
	if err := b.measure(ctx, r); err != nil {
		return // r resolves them one by one, and says what is wrong
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n, ok := b.choice.Best(time.Now()); ok {
		reach.Prefer(r, b.targets[n])
	}
}

// giveWay has the next choice left to the user, if they have made one.
func (b *best) giveWay(chosen bool) {
	if b != nil && chosen {
		b.wished.Store(true)
	}
}

// measure makes the table of servers, unless there is a fresh one.
func (b *best) measure(ctx context.Context, r *reach.Remotes) error {
	b.mu.Lock()
	fresh := b.choice != nil && time.Since(b.at) < freshTime
	b.mu.Unlock()
	if fresh {
		return nil
	}
	targets, err := reach.All(ctx, r)
	if err != nil {
		return err
	}
	b.know(targets)
	ctx, cancel := context.WithTimeout(ctx, firstTime)
	defer cancel()
	results := make(chan struct{}, rounds*len(targets))
	for round := range rounds {
		for n := range targets {
			go func() {
				b.sample(context.WithoutCancel(ctx), b.path(n))
				results <- struct{}{}
			}()
		}
		if round < rounds-1 {
			idleFor(ctx, roundGap)
		}
	}
	b.await(ctx, results)
	return nil
}

// know has the table be about targets, and keeps what is known of those that were there
// before.
func (b *best) know(targets []reach.Target) {
	b.mu.Lock()
	defer b.mu.Unlock()
	same := slices.EqualFunc(targets, b.targets, reach.Target.Same)
	b.at = time.Now()
	if same && b.choice != nil {
		return
	}
	var paths []fastest.Path
	for _, t := range targets {
		paths = append(paths, fastest.Path{Name: t.String(), TCP: t.Remote.Proto.TCP})
	}
	if b.choice == nil {
		b.choice = fastest.New(nil, fastest.Options{Steady: b.steady})
	}
	b.targets, b.choice, b.present = targets, fastest.Among(b.choice, b.at, paths), -1
}

// await waits until no answer that is still missing could make another server the best, or
// ctx ends.
func (b *best) await(ctx context.Context, results <-chan struct{}) {
	began := time.Now()
	for {
		b.mu.Lock()
		enough, delay := b.choice.Leads(time.Now())
		b.mu.Unlock()
		left := time.Until(began.Add(2*delay + roundGap))
		if enough && left <= 0 {
			return
		}
		if !enough {
			left = firstTime
		}
		timer := time.NewTimer(left)
		select {
		case <-results:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// idleFor waits for d, or until ctx ends.
func idleFor(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// measured is a path to measure, of a choice that may be another one by then.
type measured struct {
	choice   *fastest.Choice
	n        int
	target   reach.Target
	settings *profile.Settings
}

// path is one of the present choice.
func (b *best) path(n int) measured {
	b.mu.Lock()
	defer b.mu.Unlock()
	return measured{b.choice, n, b.targets[n], b.settings.Of(b.targets[n].Remote)}
}

// sample measures a path once.
func (b *best) sample(ctx context.Context, p measured) {
	ctx, cancel := context.WithTimeout(ctx, sampleTime)
	defer cancel()
	began := time.Now()
	delay, err := b.probe(ctx, p.settings, p.target)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.choice == p.choice {
		if err != nil {
			delay = time.Since(began)
		}
		p.choice.Sample(time.Now(), p.n, delay, err != nil)
	}
}

// servers are the addresses that are measured, which have to be reached past the tunnel.
func (b *best) servers() (list []netip.Addr) {
	if b == nil {
		return nil
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, t := range b.targets {
		if a := t.Near().Addr(); !slices.Contains(list, a) {
			list = append(list, a)
		}
	}
	return list
}

// use notes the target in use, with what its server says of itself; nil for none.
func (b *best) use(t *reach.Target, settled *config.Config) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.choice == nil {
		return
	}
	b.present, b.moving, b.bound = -1, false, false
	if t != nil {
		b.present = slices.IndexFunc(b.targets, t.Same)
	}
	b.choice.Use(time.Now(), b.present)
	if b.present >= 0 {
		b.choice.Weigh(time.Now(), b.present, weightOf(settled))
	}
}

// weightName is the variable by which a server says whether it wants clients: a push of
// `setenv-safe SERVER_WEIGHT full`, which others ignore.
const weightName = "OPENVPN_SERVER_WEIGHT"

// weightOf is what a server says of itself.
func weightOf(settled *config.Config) (w fastest.Weight) {
	for _, v := range settled.Process.Env {
		if v.Name == weightName {
			w = map[string]fastest.Weight{"full": fastest.Full, "draining": fastest.Draining}[v.Value]
		}
	}
	return w
}

// refused leaves a target out for a while, whose server did not let this client in.
func (b *best) refused(t reach.Target, err error) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := slices.IndexFunc(b.targets, t.Same); n >= 0 {
		b.choice.Refused(time.Now(), n, leftOut(err))
		b.at = time.Time{}
	}
}

// doubt has the servers measured anew before the next connection, however fresh the table is,
// and what was known of a target forgotten: the connection to it ended.
func (b *best) doubt(t reach.Target) {
	if b == nil {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if n := slices.IndexFunc(b.targets, t.Same); n >= 0 {
		fastest.Forget(b.choice, n)
		b.at = time.Time{}
	}
}

// table is what is known of the servers.
func (b *best) table() []fastest.Row {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.choice == nil {
		return nil
	}
	return b.choice.Table(time.Now())
}

// watching begins to watch, until stop is called.
func (b *best) watching(ctx context.Context, c *Client) (stop func()) {
	if b == nil {
		return func() {}
	}
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		b.watch(ctx, c)
	}()
	return func() {
		cancel()
		<-done
	}
}

// watch looks after the servers until ctx ends: it measures, and asks c to move where
// another one is better.
func (b *best) watch(ctx context.Context, c *Client) {
	k := newKnocking()
	for timer := time.NewTimer(beat); ; timer.Reset(k.beat()) {
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		b.mu.Lock()
		present, choice := b.present, b.choice
		b.mu.Unlock()
		peer := c.Server()
		if present < 0 || peer == nil {
			k.reset()
			continue
		}
		k.step(time.Now(), peer, func(f func(now time.Time, c *fastest.Choice)) {
			b.mu.Lock()
			defer b.mu.Unlock()
			if b.choice == choice && b.present == present {
				f(time.Now(), choice)
			}
		}, present, b.refusing.Swap(false))
		b.act(ctx, c)
	}
}

// act measures what is due, and moves if that is decided.
func (b *best) act(ctx context.Context, c *Client) {
	b.mu.Lock()
	defer b.mu.Unlock()
	now := time.Now()
	for _, n := range b.choice.Due(now) {
		go b.sample(ctx, measured{b.choice, n, b.targets[n], b.settings.Of(b.targets[n].Remote)})
	}
	to, why, ok := b.choice.Decide(now)
	if !ok || b.moving || b.bound || c.sleeper.slept() > 0 { // what fell silent meanwhile is asked anew
		return
	}
	b.moving = true
	t := b.targets[to]
	moved := c.mover.ask(wish{remote: t.Remote, target: &t, why: why, itself: true, hasty: b.choice.Silent()})
	go func() {
		if err := <-moved; err != nil {
			b.stayed(t, err)
		}
	}()
}

// hear takes what the system says of packets: a server that is said to refuse them is asked
// at once. Anybody can forge that, and it has no other effect.
func (b *best) hear(err error) {
	if b != nil && isRefusal(err) {
		b.refusing.Store(true)
	}
}

// stayed notes that a move failed: its server is left out for a while, unless something else
// was in the way.
func (b *best) stayed(t reach.Target, err error) {
	asks := errors.Is(err, errAsks)
	if !asks && !errors.Is(err, errBusy) && !errors.Is(err, errSuperseded) && !errors.Is(err, errEnded) && !errors.Is(err, errOver) {
		b.refused(t, err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.moving, b.bound = false, asks
}

// leftOut says for people why a server is left out.
func leftOut(err error) string {
	if !letIn(err) {
		return "it answered, and did not let this client in"
	}
	return printable.Line(err.Error())
}

// letIn reports whether an error shows that a server answered and did not let this client in,
// so that another is to be tried.
func letIn(err error) bool {
	var refused *session.AuthFailedError
	var handshake *session.HandshakeError
	return !errors.As(err, &refused) && !errors.As(err, &handshake)
}
