package client

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/simnet"
	"culvert/role/event"
)

// TestAdopt: a client goes on with another configuration on the same connection. What the
// server pushed is combined with it anew, and stays so when the client connects again.
func TestAdopt(t *testing.T) {
	dir := t.TempDir()
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		f.push = append(f.push, "route 10.1.0.0 255.255.0.0")
		same := "<connection>\nremote 192.0.2.1\nmssfix 1300\n</connection>"
		c := connect(t, network, profileText("remote 192.0.2.1", same), nil)
		wait[event.Up](t, c, 1, time.Minute)
		for i, step := range []struct {
			lines  string
			routes string
		}{
			{"route 10.2.0.0 255.255.0.0", "10.1.0.0/16 10.2.0.0/16"},
			{"route 10.2.0.0 255.255.0.0\npull-filter ignore \"route 10.1\"", "10.2.0.0/16"},
			{"route 10.3.0.0 255.255.0.0\nroute-noexec", ""},
			{"route-nopull\nroute 10.4.0.0 255.255.0.0", "10.4.0.0/16"},
			{"setenv a b\nping-restart 40\nstatus " + filepath.Join(dir, "status"), "10.1.0.0/16"},
		} {
			if err := c.Adopt(parse(t, profileText("remote 192.0.2.1", same, step.lines))); err != nil {
				t.Fatal(err)
			}
			wait[event.Configuring](t, c, i+2, time.Minute)
			if got := routesOf(c); got != step.routes {
				t.Errorf("%q: routes %q, want %q", step.lines, got, step.routes)
			}
		}
		synctest.Wait()
		settled := len(reported[event.Configuring](c))
		if err := c.Adopt(parse(t, profileText("remote 192.0.2.1", same, "setenv a b\nping-restart 40\nstatus "+filepath.Join(dir, "status"), "verb 5"))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if n := len(reported[event.Configuring](c)); n != settled {
			t.Errorf("with another verb, the host was settled %d times more", n-settled)
		}
		if _, err := os.Stat(filepath.Join(dir, "status")); err != nil {
			t.Error(err)
		}
		if n := len(reported[event.Lost](c)); n > 0 || len(f.seen()) != 1 {
			t.Fatalf("lost %d times: %s", n, c.kinds())
		}
		if err := c.Adopt(parse(t, profileText("remote 192.0.2.1", same, "route 10.5.0.0 255.255.0.0"))); err != nil {
			t.Fatal(err)
		}
		c.Restart()
		wait[event.Up](t, c, 2, time.Minute)
		if got := routesOf(c); got != "10.1.0.0/16 10.5.0.0/16" {
			t.Errorf("after the restart: routes %q", got)
		}
	})
}

// routesOf are the routes that a client wanted last, sorted.
func routesOf(c *near) string {
	all := reported[event.Configuring](c)
	var names []string
	for _, r := range all[len(all)-1].Routes {
		names = append(names, r.Dst.String())
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

// TestAdoptWhileConnecting: a configuration that comes while the server is silent is what
// the connection goes by that comes up.
func TestAdoptWhileConnecting(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		f := serve(t, network, "192.0.2.1:1194")
		f.push = append(f.push, "route 10.1.0.0 255.255.0.0")
		network.Change(func(o *simnet.Options) { o.Loss = 1 })
		c := connect(t, network, profileText("remote 192.0.2.1"), nil)
		wait[event.Connecting](t, c, 1, time.Minute)
		if err := c.Adopt(parse(t, profileText("remote 192.0.2.1", "pull-filter ignore route", "route 10.2.0.0 255.255.0.0 10.8.0.1"))); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		network.Change(func(o *simnet.Options) { o.Loss = 0 })
		wait[event.Up](t, c, 1, time.Minute)
		if got := routesOf(c); got != "10.2.0.0/16" {
			t.Errorf("routes %q", got)
		}
		if n := len(reported[event.Connecting](c)); n != 1 {
			t.Errorf("%d connections", n)
		}
	})
}

// TestAdoptRejects: pushed options that a new filter rejects end the connection.
func TestAdoptRejects(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		serve(t, network, "192.0.2.1:1194")
		c := connect(t, network, profileText("remote 192.0.2.1"), nil)
		wait[event.Up](t, c, 1, time.Minute)
		if err := c.Adopt(parse(t, profileText("remote 192.0.2.1", "pull-filter reject ping"))); err != nil {
			t.Fatal(err)
		}
		if lost := wait[event.Lost](t, c, 1, time.Minute); !strings.Contains(lost.Err.Error(), "pull-filter") {
			t.Error(lost.Err)
		}
	})
}
