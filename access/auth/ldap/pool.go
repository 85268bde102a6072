package ldap

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	// maxIdle is how many connections are kept for the next questions, and maxIdleTime for
	// how long: firewalls forget connections without saying so.
	maxIdle     = 4
	maxIdleTime = 30 * time.Second
)

// kept is a connection that outlives a question.
type kept interface {
	directory
	// detach keeps the connection from being closed with the context that it was given; it
	// reports whether it is still open.
	detach() bool
	// attach has it closed with a context.
	attach(ctx context.Context)
}

// pool keeps connections for searches.
type pool struct {
	dial func(ctx context.Context) (directory, error)

	mu     sync.Mutex
	idle   []idle // the one that was used last is the last
	closed bool
}

type idle struct {
	connection kept
	timer      *time.Timer
}

// use calls f with a connection. A connection that was kept may have ended meanwhile: f is
// then called again, with a new one.
func (p *pool) use(ctx context.Context, f func(directory) error) error {
	if d := p.take(); d != nil {
		d.attach(ctx)
		err := f(d)
		if !ldap.IsErrorAnyOf(err, ldap.ErrorNetwork) || ctx.Err() != nil {
			p.give(d, err)
			return err
		}
		d.Close()
	}
	d, err := p.dial(ctx)
	if err != nil {
		return err
	}
	err = f(d)
	p.give(d, err)
	return err
}

func (p *pool) take() kept {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.idle) > 0 {
		last := p.idle[len(p.idle)-1]
		p.idle = p.idle[:len(p.idle)-1]
		if last.timer.Stop() {
			return last.connection
		}
	}
	return nil
}

// give keeps a connection, or closes it: after a failure of the connection or of the server,
// what comes next may belong to a question of before.
func (p *pool) give(d directory, err error) {
	k, can := d.(kept)
	if !can || unsure(err) || !k.detach() {
		d.Close()
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || len(p.idle) >= maxIdle {
		d.Close()
		return
	}
	p.idle = append(p.idle, idle{k, time.AfterFunc(maxIdleTime, func() { p.drop(k) })})
}

// unsure reports whether after an error a connection may be in an unknown state.
func unsure(err error) bool {
	var of *ldap.Error
	return errors.As(err, &of) && of.ResultCode != ldap.LDAPResultNoSuchObject && of.ResultCode != ldap.LDAPResultSizeLimitExceeded
}

// drop closes a connection that nobody has used for a while.
func (p *pool) drop(k kept) {
	p.mu.Lock()
	for i, other := range p.idle {
		if other.connection == k {
			p.idle = append(p.idle[:i:i], p.idle[i+1:]...)
			break
		}
	}
	p.mu.Unlock()
	k.Close()
}

func (p *pool) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	for _, one := range p.idle {
		if one.timer.Stop() {
			one.connection.Close()
		}
	}
	p.idle = nil
}
