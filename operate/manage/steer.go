package manage

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"

	"culvert/operate/backend"
)

// The paths by which a client is steered, by POST. All but the first answer with a
// backend.Used when the client has moved or failed to.
const (
	DisconnectPath = "/disconnect"
	ReconnectPath  = "/reconnect"
	UsePath        = "/use" // takes a Target
)

// Target is what UsePath takes.
type Target struct {
	Remote string `json:"remote"` // as backend.Steer takes it
}

// maxTarget is the most bytes of a Target.
const maxTarget = 4096

// steer adds the paths by which a client is steered. Other roles say what they can do
// instead.
func steer(mux *http.ServeMux, b backend.Backend) {
	add := func(path string, f func(backend.Steer, http.ResponseWriter, *http.Request) (any, error)) {
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			s, can := b.(backend.Steer)
			if !can {
				http.Error(w, instead(b.Status()), http.StatusConflict)
				return
			}
			answer, err := f(s, w, r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusBadRequest)
				return
			}
			w.Header().Set("Content-Type", "application/json")
			json.NewEncoder(w).Encode(answer)
		})
	}
	add(DisconnectPath, func(s backend.Steer, _ http.ResponseWriter, _ *http.Request) (any, error) {
		s.Quit()
		return struct{}{}, nil
	})
	add(ReconnectPath, func(s backend.Steer, _ http.ResponseWriter, r *http.Request) (any, error) {
		return s.Reconnect(r.Context())
	})
	add(UsePath, func(s backend.Steer, w http.ResponseWriter, r *http.Request) (any, error) {
		var t Target
		d := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxTarget))
		d.DisallowUnknownFields()
		if err := d.Decode(&t); err != nil {
			return nil, err
		}
		return s.Use(r.Context(), t.Remote)
	})
}

// instead says what a process can do that is no client.
func instead(s backend.Status) string {
	if s.Role == "server" {
		return fmt.Sprintf("the process on %s is a server, and this steers clients: SIGTERM ends it, SIGUSR1 has its clients connect anew, and `kill NAME` on the management interface sends one of them away", s.Adapter)
	}
	return fmt.Sprintf("the process on %s is one of two paired hosts, which has no other server to go to: SIGTERM ends it, and SIGUSR1 has it connect anew", s.Adapter)
}

// Disconnect asks a client to end: it says goodbye and undoes what it changed on its host.
func (c *Client) Disconnect(ctx context.Context) error {
	var done struct{}
	return c.decode(ctx, http.MethodPost, DisconnectPath, struct{}{}, &done)
}

// Reconnect asks a client for a new connection to the same server.
func (c *Client) Reconnect(ctx context.Context) (u backend.Used, err error) {
	err = c.decode(ctx, http.MethodPost, ReconnectPath, struct{}{}, &u)
	return u, err
}

// Use asks a client to move to another of its remotes.
func (c *Client) Use(ctx context.Context, remote string) (u backend.Used, err error) {
	err = c.decode(ctx, http.MethodPost, UsePath, Target{remote}, &u)
	return u, err
}
