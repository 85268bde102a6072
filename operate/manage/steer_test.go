package manage

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"

	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
)

// steered is a back end that notes how it is steered.
type steered struct {
	*backendtest.Fake
	asked []string
	err   error
}

func (s *steered) Quit() { s.asked = append(s.asked, "quit") }

func (s *steered) Reconnect(context.Context) (backend.Used, error) {
	s.asked = append(s.asked, "reconnect")
	return backend.Used{Remote: "here"}, s.err
}

func (s *steered) Use(_ context.Context, remote string) (backend.Used, error) {
	s.asked = append(s.asked, "use "+remote)
	return backend.Used{Remote: remote, Trying: true}, s.err
}

// TestSteer: a client does what it is asked, and its errors reach who asks.
func TestSteer(t *testing.T) {
	b := &steered{Fake: backendtest.New()}
	c := serve(t, b)
	if err := c.Disconnect(t.Context()); err != nil {
		t.Error(err)
	}
	if u, err := c.Reconnect(t.Context()); err != nil || u.Remote != "here" {
		t.Errorf("%+v, %v", u, err)
	}
	if u, err := c.Use(t.Context(), "2"); err != nil || u != (backend.Used{Remote: "2", Trying: true}) {
		t.Errorf("%+v, %v", u, err)
	}
	if want := []string{"quit", "reconnect", "use 2"}; !slices.Equal(b.asked, want) {
		t.Errorf("asked %v", b.asked)
	}
	b.err = errors.New("the server refused it")
	if _, err := c.Use(t.Context(), "3"); err == nil || err.Error() != b.err.Error() {
		t.Error(err)
	}
	if _, err := c.Do(t.Context(), "POST", UsePath, map[string]string{"remote": strings.Repeat("x", 301)}); err == nil {
		t.Error("a name without an end is taken")
	}
}

// TestSteerOthers: a server and a paired host say what they can do instead.
func TestSteerOthers(t *testing.T) {
	b := backendtest.New()
	c := serve(t, b)
	for role, want := range map[string]string{"server": "is a server", "host": "paired hosts"} {
		b.Change(func(s *backend.Status) { s.Role = role })
		_, use := c.Use(t.Context(), "2")
		_, reconnect := c.Reconnect(t.Context())
		for _, err := range []error{use, reconnect, c.Disconnect(t.Context())} {
			if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "SIGTERM") {
				t.Errorf("%s: %v", role, err)
			}
		}
	}
}
