package main

import (
	"context"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"culvert/operate/backend"
	"culvert/operate/manage"
	"culvert/operate/service"
)

// TestHealth: what a process answers decides, and one that does not answer in time is not
// well.
func TestHealth(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "state")
	ask := func(words ...string) (string, error) {
		var out strings.Builder
		root := rootCommand(service.Self{})
		root.SetOut(&out)
		root.SetArgs(append([]string{"health", "--state-dir", dir}, words...))
		err := root.ExecuteContext(t.Context())
		return out.String(), err
	}
	if _, err := ask(); err == nil || !strings.Contains(err.Error(), "no running server or client") {
		t.Errorf("nothing runs: %v", err)
	}
	stop, err := manage.Serve(dir, "server-tun0", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Write([]byte(`{"role":"server"}`))
	}))
	if err != nil {
		t.Fatal(err)
	}
	if said, err := ask(); err != nil || said != "server-tun0: works\n" {
		t.Errorf("a server: %q, %v", said, err)
	}
	stop()

	ctx, release := context.WithCancel(t.Context())
	stop, err = manage.Serve(dir, "hangs", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-ctx.Done():
		case <-r.Context().Done():
		}
	}))
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	defer release()
	if _, err := ask("hangs", "--timeout", "1ms"); err == nil || !strings.Contains(err.Error(), "no answer within 1ms") {
		t.Errorf("a process that hangs: %v", err)
	}
	if _, err := ask("--timeout", "0s"); err == nil || !strings.Contains(err.Error(), "expected a time") {
		t.Error(err)
	}
}

func TestHealthOfAClient(t *testing.T) {
	connected, connecting := backend.Peer{Remote: "192.0.2.1:1194"}, backend.Peer{Remote: "192.0.2.1:1194", Connecting: true}
	for _, c := range []struct {
		peers []backend.Peer
		want  string
	}{
		{[]backend.Peer{connected}, ""},
		{[]backend.Peer{connecting}, "connecting to 192.0.2.1:1194"},
		{nil, "not connected"},
		{[]backend.Peer{connecting, connected}, ""},
	} {
		s := backend.Status{Role: "client", Peers: c.peers}
		if err := s.Health(); (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%+v: %v, expected %q", c.peers, err, c.want)
		}
	}
}
