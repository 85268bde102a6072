package privsep

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"

	"culvert/access/crl"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/process"
)

// fakeHost is a host that takes every State.
type fakeHost struct {
	state  hostnet.State
	undone int
	fail   error

	learned []netip.Addr
}

func (h *fakeHost) apply(_ context.Context, want hostnet.State) (bringup.Applied, error) {
	h.state = want
	var partial *hostnet.PartialError
	if h.fail != nil && !errors.As(h.fail, &partial) {
		return nil, h.fail
	}
	return h, h.fail
}

func (h *fakeHost) Update(_ context.Context, want hostnet.State) error {
	h.state = want
	return h.fail
}
func (h *fakeHost) Resolvers(_ context.Context, name string) (hostnet.Resolvers, error) {
	return hostnet.Resolvers{Servers: []hostnet.NameServer{{Addr: netip.MustParseAddrPort("[fe80::1%eth0]:853"), TLS: true, Name: name}},
		Search: []string{"home"}, Dots: 2, Timeout: time.Second, Attempts: 3, Changed: true}, h.fail
}
func (h *fakeHost) Learn(_ context.Context, addrs []netip.Addr, _ time.Duration) error {
	h.learned = append(h.learned, addrs...)
	return h.fail
}
func (h *fakeHost) Undo(context.Context) error { h.undone++; return nil }
func (h *fakeHost) Changes() []string          { return []string{"set " + h.state.Device} }

// pair is a worker and its keeper with no process between them.
func pair(t *testing.T, h *fakeHost) (*Worker, *Keeper, chan process.Event) {
	t.Helper()
	near, far := net.Pipe()
	k := newKeeper(t.Context(), Options{Log: slog.New(slog.DiscardHandler), Apply: h.apply, Ready: func() error { return nil }})
	served := make(chan struct{})
	go func() { k.serve(near); close(served) }()
	w := newWorker(far)
	t.Cleanup(func() { close(k.gone); w.client.Close(); <-served })
	return w, k, k.events
}

// wholeState has every field set, and those not valid left so.
var wholeState = hostnet.State{
	Device: "tun0", MTU: 1400, TxQueueLen: 5,
	Addresses: []hostnet.Address{{Prefix: netip.MustParsePrefix("10.8.0.2/24")}, {Prefix: netip.MustParsePrefix("10.9.0.1/32"), Peer: netip.MustParseAddr("10.9.0.2")}},
	Routes:    []hostnet.Route{{Dst: netip.MustParsePrefix("0.0.0.0/1")}, {Dst: netip.MustParsePrefix("fd00::/64"), Via: netip.MustParseAddr("fe80::1"), Device: "eth0", Metric: 3, Bypass: true}},
	DNS:       &hostnet.DNS{Servers: []netip.AddrPort{netip.MustParseAddrPort("9.9.9.9:0")}, Search: []string{"a.example"}, Domains: []string{"b.example"}},
	Forward:   &hostnet.Forward{IPv4: true, Masquerade: []netip.Prefix{netip.MustParsePrefix("10.8.0.0/24")}},
}

func TestStateGoesWhole(t *testing.T) {
	h := new(fakeHost)
	w, _, _ := pair(t, h)
	a, err := w.Apply(t.Context(), wholeState)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(h.state, wholeState) {
		t.Errorf("the keeper was asked for\n%+v\nwanted\n%+v", h.state, wholeState)
	}
	if got := a.Changes(); len(got) != 1 || got[0] != "set tun0" {
		t.Errorf("changes: %q", got)
	}
	if err := a.Undo(t.Context()); err != nil || h.undone != 1 {
		t.Errorf("undo: %v, %d times", err, h.undone)
	}
}

// TestPartial: what failed of a State is told whole, and the State stands.
func TestPartial(t *testing.T) {
	route := netip.MustParsePrefix("10.0.0.0/8")
	h := &fakeHost{fail: &hostnet.PartialError{Routes: 4, Failures: []hostnet.Failure{
		{Route: route, What: "route 10.0.0.0/8", Err: errors.New("exists")}, {What: "name resolution", Err: errors.New("no")}}}}
	w, _, _ := pair(t, h)
	a, err := w.Apply(t.Context(), wholeState)
	var partial *hostnet.PartialError
	if a == nil || !errors.As(err, &partial) || partial.Error() != h.fail.Error() || partial.Failures[0].Route != route {
		t.Fatalf("%v, %v", a, err)
	}
	if err := a.Update(t.Context(), wholeState); !errors.As(err, &partial) {
		t.Errorf("update: %v", err)
	}
}

func TestFatal(t *testing.T) {
	h := &fakeHost{fail: errors.New("device is in use")}
	w, _, _ := pair(t, h)
	if a, err := w.Apply(t.Context(), wholeState); a != nil || err == nil || err.Error() != "device is in use" {
		t.Errorf("%v, %v", a, err)
	}
}

// TestOtherDevice: a worker has one device, and is refused any other.
func TestOtherDevice(t *testing.T) {
	h := new(fakeHost)
	w, _, _ := pair(t, h)
	a, err := w.Apply(t.Context(), wholeState)
	if err != nil {
		t.Fatal(err)
	}
	other := wholeState
	other.Device = "eth0"
	if err := a.Update(t.Context(), other); err == nil || h.state.Device != "tun0" {
		t.Errorf("%v, device %s", err, h.state.Device)
	}
	if _, err := w.Apply(t.Context(), wholeState); err == nil {
		t.Error("a second State was applied beside the first")
	}
	a.Undo(t.Context())
	if _, err := w.Apply(t.Context(), other); err == nil {
		t.Error("another device was taken after an undo")
	}
}

// TestResolversGoWhole: so do they, and there are none before a State.
func TestResolversGoWhole(t *testing.T) {
	h := new(fakeHost)
	w, _, _ := pair(t, h)
	if _, err := (&remote{worker: w}).Resolvers(t.Context(), "vpn.example"); err == nil {
		t.Error("answered without a state")
	}
	a, err := w.Apply(t.Context(), wholeState)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := h.Resolvers(t.Context(), "vpn.example")
	if got, err := a.Resolvers(t.Context(), "vpn.example"); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
}

// TestLearnGoesWhole: addresses reach the host, and why they are not taken comes back.
func TestLearnGoesWhole(t *testing.T) {
	h := new(fakeHost)
	w, _, _ := pair(t, h)
	addrs := []netip.Addr{netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("2001:db8::1")}
	if err := (&remote{worker: w}).Learn(t.Context(), addrs, time.Minute); err == nil {
		t.Error("learned without a state")
	}
	a, err := w.Apply(t.Context(), wholeState)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.(bringup.Learner).Learn(t.Context(), addrs, time.Minute); err != nil || !slices.Equal(h.learned, addrs) {
		t.Errorf("%v, learned %v", err, h.learned)
	}
	h.fail = errors.New("the set is full")
	if err := a.(bringup.Learner).Learn(t.Context(), addrs, time.Minute); err == nil || err.Error() != "the set is full" {
		t.Error(err)
	}
}

func TestEvents(t *testing.T) {
	w, _, events := pair(t, new(fakeHost))
	got := w.Events()
	for _, want := range []process.Event{process.Status, process.Restart, process.Exit} {
		events <- want
		if e := <-got; e != want {
			t.Errorf("got %v, want %v", e, want)
		}
	}
}

// TestKeeperGone: the events of a worker end with its keeper.
func TestKeeperGone(t *testing.T) {
	near, far := net.Pipe()
	w := newWorker(far)
	near.Close()
	if e, more := <-w.Events(); more {
		t.Errorf("got %v", e)
	}
}

// TestReads: a worker has read what its configuration names and no more, and
// learns that a file is missing.
func TestReads(t *testing.T) {
	w, k, _ := pair(t, new(fakeHost))
	if _, err := w.read("/etc/shadow"); err == nil {
		t.Error("a file was read that nobody allowed")
	}
	if w.Lists(time.Now(), 0) != nil {
		t.Error("there are lists that nobody reads")
	}
	k.reads.Store(&Reads{
		Lists: func(_ time.Time, since uint64) *crl.Texts {
			if since == 7 {
				return nil
			}
			return &crl.Texts{Number: 7, Files: map[string][]byte{"/etc/vpn/crl.pem": []byte("list")}, Failed: map[string]string{"a": "b"}}
		},
		File: func(name string) ([]byte, error) {
			if name != "/etc/vpn/ccd/anna" {
				return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
			}
			return []byte("disable"), nil
		},
	})
	if text, err := w.read("/etc/vpn/ccd/anna"); err != nil || string(text) != "disable" {
		t.Errorf("%q, %v", text, err)
	}
	if _, err := w.read("/etc/vpn/ccd/bert"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a missing file: %v", err)
	}
	if lists := w.Lists(time.Now(), 0); lists == nil || lists.Number != 7 || string(lists.Files["/etc/vpn/crl.pem"]) != "list" || lists.Failed["a"] != "b" {
		t.Errorf("%+v", lists)
	}
	if lists := w.Lists(time.Now(), 7); lists != nil {
		t.Errorf("lists that did not change: %+v", lists)
	}
}

// TestReadsOfWorker: what a worker may read and run is asked for when it begins, and when it
// goes on with another configuration, which is not the same; and not for one that ends.
func TestReadsOfWorker(t *testing.T) {
	for live, want := range map[bool][]bool{true: {true, false}, false: {true}} {
		var asked []bool
		k := newKeeper(t.Context(), Options{Log: slog.New(slog.DiscardHandler),
			Check: func() (bool, error) { return live, nil },
			Reads: func(begins bool) Reads { asked = append(asked, begins); return Reads{} }})
		events, ended, again := make(chan process.Event), make(chan struct{}), make(chan bool)
		go func() { again <- k.watch(nil, events, ended, func() {}) }()
		events <- process.Reload
		if e := <-k.events; (e == process.Adopt) != live {
			t.Errorf("live %v: the worker is told %v", live, e)
		}
		close(ended)
		if got := <-again; got == live || !reflect.DeepEqual(asked, want) {
			t.Errorf("live %v: another worker %v; begins: asked %v, want %v", live, got, asked, want)
		}
	}
}

// TestLocalOnce: the name of the socket to remove is the first one told, since
// later ones may be whoever's who took the worker over.
func TestLocalOnce(t *testing.T) {
	w, k, _ := pair(t, new(fakeHost))
	for _, name := range []string{"client-tun0", "other"} {
		if err := w.Local(name); err != nil {
			t.Fatal(err)
		}
	}
	if k.local != "client-tun0" {
		t.Errorf("to remove: %q", k.local)
	}
}

// TestManagerByKeeper: of what a worker says, its keeper tells the service manager the
// status and that all is well, and nothing that would make the worker the service.
func TestManagerByKeeper(t *testing.T) {
	w, k, _ := pair(t, new(fakeHost))
	var told []string
	k.options.Manager = process.ManagerTo(func(state string) { told = append(told, state) }, 0)
	m := w.Manager()
	m.Status("up")
	m.Alive()
	m.Reloaded()
	m.Reloading()
	m.Ready()
	for _, evil := range []string{"MAINPID=1", "READY=1\nMAINPID=1", "STOPPING=1", "WATCHDOG=trigger", "FDSTORE=1", "STATUS=x\nMAINPID=1"} {
		w.client.Call(service+".Tell", evil, &Empty{})
	}
	if want := []string{"STATUS=up", "WATCHDOG=1", "READY=1", "STATUS=x MAINPID=1"}; !reflect.DeepEqual(told, want) {
		t.Errorf("told %q, want %q", told, want)
	}
}

// TestWorkerEnviron: a worker does not know the service manager.
func TestWorkerEnviron(t *testing.T) {
	got := workerEnviron([]string{"PATH=/bin", "NOTIFY_SOCKET=/run/x", "WATCHDOG_USEC=1", "WATCHDOG_PID=2", "NOTIFY_SOCKETS=y"})
	if want := []string{"PATH=/bin", "NOTIFY_SOCKETS=y"}; !reflect.DeepEqual(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestEnd: a keeper learns why its worker ends, and whether a program failed, which decides
// the exit status.
func TestEnd(t *testing.T) {
	for _, why := range []error{errors.New("no server answers"), fmt.Errorf("closing: %w", &bringup.ProgramError{Err: errors.New("down failed")})} {
		w, k, _ := pair(t, new(fakeHost))
		w.Failed(why)
		if got, want := k.failure, errors.As(why, new(*bringup.ProgramError)); got == nil || got.Error() != why.Error() || errors.As(got, new(*bringup.ProgramError)) != want {
			t.Errorf("%v came as %v, of a program: expected %v", why, got, want)
		}
	}
}

// shownLog is a keeper's log with one line, after which nothing comes.
type shownLog struct{ levels chan string }

func (shownLog) After(ctx context.Context, number uint64) ([]byte, uint64) {
	if number == 0 {
		return []byte("a line"), 1
	}
	<-ctx.Done()
	return nil, number
}
func (l shownLog) SetLevels(levels []byte) error { l.levels <- string(levels); return nil }

// TestShownLog: a worker has its keeper's lines, changes what that logs, and stops waiting
// when it is gone.
func TestShownLog(t *testing.T) {
	w, k, _ := pair(t, &fakeHost{})
	if _, _, err := w.LogAfter(0); err == nil {
		t.Error("lines of a log that is not shown")
	}
	l := shownLog{make(chan string, 1)}
	k.options.Shown = l
	if lines, next, err := w.LogAfter(0); err != nil || string(lines) != "a line" || next != 1 {
		t.Errorf("%s %d %v", lines, next, err)
	}
	w.SetLevels([]byte("all"))
	if got := <-l.levels; got != "all" {
		t.Error(got)
	}
	ended := make(chan error)
	go func() {
		_, _, err := w.LogAfter(1)
		ended <- err
	}()
	close(k.gone)
	if err := <-ended; err == nil {
		t.Error("a worker goes on to ask a keeper that ends")
	}
	k.gone = make(chan struct{}) // for pair to close
}
