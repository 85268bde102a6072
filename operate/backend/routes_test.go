package backend

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/nic/nictest"
)

// host is one that changes nothing, and cannot have one route.
type host struct{ bringup.Applied }

func (host) Update(_ context.Context, want hostnet.State) error { return without(want) }
func (host) Undo(context.Context) error                         { return nil }
func (host) Changes() []string                                  { return nil }

func without(want hostnet.State) error {
	for _, r := range want.Routes {
		if r.Dst.String() == "10.66.0.0/16" {
			return &hostnet.PartialError{Routes: len(want.Routes), Failures: []hostnet.Failure{{Route: r.Dst, What: "route " + r.Dst.String(), Err: os.ErrExist}}}
		}
	}
	return nil
}

// onHost opens an adapter of a host.
func onHost(name string) bringup.Opener {
	return func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
		a := bringup.NewAdapter(nictest.New(name, 1500), host{}, want)
		return a, a.Update(ctx, want)
	}
}

// TestRoutes: where packets go by both ends, and why.
func TestRoutes(t *testing.T) {
	ccd := t.TempDir()
	if err := os.WriteFile(filepath.Join(ccd, "anna"), []byte("iroute 192.168.7.0 255.255.255.0\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	inWorld(t, func(t *testing.T, w *world) {
		s, c := w.endsWith(ends{open: onHost,
			server: "client-config-dir " + ccd + "\nroute 192.168.7.0 255.255.255.0\npush \"route 10.5.0.0 255.255.0.0 vpn_gateway 7\"\npush \"route 10.66.0.0 255.255.0.0\"\npush \"redirect-gateway def1\"\n",
			client: "route 10.9.0.0 255.255.0.0 net_gateway\n"})
		if got := c.Routes(); len(got.Routes) != 0 {
			t.Errorf("before there is a connection: %+v", got)
		}
		defer w.run(s)()
		synctest.Wait()
		defer w.run(c)()
		time.Sleep(5 * time.Second) // of the bubble's
		synctest.Wait()
		now, told := c.Configuration()
		fromServer := 0
		for _, l := range config.SettingsOf(now, told) {
			if l.Pushed() {
				fromServer++
			}
		}
		if fromServer < 4 {
			t.Errorf("%d lines of the server's push are settings", fromServer)
		}
		expect(t, "client", c.Routes(), `10.8.0.0/24 tunnel tun1 address pushed:N
10.9.0.0/16 outside route anna.ovpn:6
10.5.0.0/16 tunnel via 10.8.0.1 tun1 metric 7 route pushed:N
10.66.0.0/16 tunnel via 10.8.0.1 tun1 route pushed:N problem
192.0.2.1/32 outside keep-server
0.0.0.0/1 tunnel via 10.8.0.1 tun1 redirect-gateway pushed:N
128.0.0.0/1 tunnel via 10.8.0.1 tun1 redirect-gateway pushed:N
`)
		expect(t, "server", s.Routes(), `10.8.0.0/24 tunnel tun0 address server.conf:1
192.168.7.0/24 tunnel tun0 route server.conf:6
10.8.0.2/32 session anna lease
192.168.7.0/24 session anna iroute
`)
	})
}

// expect compares routes, with N for the number of a pushed option.
func expect(t *testing.T, who string, got Routes, want string) {
	t.Helper()
	var s strings.Builder
	for _, r := range got.Routes {
		words := []string{r.Network.String(), string(r.Leads)}
		if r.Gateway.IsValid() {
			words = append(words, "via "+r.Gateway.String())
		}
		words = append(words, r.Device, r.Name)
		if r.Metric != 0 {
			words = append(words, fmt.Sprint("metric ", r.Metric))
		}
		line, _, isPushed := strings.Cut(r.Line, ":")
		if isPushed && line == "pushed" {
			r.Line = "pushed:N"
		}
		words = append(words, string(r.Reason), r.Line)
		if r.Problem != "" {
			words = append(words, "problem")
		}
		fmt.Fprintln(&s, strings.Join(slices.DeleteFunc(words, func(word string) bool { return word == "" }), " "))
	}
	if !got.Host || s.String() != want {
		t.Errorf("%s: on the host %v:\n%s\nexpected\n%s", who, got.Host, s.String(), want)
	}
}
