package hostnet

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestLiveProcessIsLeftAlone(t *testing.T) {
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	mustApply(t, ps.start(k, dir, 1, nil), redirected())
	applied := k.String()
	h := ps.start(k, dir, 2, nil)
	if lines, err := h.cleanup(context.Background()); len(lines) > 0 || err != nil {
		t.Error(lines, err)
	}
	if _, err := h.apply(context.Background(), redirected()); !errors.Is(err, ErrBusy) || !strings.Contains(err.Error(), "process 1;") {
		t.Error(err)
	}
	mustEqual(t, k.String(), applied)
}

func TestNextStartUndoesWhatAKilledProcessLeft(t *testing.T) {
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	before := k.String()
	mustApply(t, ps.start(k, dir, 1, nil), everything())
	ps.alive[1] = false
	a := mustApply(t, ps.start(k, dir, 2, nil), redirected())
	if k.settings[forward4] != "0" {
		t.Error("still a router")
	}
	mustUndo(t, a)
	mustEqual(t, k.String(), before)
}

// TestNamespacesAreApart: two network namespaces that share a state directory
// have the same names for different devices.
func TestNamespacesAreApart(t *testing.T) {
	one, two, dir, ps := newTwin(), newTwin(), t.TempDir(), newProcesses()
	before, ctx := one.String(), context.Background()
	a := mustApply(t, ps.start(one, dir, 1, nil), redirected())
	h := ps.start(two, dir, 2, nil)
	h.store.space.Number = "2"
	mustApply(t, h, redirected())
	ps.alive[2] = false
	if report, err := ps.start(one, dir, 3, nil).cleanup(ctx); len(report) > 0 || err != nil {
		t.Errorf("undone from without: %v, %v", report, err)
	}
	h = ps.start(two, dir, 4, nil)
	h.store.space.Number = "2"
	if report, err := h.cleanup(ctx); len(report) == 0 || err != nil {
		t.Errorf("%v, %v", report, err)
	}
	mustUndo(t, a)
	mustEqual(t, one.String(), before)
}

func TestCleanupReport(t *testing.T) {
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	s := redirected()
	s.Routes = s.Routes[:2]
	mustApply(t, ps.start(k, dir, 1, nil), s)
	ps.alive[1] = false
	report, err := ps.start(k, dir, 2, nil).cleanup(context.Background())
	if err != nil {
		t.Error(err)
	}
	mustEqual(t, lines(report...), lines(
		"tun0: put /etc/resolv.conf back",
		"tun0: removed route 0.0.0.0/1 via 10.8.0.1 dev tun0",
		"tun0: removed route 203.0.113.5/32 via 192.168.1.1 dev wlan0",
		"tun0: removed address fd00:8::2/64 from tun0",
		"tun0: removed address 10.8.0.2/24 from tun0",
		"tun0: set up of tun0 back to 0",
		"tun0: set txqueuelen of tun0 back to 500",
		"tun0: set mtu of tun0 back to 1500",
	))
}

func TestCleanupWithoutStateDirectory(t *testing.T) {
	h := newProcesses().start(newTwin(), filepath.Join(t.TempDir(), "none"), 1, nil)
	if lines, err := h.cleanup(context.Background()); len(lines) > 0 || err != nil {
		t.Error(lines, err)
	}
}

// A device made by a killed process is gone with it, and its routes.
func TestUndoAfterTheDeviceIsGone(t *testing.T) {
	for name, prepare := range map[string]func(*twin){"resolv.conf": func(*twin) {}, "resolved": withResolved} {
		t.Run(name, func(t *testing.T) {
			k := newTwin()
			prepare(k)
			a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), everything())
			k.removeDevice("tun0")
			want := newTwin()
			prepare(want)
			want.removeDevice("tun0")
			mustUndo(t, a)
			mustEqual(t, k.String(), want.String())
		})
	}
}

func TestUsersChangesAreLeft(t *testing.T) {
	k := newTwin()
	var log strings.Builder
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, &log), everything())
	k.files["/etc/resolv.conf"] = "nameserver 9.9.9.9\n"
	k.settings["net/ipv6/conf/wlan0/accept_ra"] = "0"
	mustUndo(t, a)
	if k.files["/etc/resolv.conf"] != "nameserver 9.9.9.9\n" || k.settings["net/ipv6/conf/wlan0/accept_ra"] != "0" {
		t.Error("undone:\n" + k.String())
	}
	for _, line := range []string{"left /etc/resolv.conf as it is", "left net.ipv6.conf.wlan0.accept_ra = 0"} {
		if !strings.Contains(log.String(), line) {
			t.Errorf("log does not say %q:\n%s", line, &log)
		}
	}
}

func TestHalfWrittenFileIsPutBack(t *testing.T) {
	k := newTwin()
	before := k.String()
	a := mustApply(t, newProcesses().start(k, t.TempDir(), 1, nil), redirected())
	k.files["/etc/resolv.conf"] = k.files["/etc/resolv.conf"][:20]
	mustUndo(t, a)
	mustEqual(t, k.String(), before)
}

// Two devices that both forward and both want the names: whichever ends
// last puts back what was there before the first.
func TestSharedThingsArePutBackByTheLast(t *testing.T) {
	second := moved()
	second.Device = "tun1"
	second.Routes = nil
	second.Addresses = nil
	type ending func(t *testing.T, ps *processes, k *twin, dir string, a, b *Applied)
	for name, end := range map[string]ending{
		"first ends first": func(t *testing.T, _ *processes, k *twin, _ string, a, b *Applied) {
			mustUndo(t, a)
			if k.settings[forward4] != "1" || !strings.Contains(k.files["/etc/resolv.conf"], "10.9.0.1") {
				t.Error("taken from the second:\n" + k.String())
			}
			mustUndo(t, b)
		},
		"second ends first": func(t *testing.T, _ *processes, k *twin, _ string, a, b *Applied) {
			mustUndo(t, b)
			if k.settings[forward4] != "1" || !strings.Contains(k.files["/etc/resolv.conf"], "10.8.0.1") {
				t.Error("taken from the first:\n" + k.String())
			}
			mustUndo(t, a)
		},
		"both killed": func(t *testing.T, ps *processes, k *twin, dir string, _, _ *Applied) {
			ps.alive[1], ps.alive[2] = false, false
			report, err := ps.start(k, dir, 3, nil).cleanup(context.Background())
			if err != nil || strings.Contains(strings.Join(report, "\n"), "left") {
				t.Error(report, err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			k, dir, ps := newTwin(), t.TempDir(), newProcesses()
			k.links["tun1"] = link{MTU: 1500}
			before := k.String()
			a := mustApply(t, ps.start(k, dir, 1, nil), everything())
			b := mustApply(t, ps.start(k, dir, 2, nil), second)
			end(t, ps, k, dir, a, b)
			mustEqual(t, k.String(), before)
			noJournals(t, dir)
		})
	}
}

// The third to write the same file must not take the second's for the
// original.
func TestThreeShareNames(t *testing.T) {
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	before := k.String()
	var all []*Applied
	for i, device := range []string{"tun3", "tun1", "tun2"} {
		k.links[device] = link{Up: true}
		s := State{Device: device, DNS: &DNS{Servers: servers("10.0.0." + itoa(i+1))}}
		all = append(all, mustApply(t, ps.start(k, dir, i+1, nil), s))
	}
	for i, a := range all {
		mustUndo(t, a)
		ps.alive[i+1] = false
	}
	for _, device := range []string{"tun1", "tun2", "tun3"} {
		k.removeDevice(device)
	}
	mustEqual(t, k.String(), before)
}

func TestUndoWithoutStateDirectory(t *testing.T) {
	k, dir := newTwin(), filepath.Join(t.TempDir(), "state")
	before := k.String()
	a := mustApply(t, newProcesses().start(k, dir, 1, nil), everything())
	check(t, os.RemoveAll(dir))
	mustUndo(t, a)
	mustEqual(t, k.String(), before)
}

func TestWhatCannotBeUndoneIsKept(t *testing.T) {
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	before := k.String()
	h := ps.start(k, dir, 1, nil)
	a := mustApply(t, h, redirected())
	k.fail["write"] = errors.New("read-only file system")
	if err := a.Undo(context.Background()); err == nil || len(a.Changes()) != 1 {
		t.Error(err, a.Changes())
	}
	delete(k.fail, "write")
	ps.alive[1] = false
	if _, err := ps.start(k, dir, 2, nil).cleanup(context.Background()); err != nil {
		t.Error(err)
	}
	mustEqual(t, k.String(), before)
}

// A journal is executed with this process's rights, so one that others could
// have written is refused.
func TestUntrustedJournals(t *testing.T) {
	for name, spoil := range map[string]func(t *testing.T, path string){
		"writable by others": func(t *testing.T, path string) { check(t, os.Chmod(path, 0o666)) },
		"symbolic link": func(t *testing.T, path string) {
			check(t, os.Rename(path, path+".real"))
			check(t, os.Symlink(path+".real", path))
		},
		"cut off": func(t *testing.T, path string) { check(t, os.Truncate(path, 100)) },
		"other device": func(t *testing.T, path string) {
			check(t, os.Rename(path, filepath.Join(filepath.Dir(path), "tun9@1.undo.json")))
		},
		"unknown kind": func(t *testing.T, path string) {
			b, err := os.ReadFile(path)
			check(t, err)
			check(t, os.WriteFile(path, []byte(strings.Replace(string(b), `"Kind": "route"`, `"Kind": "later"`, 1)), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			k, dir, ps := newTwin(), t.TempDir(), newProcesses()
			mustApply(t, ps.start(k, dir, 1, nil), redirected())
			ps.alive[1] = false
			applied := k.String()
			spoil(t, filepath.Join(dir, "tun0@1.undo.json"))
			lines, err := ps.start(k, dir, 2, nil).cleanup(context.Background())
			if len(lines) > 0 || err == nil || !strings.Contains(err.Error(), "undo journal") {
				t.Error(lines, err)
			}
			mustEqual(t, k.String(), applied)
		})
	}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func FuzzJournal(f *testing.F) {
	dir := f.TempDir()
	ps := newProcesses()
	h := ps.start(newTwin(), dir, 1, nil)
	if _, err := h.apply(context.Background(), everything()); err != nil {
		f.Fatal(err)
	}
	path := filepath.Join(dir, "tun0@1.undo.json")
	seed, err := os.ReadFile(path)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(seed)
	f.Add([]byte(`{"Device":"tun0","Records":[{"Kind":"route","Change":null},{"Kind":"file","Change":{}}]}`))
	f.Fuzz(func(t *testing.T, b []byte) {
		j, err := parseJournal("tun0", b)
		if err != nil {
			return
		}
		k := newTwin()
		for _, c := range j.changes {
			_ = c.String()
			if _, err := c.undo(context.Background(), k, nil); err != nil {
				t.Errorf("%s: %v", c, err) // the twin refuses nothing
			}
		}
	})
}
