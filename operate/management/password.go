package management

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"culvert/config"
)

const (
	// passwordTime is how long a reader may take to give the password.
	passwordTime = time.Minute
	// mostTries is how many wrong passwords a connection may give.
	mostTries = 3
	// slowest is the longest that an answer to a wrong password waits. The first takes
	// firstDelay, and each further one, of whichever connection, twice as long.
	firstDelay = time.Second
	slowest    = 16 * time.Second
)

// readPassword returns the first line of the password file; nil without a file.
func readPassword(cfg config.Management, ask func(string) (string, error)) ([]byte, error) {
	if cfg.PasswordFile == "" {
		return nil, nil
	}
	if cfg.PasswordFile == "stdin" && ask != nil {
		text, err := ask("management password")
		if err == nil && text == "" {
			err = errors.New("it is empty")
		}
		return []byte(text), err
	}
	text, err := os.ReadFile(cfg.PasswordFile)
	if err != nil {
		return nil, fmt.Errorf("management: the password file: %w; name a file with the password on its first line", err)
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if line = bytes.TrimRight(line, "\r"); len(line) == 0 {
		return nil, fmt.Errorf("management: the first line of %s is empty; it has to hold the password", cfg.PasswordFile)
	}
	return line, nil
}

// errPassword reports a reader that did not know the password.
var errPassword = errors.New("its password is wrong")

// askPassword asks for the password until it is right.
func (d door) askPassword(r *reader) error {
	r.conn.SetReadDeadline(time.Now().Add(passwordTime))
	for range mostTries {
		if err := d.ctx.Err(); err != nil {
			return err
		}
		r.push([]byte("ENTER PASSWORD:"))
		line, err := readLine(r.input)
		if err != nil && !errors.Is(err, errLong) {
			return err
		}
		if err == nil && d.right(line) {
			d.gate.passed()
			r.conn.SetReadDeadline(time.Time{})
			return nil
		}
		if err := d.gate.wait(d.ctx); err != nil {
			return err
		}
	}
	return errPassword
}

// right compares a password in a time that does not depend on either.
func (d door) right(line string) bool {
	want, got := sha256.Sum256(d.password), sha256.Sum256([]byte(line))
	return subtle.ConstantTimeCompare(want[:], got[:]) == 1
}

// gate slows those who guess passwords: the answer to each wrong one takes longer, for
// all connections together.
type gate struct {
	mu    sync.Mutex
	delay time.Duration
	turn  time.Time // the last answer that was promised
}

// wait waits until a wrong password may be answered.
func (g *gate) wait(ctx context.Context) error {
	g.mu.Lock()
	g.delay = min(max(firstDelay, 2*g.delay), slowest)
	now := time.Now()
	if g.turn.Before(now) {
		g.turn = now
	}
	g.turn = g.turn.Add(g.delay)
	pause := g.turn.Sub(now)
	g.mu.Unlock()
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (g *gate) passed() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.delay = 0
}
