package client

import (
	"context"
	"reflect"
	"sync"
	"sync/atomic"
	"time"

	"culvert/config"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// adopting takes configurations from who reads them to Run, which goes by the last one.
type adopting struct {
	mu     sync.Mutex     // for Adopt
	latest *config.Config // that was taken last
	next   atomic.Pointer[adoption]
	wake   chan struct{} // has a value while there is a next one; its capacity is 1
}

// adoption is a configuration, and what was made of it.
type adoption struct {
	cfg    *config.Config
	choice profile.Choice
}

// Adopt goes on with another configuration while the connection stays. The caller has
// seen to it that it differs only in what can be taken so (config.Changes). What it says
// of this host and of the connection's timers holds at once, soon after Adopt returns; what
// is about connecting holds from the next connection on. An error says what is wrong with
// the configuration, and leaves everything as it is.
func (c *Client) Adopt(to *config.Config) error {
	a := &c.adopting
	a.mu.Lock()
	defer a.mu.Unlock()
	keepKeys(a.latest, to)
	choice, err := choose(to, c.opts, c.renewing, func(string) {})
	if err != nil {
		return err
	}
	a.latest = to
	a.next.Store(&adoption{to, choice})
	select {
	case a.wake <- struct{}{}:
	default:
	}
	return nil
}

// keepKeys has a configuration use the keys and certificates of another one, which has
// the same: they are unlocked there, or came from whoever manages this process.
func keepKeys(from, to *config.Config) {
	keep := func(from config.Trust, to *config.Trust) {
		to.CA, to.Cert, to.Key, to.ExtraCerts, to.PKCS12, to.AskPass = from.CA, from.Cert, from.Key, from.ExtraCerts, from.PKCS12, from.AskPass
	}
	keep(from.Trust, &to.Trust)
	to.Login.UserPass = from.Login.UserPass // which auth-nocache may have emptied
	for i := range to.Link.Remotes {
		if i < len(from.Link.Remotes) && from.Link.Remotes[i].Settings != nil && to.Link.Remotes[i].Settings != nil {
			keep(from.Link.Remotes[i].Settings.Trust, &to.Link.Remotes[i].Settings.Trust)
		}
	}
}

// adopted has a client go by a configuration that waits, from the next connection on, and
// returns the settings for the present remote, nil if there was none. Run calls it.
func adopted(c *Client) *profile.Settings {
	a := c.adopting.next.Swap(nil)
	if a == nil {
		return nil
	}
	present := reach.Adopt(c.remotes, a.cfg)
	if a.cfg.Login.Retry != c.cfg.Login.Retry {
		c.login.retrying(&a.cfg.Login.Retry)
	}
	c.status.Change(a.cfg.Process)
	c.cfg, c.choice = a.cfg, a.choice
	c.best.adopt(a.choice)
	return c.choice.Of(present)
}

// sameTunnel reports whether two configurations ask the same of this host and of the
// connection's timers, so that nothing is to be settled anew.
func sameTunnel(a, b *config.Config) bool {
	parts := func(c *config.Config) []any {
		return []any{c.Routing, c.Adapter, c.Timers, c.Data, c.Link, c.Hooks, c.Process.Env}
	}
	return reflect.DeepEqual(parts(a), parts(b))
}

// adopt has the present connection go by a configuration that waits, too.
func adopt(ctx context.Context, a *attempt) error {
	s := adopted(a.Client)
	if s == nil {
		return nil
	}
	before := a.base
	a.base = s.Config
	a.peer.Do(func(now time.Time) { a.peer.Session.SetRenewal(now, &s.Session) })
	if a.settled == nil || sameTunnel(before, a.base) {
		return nil
	}
	options, _, err := a.base.FilterPushed(a.unfiltered)
	if err != nil {
		return &lostError{err}
	}
	if _, err := settleAnew(ctx, a, options); err != nil || a.delayed != nil {
		return err
	}
	return a.finish(ctx)
}
