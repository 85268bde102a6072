package oidc

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hang has the provider take the first question at a path and answer none of it before
// the test ends. The channel that it returns is closed when that is asked.
func (w *world) hang(path string) (asked chan struct{}, release func()) {
	asked, over := make(chan struct{}), make(chan struct{})
	var first atomic.Bool
	w.fake.Mu.Lock()
	defer w.fake.Mu.Unlock()
	w.fake.Before = func(_ http.ResponseWriter, at string) bool {
		if at != path || first.Swap(true) {
			return false
		}
		close(asked)
		w.fake.Mu.Unlock() // it answers others
		<-over
		w.fake.Mu.Lock()
		return true
	}
	return asked, func() { close(over) }
}

// TestTokenHangs: while the provider answers nothing about one person, another signs in. The
// first is told to try again, and their client waits for that.
func TestTokenHangs(t *testing.T) {
	w := newWorld(t)
	if _, err := w.source.provider.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	asked, release := w.hang("/token")
	page, end := w.wait("alice")
	type read struct {
		status int
		text   string
	}
	first := make(chan read, 1)
	go func() {
		status, text := w.browser().signIn(page)
		first <- read{status, text}
	}()
	<-asked
	other, otherEnd := w.wait("alice")
	if status, text := w.browser().signIn(other); status != http.StatusOK {
		t.Errorf("meanwhile: %d %s", status, text)
	}
	if got := <-otherEnd; got.err != nil || got.person.Name != "alice" {
		t.Errorf("meanwhile: %+v", got)
	}
	select {
	case r := <-first:
		t.Errorf("the first did not wait: %d %s", r.status, r.text)
	default:
	}
	release()
	if r := <-first; r.status != http.StatusBadGateway || !strings.Contains(r.text, "Try again") {
		t.Errorf("%d %s", r.status, r.text)
	}
	select {
	case got := <-end:
		t.Errorf("the client did not wait for another try: %+v", got)
	default:
	}
}

// TestDescriptionHangs: a provider that takes the question for its endpoints and does not
// answer is given up after a time, and the browser hears of it.
func TestDescriptionHangs(t *testing.T) {
	w := newWorld(t)
	p := w.source.provider
	if _, err := p.get(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	p.known, p.asked, p.client.Timeout = nil, time.Time{}, 200*time.Millisecond
	p.mu.Unlock()
	asked, release := w.hang("/.well-known/openid-configuration")
	defer release()
	page, _ := w.wait("alice")
	if status, text := w.browser().signIn(page); status != http.StatusBadGateway || !strings.Contains(text, "cannot reach the provider") {
		t.Errorf("%d %s", status, text)
	}
	<-asked
}
