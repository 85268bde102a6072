//go:build interop

package interop

import (
	"context"
	"encoding/json"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"culvert/operate/manage"
	"culvert/operate/manage/records"
	"culvert/operate/manage/records/registrar"
)

// TestRecords: a server that gave up root's rights adds a user and a device by its API. A
// stock client connects with the profile, is disabled, and is out; then it is revoked. The
// certificates and health are those of the server's directory, which the server itself may
// not read.
func TestRecords(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	dir, _ := h.initialize(t)
	state := filepath.Join(h.s.dir, "state")
	server := h.s.start("culvert serve", culvert(t), "serve", "--dir", dir, "--state-dir", state).up()
	c := must(manage.Dial(state, "", ""))
	var user records.User
	h.call(c, "POST", "/v1/users", map[string]string{"name": "alice"}, &user)
	var made records.Profile
	h.call(c, "POST", "/v1/devices", map[string]string{"user": "alice", "name": "pad"}, &made)
	if made.CommonName != "pad.alice" || made.Profile == "" || !made.Expires.After(time.Now()) {
		t.Fatalf("%s until %v", made.CommonName, made.Expires)
	}
	client := h.c.run(stock, h.c.file("pad.ovpn", made.Profile))
	client.up()
	began := time.Now()
	h.call(c, "PATCH", "/v1/users/alice", map[string]bool{"disabled": true}, &user)
	server.expect(regexp.MustCompile("user alice is disabled"), 1, patience)
	t.Logf("cut off %v after the call", time.Since(began).Round(10*time.Millisecond))
	if user.State != "disabled" || user.Devices != 1 {
		t.Errorf("%+v", user)
	}
	client.expect(regexp.MustCompile("AUTH_FAILED"), 1, patience)
	var done registrar.Revocation
	h.call(c, "POST", "/v1/revoke", map[string]string{"name": "pad.alice"}, &done)
	var ends registrar.Certificates
	h.call(c, "GET", "/v1/certificates?name=pad.alice", nil, &ends)
	if len(ends.Clients) != 1 || ends.Clients[0].State != "revoked" || ends.Clients[0].Serials[0] != done.Serials[0] || len(ends.Server) < 2 {
		t.Errorf("%+v", ends)
	}
	var health registrar.Health
	h.call(c, "GET", "/v1/health", nil, &health)
	if len(health.Checks) < 5 {
		t.Errorf("%+v", health)
	}
	var log registrar.Audit
	h.call(c, "GET", "/v1/audit?name=alice&what=changed", nil, &log)
	if len(log.Entries) < 3 || log.Entries[len(log.Entries)-1].Command != "POST /v1/users" {
		t.Errorf("%+v", log)
	}
}

// call asks a process for an operation.
func (h *hosts) call(c *manage.Client, method, path string, body, into any) {
	h.s.t.Helper()
	ctx, cancel := context.WithTimeout(h.s.t.Context(), time.Minute)
	defer cancel()
	answer, err := c.Do(ctx, method, path, body)
	if err == nil {
		defer answer.Close()
		err = json.NewDecoder(answer).Decode(into)
	}
	if err != nil {
		h.s.t.Fatalf("%s %s: %v", method, path, err)
	}
}
