package hostnet

import (
	"context"
	"errors"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"testing/synctest"
)

func fenced(name string) Fence {
	return Fence{Name: name, Open: []netip.Prefix{prefix("192.168.1.0/24")}}
}

func mustEnclose(t *testing.T, h *host, f Fence) *Enclosed {
	t.Helper()
	e, err := h.enclose(t.Context(), f)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestFence(t *testing.T) {
	k, p, dir := newTwin(), newProcesses(), t.TempDir()
	before := k.String()
	h := p.start(k, dir, 1, nil)
	e := mustEnclose(t, h, fenced("a"))
	if k.tables["culvert-fence-a"] == "" {
		t.Error(k.String())
	}
	mustEqual(t, e.j.changes[0].String(), "add nftables table inet culvert-fence-a: let packets leave through tunnels only, and to 192.168.1.0/24")
	a := mustApply(t, p.start(k, dir, 2, nil), redirected()) // of another process
	if err := e.Update(t.Context(), Fence{Name: "a", Mark: 7}); err != nil {
		t.Error(err)
	}
	mustEqual(t, k.tables["culvert-fence-a"], "[] marks [7]")
	if err := e.Update(t.Context(), fenced("b")); err == nil {
		t.Error("a fence got another name")
	}
	mustUndo(t, a)
	if err := e.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	mustEqual(t, k.String(), before)
	noJournals(t, dir)
}

// TestFenceAfterKill: what a killed process fenced in stays until Cleanup, or if it
// persists, is taken over by a process of its name without a moment between; others take
// away only one that does not persist.
func TestFenceAfterKill(t *testing.T) {
	for _, persist := range []bool{false, true} {
		k, p, dir := newTwin(), newProcesses(), t.TempDir()
		before := k.String()
		f := fenced("a")
		f.Persist = persist
		mustEnclose(t, p.start(k, dir, 1, nil), f)
		p.alive[1] = false

		other := mustApply(t, p.start(k, dir, 2, nil), redirected())
		if stands := k.tables["culvert-fence-a"] != ""; stands != persist {
			t.Errorf("persist %v: after another process began, it stands: %v", persist, stands)
		}
		mustUndo(t, other)

		steps := k.steps
		e := mustEnclose(t, p.start(k, dir, 3, nil), f)
		if k.steps != steps+1 {
			t.Errorf("%d changes to take over; one of them opens the fence", k.steps-steps)
		}
		if _, err := p.start(k, dir, 4, nil).enclose(t.Context(), f); !errors.Is(err, ErrBusy) {
			t.Errorf("a second one of the name: %v", err)
		}
		if err := e.Undo(t.Context()); err != nil {
			t.Error(err)
		}
		mustEqual(t, k.String(), before)

		mustEnclose(t, p.start(k, dir, 5, nil), f)
		p.alive[5] = false
		if lines, err := p.start(k, dir, 6, nil).cleanup(t.Context()); err != nil || len(lines) != 1 || !strings.Contains(lines[0], "removed nftables table inet culvert-fence-a") {
			t.Errorf("cleanup: %q, %v", lines, err)
		}
		mustEqual(t, k.String(), before)
		noJournals(t, dir)
	}
}

func TestCrashAtEveryStepOfFence(t *testing.T) {
	eachStep(t, func(*twin) {}, func(_ *twin, h *host) {
		e := mustEnclose(t, h, fenced("a"))
		if err := e.Update(context.Background(), Fence{Name: "a"}); err != nil {
			t.Error(err)
		}
		if err := e.Undo(context.Background()); err != nil {
			t.Error(err)
		}
	})
}

// TestFenceIsKept: it is put back when somebody flushes all rules, and that is said.
func TestFenceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k, dir := newTwin(), t.TempDir()
		k.triggers = make(chan trigger)
		var log strings.Builder
		e := mustEnclose(t, newProcesses().start(k, dir, 1, &log), fenced("a"))
		e.keepFrom(func() error { return nil })
		for _, by := range []string{"nft of bash", ""} {
			e.mu.Lock()
			clear(k.tables)
			e.mu.Unlock()
			k.triggers <- trigger{by}
			synctest.Wait()
			if k.tables["culvert-fence-a"] == "" {
				t.Errorf("removed by %q, it is not there again", by)
			}
		}
		if !strings.Contains(log.String(), `changed-by="nft of bash"`) {
			t.Error(log.String())
		}
		e.mu.Lock()
		clear(k.tables)
		k.fail["fence"] = ErrPermission
		e.mu.Unlock()
		k.triggers <- trigger{}
		synctest.Wait()
		if !strings.Contains(log.String(), "packets may leave outside the tunnel") {
			t.Error(log.String())
		}
		if err := e.Undo(t.Context()); err != nil {
			t.Error(err)
		}
	})
}

// TestNoFence: what cannot be fenced in is refused with what to do, and leaves nothing.
func TestNoFence(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{{ErrPermission, "run as root"}, {errGone, "load the module nf_tables"}, {errors.New("x"), "block-outside: x"}} {
		k, dir := newTwin(), t.TempDir()
		before := k.String()
		k.fail["fence"] = c.err
		if _, err := newProcesses().start(k, dir, 1, nil).enclose(t.Context(), fenced("a")); !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v: %v", c.err, err)
		}
		mustEqual(t, k.String(), before)
		noJournals(t, dir)
	}
	for _, name := range []string{"", "a/b", "..", strings.Repeat("a", 33), "a b"} {
		if _, err := newProcesses().start(newTwin(), t.TempDir(), 1, nil).enclose(t.Context(), fenced(name)); err == nil {
			t.Errorf("a fence of the name %q", name)
		}
	}
}

// TestEachKindIsJournalled: what the journal says of a change is read as the same.
func TestEachKindIsJournalled(t *testing.T) {
	for kind, empty := range kinds {
		c := empty()
		r, err := encode(c)
		if err != nil || r.Kind != kind {
			t.Errorf("%T is written as %q, %v; want %q", c, r.Kind, err, kind)
		}
		back, err := decode(r)
		if err != nil || reflect.TypeOf(back) != reflect.TypeOf(c) {
			t.Errorf("%s is read as %T, %v", kind, back, err)
		}
	}
}

// TestFencedAdapter: fences know the adapter of a tunnel by its group.
func TestFencedAdapter(t *testing.T) {
	k, p := newTwin(), newProcesses()
	want := redirected()
	want.Fenced, want.BlockOutsideDNS = true, true
	a := mustApply(t, p.start(k, t.TempDir(), 1, nil), want)
	if n := strings.Count(strings.Join(a.Changes(), "\n"), "set group of tun0 to 1195"); n != 1 || k.links["tun0"].Group != fencedGroup {
		t.Errorf("%d times in %q", n, a.Changes())
	}
	mustUndo(t, a)
}
