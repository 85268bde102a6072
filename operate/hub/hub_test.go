package hub

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/nic"
	"culvert/nic/frame"
	"culvert/nic/hub"
)

// twin is a host in memory: devices by namespace and name.
type twin struct {
	mu      sync.Mutex
	devices []string
	fail    error
}

var uplinkMAC = frame.MAC{2, 5: 99}

func (m *twin) machine() string { return "this one" }

func (m *twin) openTAP(name, netns string, mac frame.MAC, mtu int) (nic.NIC, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return nil, m.fail
	}
	m.devices = append(m.devices, fmt.Sprintf("%s:%s %s %d", netns, name, mac, mtu))
	near, _ := hub.NewPair(name, "stack", mtu)
	return near, nil
}

func (m *twin) move(name, from, to string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, d := range m.devices {
		if rest, ok := strings.CutPrefix(d, from+":"+name+" "); ok && m.fail == nil {
			m.devices[i] = to + ":" + name + " " + rest
			return nil
		}
	}
	return errors.Join(m.fail, errors.New("nothing was moved"))
}

func (m *twin) openPhysical(name string) (nic.NIC, frame.MAC, error) {
	near, _ := hub.NewPair(name, "wire", 1400)
	return near, uplinkMAC, m.fail
}

// all is every device, in the order they came.
func (m *twin) all() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.devices)
}

// start runs a hub, and returns its client when it is up.
func start(t *testing.T, m *twin, o Options) Client {
	t.Helper()
	up := make(chan struct{})
	o.Dir, o.Log = filepath.Join(t.TempDir(), "run"), slog.New(onMessage{"the hub is up", up})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx, o, m) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	select {
	case <-up:
	case err := <-ended:
		ended <- nil
		t.Fatal(err)
	}
	c, err := Dial(o.Dir, "")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// onMessage closes a channel when a message is logged.
type onMessage struct {
	message string
	seen    chan struct{}
}

func (h onMessage) Enabled(context.Context, slog.Level) bool { return true }
func (h onMessage) WithAttrs([]slog.Attr) slog.Handler       { return h }
func (h onMessage) WithGroup(string) slog.Handler            { return h }
func (h onMessage) Handle(_ context.Context, r slog.Record) error {
	if r.Message == h.message {
		close(h.seen)
	}
	return nil
}

func (c Client) text(t *testing.T) string {
	t.Helper()
	s, err := c.Status(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := s.Table(&out); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func TestLifeOfAHub(t *testing.T) {
	m := new(twin)
	c := start(t, m, Options{Uplink: "eth0", NICs: []string{"a,mac=02:00:00:00:00:01,vlan=7,netns=blue", "b,mtu=1300"}})
	stable := frame.StableMAC("this one", "eth0", uplinkMAC.String(), "b").String()
	if got := m.all(); !slices.Equal(got, []string{"blue:a 02:00:00:00:00:01 1400", ":b " + stable + " 1300"}) {
		t.Errorf("devices %q", got)
	}
	ctx := t.Context()
	for what, err := range map[string]error{
		"add": c.Add(ctx, "c,type=null,down"), "set": c.Change(ctx, "a", Change{Netns: new("red"), Up: new(false)}), "remove": c.Remove(ctx, "b"),
	} {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := m.all()[0]; got != "red:a 02:00:00:00:00:01 1400" {
		t.Errorf("moved: %q", got)
	}
	got := c.text(t)
	for _, want := range []string{
		"eth0  physical, uplink  up     02:00:00:00:00:63  -     1400  -",
		"a     tap               down   02:00:00:00:00:01  7     1400  red",
		"c     null              down   ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\nb ") {
		t.Errorf("b is there still:\n%s", got)
	}
}

func TestRefusals(t *testing.T) {
	m := new(twin)
	c := start(t, m, Options{Uplink: none, Name: "lab", NICs: []string{"a,mac=02:00:00:00:00:01", "n,type=null"}})
	ctx := t.Context()
	for _, refused := range []struct {
		err  error
		want string
	}{
		{c.Add(ctx, "a"), "a is already a port of this hub"},
		{c.Add(ctx, "b,mac=02:00:00:00:00:01"), "02:00:00:00:00:01 is taken already by a"},
		{c.Add(ctx, "b,colour=red"), `unknown setting "colour"`},
		{c.Add(ctx, ""), "begin with a device's name"},
		{c.Remove(ctx, "x"), "x: no such port; there is a, n"},
		{c.Change(ctx, "x", Change{}), "x: no such port; there is a, n"},
		{c.Change(ctx, "n", Change{Netns: new("blue")}), "n is not a device"},
	} {
		if refused.err == nil || !strings.Contains(refused.err.Error(), refused.want) {
			t.Errorf("%v, expected %q", refused.err, refused.want)
		}
	}
	m.fail = errors.New("the system will not")
	for what, err := range map[string]error{"add": c.Add(ctx, "b"), "move": c.Change(ctx, "a", Change{Netns: new("blue")})} {
		if err == nil || !strings.Contains(err.Error(), "the system will not") {
			t.Errorf("%s: %v", what, err)
		}
	}
	if got := c.text(t); strings.Count(got, "\n") != 3 {
		t.Errorf("after all that:\n%s", got)
	}
}

func TestUplinkStays(t *testing.T) {
	c := start(t, new(twin), Options{Uplink: "eth0"})
	if err := c.Remove(t.Context(), "eth0"); err == nil || !strings.Contains(err.Error(), "cannot be changed while the hub runs") {
		t.Error(err)
	}
}

func TestStartErrors(t *testing.T) {
	dir := t.TempDir()
	tun := filepath.Join(dir, "tun.conf")
	if err := os.WriteFile(tun, []byte("client\ndev tun\nremote vpn.example.org\nauth-user-pass\n<ca>\n-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n</ca>\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		o    Options
		fail error
		want string
	}{
		{Options{Uplink: filepath.Join(dir, "none.conf")}, nil, "no such file"},
		{Options{Uplink: tun}, nil, "use `dev tap` on both ends"},
		{Options{Uplink: "eth0"}, errors.New("the system will not"), "the system will not"},
		{Options{Uplink: none, NICs: []string{"a,vlan=4095"}}, nil, "expected a number from"},
		{Options{Uplink: none, NICs: []string{"a", "a"}}, nil, "is already a port of this hub"},
		{Options{Uplink: none, Name: "a/b"}, nil, "cannot be the name of a running process"},
	} {
		c.o.Dir, c.o.Log = filepath.Join(dir, "run"), slog.New(slog.DiscardHandler)
		if err := run(t.Context(), c.o, &twin{fail: c.fail}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v, expected %q", err, c.want)
		}
	}
}

// TestTunnelAsUplink: what the client brings up is the hub's way out, also when
// a reconnect brings up another.
func TestTunnelAsUplink(t *testing.T) {
	s := newSwitch(Options{Uplink: "office.ovpn", Log: slog.New(slog.DiscardHandler)}, new(twin))
	defer s.hub.Close()
	if s.name != "office" || s.kind != tunnel {
		t.Errorf("hub %s with a %s uplink", s.name, s.kind)
	}
	for range 2 {
		a, err := s.plugTunnel(t.Context(), bringup.State{State: hostnet.State{MTU: 1400}})
		if err != nil {
			t.Fatal(err)
		}
		port, err := s.hub.Port("tunnel")
		if err != nil || !port.Uplink() || port.MTU() != 1400 || a.Kind() != nic.Ethernet {
			t.Errorf("%v, %v", port, err)
		}
		if err := a.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
