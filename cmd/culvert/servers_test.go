package main

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/operate/backend"
	"culvert/operate/manage"
	"culvert/operate/service"
)

// serversRun runs culvert servers until ctx ends at the latest, and returns what it wrote and
// its exit status.
func serversRun(t *testing.T, ctx context.Context, args ...string) (out string, status int) {
	t.Helper()
	var text strings.Builder
	root := rootCommand(service.Self{})
	root.SetOut(&text)
	root.SetArgs(append([]string{"servers"}, args...))
	if err := root.ExecuteContext(ctx); err != nil {
		status = exitStatus(ctx, err)
		text.WriteString(err.Error())
	}
	return text.String(), status
}

// TestServersStatuses: what culvert servers ends with, by what the servers do.
func TestServersStatuses(t *testing.T) {
	silent, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	dir := t.TempDir()
	profile := filepath.Join(dir, "office.ovpn")
	_, port, _ := net.SplitHostPort(silent.LocalAddr().String())
	text := strings.ReplaceAll(plainest, "192.0.2.1", "127.0.0.1 "+port) + "proto udp\n"
	if err := os.WriteFile(profile, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	secret, sending := filepath.Join(t.TempDir(), "creds"), filepath.Join(dir, "sending.ovpn")
	for name, text := range map[string]string{secret: "a\nb\n", sending: text + "<connection>\nremote 127.0.0.1 " + port + " tcp-client\nhttp-proxy 127.0.0.1 9\nhttp-proxy-user-pass " + secret + "\n</connection>\n"} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	state := filepath.Join(dir, "state")
	rows := []backend.Measured{{Name: "a"}, {Name: "b"}}
	stop, err := manage.Serve(state, "client-tun0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		json.NewEncoder(w).Encode(manage.Servers{Servers: rows})
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	for _, c := range []struct {
		args   string
		chosen bool // of the running client's
		status int
		want   string
	}{
		{profile, false, unansweredExit, "no server answers\n"},
		{profile + " --json", false, unansweredExit, `"loss":1`},
		{sending, false, unmeasuredExit, "nobody is asked here"},
		{filepath.Join(dir, "none.ovpn"), false, unmeasuredExit, "no such file"},
		{"--no-such-flag", false, unmeasuredExit, "unknown flag"},
		{"a b", false, unmeasuredExit, "at most 1"},
		{profile + " --name client-tun0", false, unmeasuredExit, "one of the two"},
		{"--state-dir " + state, false, unansweredExit, "no server answers\n"},
		{"--state-dir " + state, true, 0, "* b"},
		{"--json --state-dir " + state, true, 0, `"chosen":true`},
		{"--name other --state-dir " + state, true, unmeasuredExit, "other is not running"},
	} {
		rows[1].Chosen = c.chosen
		if out, status := serversRun(t, t.Context(), strings.Fields(c.args)...); status != c.status || !strings.Contains(out, c.want) {
			t.Errorf("%q: status %d, want %d, and %q in\n%s", c.args, status, c.status, c.want, out)
		}
	}
	interrupted, interrupt := context.WithCancel(t.Context())
	interrupt()
	for args, want := range map[string]int{profile: 130, profile + " --watch": 0, "--state-dir " + state: 130, "--watch --state-dir " + state: 0} {
		if out, status := serversRun(t, interrupted, strings.Fields(args)...); status != want || strings.Contains(out, "no server answers") {
			t.Errorf("%q, interrupted: status %d, want %d\n%s", args, status, want, out)
		}
	}
}
