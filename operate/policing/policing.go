// Package policing has a running server go by its policy file (directive policy): it reads
// the file, reads it again when it changes, and knows what the file's words stand for here.
package policing

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"slices"
	"sync"
	"time"

	"culvert/access"
	"culvert/access/policy"
	"culvert/access/users"
	"culvert/config"
	"culvert/role/server"
)

// Policing is that of one running server. Make it with Open, give it to the server with
// Join, and have the file followed by Run. Its methods are safe for concurrent use.
type Policing struct {
	guard  *policy.Guard
	people func() *users.View
	log    *slog.Logger

	mu     sync.Mutex
	cfg    *config.Config
	file   *policy.File
	text   []byte       // of file
	tunnel []netip.Addr // the server's addresses in the tunnel
	here   []netip.Addr // this host's
	missed map[string]bool
}

// Options are what a Policing needs besides its configuration.
type Options struct {
	Log *slog.Logger
	// People returns the users and groups as they are now; nil: there are none.
	People func() *users.View
}

// Open reads the policy of a configuration; nil: it has none.
func Open(c *config.Config, o Options) (*Policing, error) {
	if c.Server.Policy == nil {
		return nil, nil
	}
	if o.People == nil {
		o.People = func() *users.View { return nil }
	}
	p := &Policing{people: o.People, log: o.Log, cfg: c, here: addresses(), missed: make(map[string]bool)}
	file, compiled, err := p.read(c, c.Server.Policy.Text)
	if err != nil {
		return nil, err
	}
	p.file, p.text = file, c.Server.Policy.Text
	p.guard = policy.NewGuard(compiled, func(a *access.Applicant) policy.Who { return policy.WhoIs(a, p.people()) })
	p.remark(file, compiled)
	return p, nil
}

// Name returns what a policy is called in errors: its file, or the configuration.
func Name(c *config.Config) string {
	if f := c.Server.Policy; f.Inline || f.Name == "" {
		return "<policy> of " + f.Pos.File
	}
	return c.Path(c.Server.Policy.Name)
}

// read reads a policy, and has it pass its own tests. The caller holds mu, or nobody else
// has p.
func (p *Policing) read(c *config.Config, text []byte) (*policy.File, *policy.Policy, error) {
	file, err := policy.Parse(Name(c), text)
	if err != nil {
		return nil, nil, err
	}
	compiled := policy.Compile(file, p.place(c))
	failed, _ := compiled.Test(policy.People(p.people()))
	var faults []error
	for _, f := range failed {
		faults = append(faults, f)
	}
	return file, compiled, errors.Join(faults...)
}

// remark warns about names that nobody has, and tests about nobody.
func (p *Policing) remark(file *policy.File, compiled *policy.Policy) {
	people := policy.People(p.people())
	_, unasked := compiled.Test(people)
	for _, fault := range slices.Concat(file.Unknown(people), unasked) {
		if text := fault.Error(); !p.missed[text] {
			p.missed[text] = true
			p.log.Warn("the policy: " + text)
		}
	}
	p.log.Info("the policy is in force", "file", file.Name, "rules", file.Rules(), "tests", file.Tests())
}

// place says what the words server, exit and everyone stand for here.
func (p *Policing) place(c *config.Config) policy.Place {
	place := Place(c)
	place.Server = slices.Concat(p.tunnel, p.here, place.Server)
	return place
}

// Place says what these words stand for by a configuration, wherever it is read.
func Place(c *config.Config) (place policy.Place) {
	s := c.Server
	for _, n := range []netip.Prefix{s.Network, s.NetworkIPv6} {
		if n.IsValid() {
			place.Server = append(place.Server, n.Masked().Addr().Next())
			place.Clients = append(place.Clients, n.Masked())
		}
	}
	if n := s.PoolIPv6; n.IsValid() {
		place.Clients = append(place.Clients, n.Masked())
	}
	place.IPv6 = s.NetworkIPv6.IsValid() || s.PoolIPv6.IsValid()
	place.Inside = append(slices.Clip(place.Clients), pushed(s.Push)...)
	place.Domain = s.Names
	return place
}

// addresses are this host's.
func addresses() (all []netip.Addr) {
	list, _ := net.InterfaceAddrs() // without them, server means the addresses in the tunnel
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok {
			if addr, ok := netip.AddrFromSlice(n.IP); ok {
				all = append(all, addr.Unmap())
			}
		}
	}
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

// Join has a server go by the policy. Others who have a say about the terms of clients
// join before.
func (p *Policing) Join(o *server.Options) {
	if p == nil {
		return
	}
	o.Guard = p.guard
	others := o.People.Terms
	o.People.Terms = func(a *access.Applicant) (t server.Terms) {
		if others != nil {
			t = others(a)
		}
		s := p.guard.Settings(a)
		t.Push, t.Without = append(slices.Clip(t.Push), s.Push...), append(slices.Clip(t.Without), s.Without...)
		return t
	}
}

// Serving notes the addresses that the server has in the tunnel.
func (p *Policing) Serving(v4, v6 netip.Addr) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, a := range []netip.Addr{v4, v6} {
		if a.IsValid() {
			p.tunnel = append(p.tunnel, a)
		}
	}
	p.here = addresses()
	p.guard.Adopt(policy.Compile(p.file, p.place(p.cfg)))
}

// Adopt goes by the policy of another configuration from now on. undo goes back to what
// was before. An error says what is wrong with the file, and leaves everything as it is.
func (p *Policing) Adopt(c *config.Config) (undo func(), err error) {
	if p == nil || c.Server.Policy == nil {
		return func() {}, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	before, cfg, text := p.file, p.cfg, p.text
	if err := p.take(c, c.Server.Policy.Text); err != nil {
		return nil, err
	}
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.cfg, p.file, p.text = cfg, before, text
		p.guard.Adopt(policy.Compile(before, p.place(cfg)))
	}, nil
}

// take goes by another text. The caller holds mu.
func (p *Policing) take(c *config.Config, text []byte) error {
	file, compiled, err := p.read(c, text)
	if err != nil {
		return err
	}
	same := bytes.Equal(text, p.text)
	p.cfg, p.file, p.text = c, file, text
	p.guard.Adopt(compiled)
	if !same {
		p.remark(file, compiled)
	}
	return nil
}

// Changed has every client found out anew, after people or their groups have changed.
func (p *Policing) Changed() {
	if p != nil {
		p.guard.Reconsider()
	}
}

// How often the file is looked at, and this host's addresses.
const (
	lookInterval = 500 * time.Millisecond
	hostInterval = 30 * time.Second
)

// Run reads the file again when it changes, until ctx ends, and calls review
// (server.Server.Review) after each change. read reads files. A text is taken once it has
// been the same for two looks, since an editor may write it in pieces.
func (p *Policing) Run(ctx context.Context, read func(name string) ([]byte, error), review func()) {
	if p == nil {
		return
	}
	look, host := time.NewTicker(lookInterval), time.NewTicker(hostInterval)
	defer look.Stop()
	defer host.Stop()
	watched := watched{read: read}
	var evicted uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			if p.look(&watched) {
				review()
			}
		case <-host.C:
			p.follow()
			if now := p.guard.Statistics().Evicted; now != evicted {
				p.log.Warn("a client has more connections than its table holds, and older ones of it make room", "made room", now-evicted, "limit", policy.MaxFlows)
				evicted = now
			}
		}
	}
}

// watched is the file as it was seen last.
type watched struct {
	read   func(name string) ([]byte, error)
	seen   os.FileInfo // nil: it has to be read
	text   []byte
	failed string // why it was not taken
}

// look reads the file if it may have changed, and reports whether it was taken.
func (p *Policing) look(w *watched) (taken bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if f := p.cfg.Server.Policy; f.Inline || f.Name == "" {
		return false
	}
	name := Name(p.cfg)
	info, err := os.Stat(name)
	if err == nil && w.seen != nil && os.SameFile(info, w.seen) && info.ModTime().Equal(w.seen.ModTime()) && info.Size() == w.seen.Size() {
		return false
	}
	text, err := w.read(name)
	if err == nil && !bytes.Equal(text, w.text) {
		w.text = text
		return false // the next look decides
	}
	switch {
	case err != nil:
		err = fmt.Errorf("%s: %w", name, err)
	case bytes.Equal(text, p.text):
		w.failed = ""
		w.settle(info)
		return false
	default:
		err = p.take(p.cfg, text)
	}
	if err == nil {
		w.failed = ""
		w.settle(info)
		return true
	}
	if w.failed != err.Error() {
		w.failed = err.Error()
		p.log.Error("the policy has changed and cannot be taken; the one before stays in force", "error", err)
	}
	return false
}

// settle notes that the file need not be read again as long as it looks so. What has just
// been changed may change again within one tick of the file system's clock.
func (w *watched) settle(info os.FileInfo) {
	if w.seen = nil; info != nil && time.Since(info.ModTime()) > 2*time.Second {
		w.seen = info
	}
}

// follow notes other addresses of this host.
func (p *Policing) follow() {
	now := addresses()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !slices.Equal(now, p.here) {
		p.here = now
		p.guard.Adopt(policy.Compile(p.file, p.place(p.cfg)))
	}
}
