package service

import (
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/manage"
	"culvert/operate/manage/api"
)

// names are the processes that can be found in a directory.
func names(t *testing.T, dir string) string {
	t.Helper()
	list, err := manage.Names(dir)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(list)
}

// TestTwoOfAName: processes of several network namespaces have adapters of one name.
// Each is found, by a name of its own, and a name that was given is not changed.
func TestTwoOfAName(t *testing.T) {
	dir := t.TempDir()
	var said strings.Builder
	open := func(name, role string) *local {
		b := backendtest.New()
		b.State = backend.Status{Role: role, Adapter: "tun0"}
		l := newLocal(dir, name, nil, slog.New(slog.NewTextHandler(&said, nil)))
		l.open(b, "tun0")
		t.Cleanup(l.close)
		return l
	}
	first := open("", "server")
	if said.Len() > 0 {
		t.Errorf("of the first: %s", said.String())
	}
	open("", "client")
	open("", "server")
	if got := said.String(); !strings.Contains(got, "usual=server-tun0 name=server-tun0-2") {
		t.Errorf("of the second: %s", got)
	}
	open("", "server")
	if got := names(t, dir); got != "[client-tun0 server-tun0 server-tun0-2 server-tun0-3]" {
		t.Errorf("found %s", got)
	}
	said.Reset()
	open("server-tun0", "server")
	if got := said.String(); !strings.Contains(got, "will not find this process") || !strings.Contains(got, "another process is at work as server-tun0") {
		t.Errorf("of a name that is taken: %s", got)
	}
	open("office", "server")
	first.close()
	if got := names(t, dir); got != "[client-tun0 office server-tun0-2 server-tun0-3]" {
		t.Errorf("found %s", got)
	}
	again := open("", "server")
	if got := names(t, dir); got != "[client-tun0 office server-tun0 server-tun0-2 server-tun0-3]" {
		t.Errorf("found %s", got)
	}
	again.open(backendtest.New(), "tun9")
	if got := names(t, dir); strings.Contains(got, "tun9") {
		t.Errorf("an adapter that is opened again has a name of its own: %s", got)
	}
	c, err := manage.Dial(dir, "", "server-tun0-2")
	if err != nil {
		t.Fatal(err)
	}
	if s, err := c.Status(t.Context()); err != nil || s.Adapter != "tun0" {
		t.Errorf("%+v, %v", s, err)
	}
	p, err := c.Process(t.Context())
	if err != nil || p.Name != "server-tun0-2" || p.Role != "server" || p.PID != os.Getpid() || p.Me.Scope != api.Administer || p.Me.Via != "socket" || !slices.Contains(p.Features, "status") {
		t.Errorf("%+v, %v", p, err)
	}
}
