package hostnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// everything is a State with changes of every kind.
func everything() State {
	s := redirected()
	s.Forward, s.LLAddr = routed("tun0").Forward, "02:00:5e:10:00:01"
	s.Routes = append(s.Routes, Route{Dst: prefix("10.77.0.0/16"), Via: ip("10.8.0.1"), Table: 77})
	return s
}

func withResolved(k *twin) {
	k.files["/etc/resolv.conf"] = "nameserver 127.0.0.53\n"
	k.resolved = map[string]string{}
}

func mustApply(t *testing.T, h *host, s State) *Applied {
	t.Helper()
	a, err := h.apply(context.Background(), s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func mustUndo(t *testing.T, a *Applied) {
	t.Helper()
	if err := a.Undo(context.Background()); err != nil {
		t.Error(err)
	}
}

func noJournals(t *testing.T, dir string) {
	t.Helper()
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.Name() != "lock" {
			t.Error("left in the state directory:", e)
		}
	}
}

func TestApplyAndUndo(t *testing.T) {
	for name, prepare := range map[string]func(*twin){
		"resolv.conf": func(*twin) {}, "resolved": withResolved,
		"no resolv.conf": func(k *twin) { delete(k.files, "/etc/resolv.conf") },
	} {
		t.Run(name, func(t *testing.T) {
			k, dir := newTwin(), t.TempDir()
			prepare(k)
			before := k.String()
			a := mustApply(t, newProcesses().start(k, dir, 1, nil), everything())
			info, err := os.Stat(filepath.Join(dir, "tun0@1.undo.json"))
			if err != nil || info.Mode().Perm() != 0o600 {
				t.Errorf("journal: %v, %v", info, err)
			}
			if len(a.Changes()) != k.steps {
				t.Errorf("%d steps for changes\n%s", k.steps, strings.Join(a.Changes(), "\n"))
			}
			if k.settings["net/ipv4/conf/wlan0/forwarding"] != "1" || k.tables["culvert-tun0"] == "" {
				t.Error("not applied:\n" + k.String())
			}
			mustUndo(t, a)
			mustEqual(t, k.String(), before)
			noJournals(t, dir)
			mustUndo(t, a) // once more does nothing
		})
	}
}

// crashing runs do until the twin's crash ends it, as SIGKILL would.
func crashing(t *testing.T, do func()) (crashed bool) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			if r != any(errCrash) {
				panic(r)
			}
			crashed = true
		}
	}()
	do()
	return false
}

// eachStep runs a test with a crash at every step, before and after the
// change, and one run past the last.
func eachStep(t *testing.T, prepare func(*twin), do func(k *twin, h *host)) {
	for _, after := range []bool{false, true} {
		for step, crashed := 1, true; crashed; step++ {
			t.Run(fmt.Sprintf("step %d, after %v", step, after), func(t *testing.T) {
				k, dir, ps := newTwin(), t.TempDir(), newProcesses()
				prepare(k)
				before := k.String()
				k.crashAt, k.after = step, after
				crashed = crashing(t, func() { do(k, ps.start(k, dir, 1, nil)) })
				k.crashAt = 0
				ps.alive[1] = false
				report, err := ps.start(k, dir, 2, nil).cleanup(context.Background())
				if err != nil {
					t.Error(err)
				}
				mustEqual(t, k.String(), before)
				noJournals(t, dir)
				if wrong := slices.IndexFunc(report, func(s string) bool { return strings.Contains(s, "left") }); wrong >= 0 {
					t.Error(report[wrong])
				}
			})
		}
	}
}

func TestCrashAtEveryStepOfApply(t *testing.T) {
	for name, prepare := range map[string]func(*twin){"resolv.conf": func(*twin) {}, "resolved": withResolved} {
		t.Run(name, func(t *testing.T) {
			eachStep(t, prepare, func(_ *twin, h *host) { mustApply(t, h, everything()) })
		})
	}
}

func TestCrashAtEveryStepOfUndo(t *testing.T) {
	eachStep(t, func(*twin) {}, func(_ *twin, h *host) { mustUndo(t, mustApply(t, h, everything())) })
}

func TestCrashAtEveryStepOfUpdate(t *testing.T) {
	eachStep(t, func(*twin) {}, func(_ *twin, h *host) {
		a := mustApply(t, h, everything())
		if err := a.Update(context.Background(), moved()); err != nil {
			t.Error(err)
		}
	})
}

// moved is everything, leased anew by another server.
func moved() State {
	s := everything()
	s.Addresses[0] = address("10.9.0.2/24")
	s.Routes[0].Dst = prefix("198.51.100.7/32")
	s.Routes[1].Via, s.Routes[2].Via, s.Routes[len(s.Routes)-1].Via = ip("10.9.0.1"), ip("10.9.0.1"), ip("10.9.0.1")
	s.DNS, s.LLAddr = &DNS{Servers: servers("10.9.0.1")}, "02:00:5e:10:00:02"
	s.Forward.Masquerade = prefixes("10.9.0.0/24")
	return s
}

func TestUpdateChangesOnlyWhatDiffers(t *testing.T) {
	k := newTwin()
	before := k.String()
	var log strings.Builder
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, &log), everything())
	steps := k.steps
	if err := a.Update(context.Background(), everything()); err != nil || k.steps != steps {
		t.Errorf("same State: %d steps, %v", k.steps-steps, err)
	}
	log.Reset()
	if err := a.Update(context.Background(), moved()); err != nil {
		t.Fatal(err)
	}
	for _, same := range []string{"::/1", "8000::/1", "mtu", "ip_forward", "fd00:8::2/64"} {
		if strings.Contains(log.String(), same) {
			t.Errorf("%s was touched:\n%s", same, log.String())
		}
	}
	other := newTwin()
	mustApply(t, newProcesses().start(other, t.TempDir(), 1, nil), moved())
	mustEqual(t, k.String(), other.String())
	mustUndo(t, a)
	mustEqual(t, k.String(), before)
}

// What a later State has no more of at all is taken back: names, forwarding,
// routes and addresses.
func TestUpdateTakesBack(t *testing.T) {
	least := func() State { return State{Device: "tun0"} }
	k := newTwin()
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), everything())
	if err := a.Update(context.Background(), least()); err != nil {
		t.Fatal(err)
	}
	other := newTwin()
	mustApply(t, newProcesses().start(other, t.TempDir(), 1, nil), least())
	mustEqual(t, k.String(), other.String())
}

// A laptop that leaves its wireless network for another loses the bypass
// with its route; the one pinned anew leads through the new network.
func TestUpdateAfterRoaming(t *testing.T) {
	k := newTwin()
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), redirected())
	k.removeDevice("wlan0")
	k.links["wwan0"] = link{MTU: 1430, Up: true}
	k.table = append(k.table, way{Dst: prefix("0.0.0.0/0"), Via: ip("100.64.0.1"), Device: "wwan0"})
	k.files["/etc/resolv.conf"] = "nameserver 100.64.0.1\n"
	before := strings.Join(slices.DeleteFunc(strings.Split(k.String(), "\n"), func(s string) bool { return strings.Contains(s, "tun0") }), "\n")
	if err := a.Update(context.Background(), redirected()); err != nil {
		t.Fatal(err)
	}
	w, err := k.wayTo(ip("203.0.113.5"), none)
	if err != nil || w.Via != ip("100.64.0.1") {
		t.Errorf("way to the server: %v, %v", w, err)
	}
	if !strings.Contains(k.files["/etc/resolv.conf"], "10.8.0.1") {
		t.Error("names: " + k.files["/etc/resolv.conf"])
	}
	k.removeDevice("tun0")
	mustUndo(t, a)
	after := strings.Join(slices.DeleteFunc(strings.Split(k.String(), "\n"), func(s string) bool { return strings.Contains(s, "tun0") }), "\n")
	mustEqual(t, after, before)
}

// A cable that is plugged in takes over from the wireless network, which
// stays: the bypass pinned to it is in the way of no one, but must follow.
func TestUpdateFollowsABetterWay(t *testing.T) {
	k := newTwin()
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), redirected())
	k.links["eth0"] = link{MTU: 1500, Up: true}
	k.table = append(k.table, way{Dst: prefix("0.0.0.0/0"), Via: ip("10.1.1.1"), Device: "eth0", Metric: 100})
	if err := a.Update(context.Background(), redirected()); err != nil {
		t.Fatal(err)
	}
	if w, _ := k.wayTo(ip("203.0.113.5"), none); w.Device != "eth0" {
		t.Errorf("the server is still reached by %v", w)
	}
}

func TestUpdateOfAnotherDevice(t *testing.T) {
	a := mustApply(t, newProcesses().start(newTwin(), t.TempDir(), 1, nil), redirected())
	if err := a.Update(context.Background(), State{Device: "tun1"}); err == nil {
		t.Error("accepted")
	}
}

func TestPartialFailure(t *testing.T) {
	k := newTwin()
	before := k.String()
	k.table = append(k.table, way{Dst: prefix("10.0.0.0/8"), Via: ip("192.168.1.1"), Device: "wlan0"})
	k.fail["write"] = errors.New("read-only file system")
	s := redirected()
	s.Routes = []Route{{Dst: prefix("10.0.0.0/8")}, {Dst: prefix("10.1.0.0/16")}}
	a, err := newProcesses().start(k, t.TempDir(), 1, nil).apply(context.Background(), s)
	var partial *PartialError
	if !errors.As(err, &partial) || partial.Routes != 2 || len(partial.Failures) != 2 {
		t.Fatal(err)
	}
	mustEqual(t, err.Error(), "1 of 2 routes failed: route 10.0.0.0/8: exists via 192.168.1.1 dev wlan0; "+
		"remove that route, or renumber one of the two networks; name resolution: "+
		"write /etc/resolv.conf: nameserver 10.8.0.1; search corp.example: read-only file system")
	mustUndo(t, a)
	k.dropRoutes(func(w way) bool { return w.Dst == prefix("10.0.0.0/8") })
	mustEqual(t, k.String(), before)
}

func TestWithoutIPv6(t *testing.T) {
	k := newTwin()
	k.fail["address fd00:8::2/64"] = errNoIPv6
	_, err := newProcesses().start(k, t.TempDir(), 1, nil).apply(context.Background(), redirected())
	var partial *PartialError
	if !errors.As(err, &partial) || !errors.Is(err, errNoIPv6) {
		t.Error(err)
	}
}

// A route that would lead the server's own address into the tunnel is not
// added when its bypass failed.
func TestFailedBypassKeepsTheServerReachable(t *testing.T) {
	k := newTwin()
	k.fail["route 203.0.113.5/32"] = errors.New("out of memory")
	_, err := newProcesses().start(k, t.TempDir(), 1, nil).apply(context.Background(), redirected())
	if w, _ := k.wayTo(ip("203.0.113.5"), none); w.Device != "wlan0" {
		t.Errorf("the server's packets go to %v", w)
	}
	if w, _ := k.wayTo(ip("1.1.1.1"), none); w.Device != "tun0" {
		t.Errorf("other packets go to %v", w)
	}
	if err == nil || !strings.Contains(err.Error(), "2 of 5 routes failed") {
		t.Error(err)
	}
}

func TestFatalFailuresTakeAllBack(t *testing.T) {
	cancelled, cancel := context.WithCancelCause(context.Background())
	cancel(errCrash)
	tests := []struct {
		name    string
		ctx     context.Context
		prepare func(*twin)
		want    error
	}{
		{"no device", context.Background(), func(k *twin) { k.removeDevice("tun0") }, ErrNoDevice},
		{"no permission", context.Background(), func(k *twin) { k.fail["route 128.0.0.0/1"] = ErrPermission }, ErrPermission},
		{"device vanished", context.Background(), func(k *twin) { k.fail["address 10.8.0.2/24"] = errGone }, ErrNoDevice},
		{"cancelled", cancelled, func(*twin) {}, errCrash},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			k, dir := newTwin(), t.TempDir()
			tt.prepare(k)
			before := k.String()
			a, err := newProcesses().start(k, dir, 1, nil).apply(tt.ctx, redirected())
			if a != nil || !errors.Is(err, tt.want) {
				t.Errorf("%v, %v", a, err)
			}
			mustEqual(t, k.String(), before)
			noJournals(t, dir)
		})
	}
}

func TestJournalThatCannotBeWritten(t *testing.T) {
	k, dir := newTwin(), t.TempDir()
	check(t, os.MkdirAll(filepath.Join(dir, "tun0@1.undo.json.new", "full"), 0o700))
	_, err := newProcesses().start(k, dir, 1, nil).apply(context.Background(), redirected())
	if err == nil || k.steps > 0 || !strings.Contains(err.Error(), "state directory") {
		t.Errorf("%d steps, %v", k.steps, err)
	}
}

// TestNothingIsForwardedUnlessApart: a host that cannot keep clients apart is not
// made to lead from one to another.
func TestNothingIsForwardedUnlessApart(t *testing.T) {
	for _, apart := range []bool{true, false} {
		k := newTwin()
		k.fail["table"] = errReadOnly
		s := routed("tun0")
		s.Forward.Apart = apart
		a, err := newProcesses().start(k, t.TempDir(), 1, nil).apply(t.Context(), s)
		if partial := new(PartialError); !errors.As(err, &partial) {
			t.Fatal(err)
		}
		forwards := map[bool]string{true: "0", false: "1"}[apart]
		if k.settings[forward4] != forwards || k.settings[forward6] != forwards {
			t.Errorf("apart %v: forwarding is %s and %s, want %s", apart, k.settings[forward4], k.settings[forward6], forwards)
		}
		mustUndo(t, a)
	}
}
