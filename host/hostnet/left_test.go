package hostnet

import (
	"slices"
	"strings"
	"testing"
)

// TestLookAtLeft: what stands is told with whose it is and whether that lives, and what a
// dead process noted; UndoLeft takes back what nobody asked to stand.
func TestLookAtLeft(t *testing.T) {
	k, p, dir := newTwin(), newProcesses(), t.TempDir()
	before := k.String()
	here := p.start(k, dir, 9, nil)
	if left, err := here.lookAtLeft(); err != nil || len(left.Fences)+len(left.Changes) > 0 {
		t.Errorf("of nothing: %+v, %v", left, err)
	}
	mustEnclose(t, p.start(k, dir, 1, nil), persistent("asked", "1"))
	mustEnclose(t, p.start(k, dir, 2, nil), Fence{Name: "plain", Profile: "/etc/plain"})
	living := mustEnclose(t, p.start(k, dir, 3, nil), Fence{Name: "living"})
	mustApply(t, p.start(k, dir, 4, nil), State{Device: "tun0", Addresses: []Address{address("10.8.0.2/24")}, DNS: &DNS{Servers: servers("10.8.0.1")}})
	if err := k.addFences([]Fence{{Name: "nobodys"}}, nil); err != nil {
		t.Fatal(err)
	}
	p.alive[1], p.alive[2] = false, false
	left, err := here.lookAtLeft()
	if err != nil || len(left.Changes) > 0 {
		t.Errorf("changes of a living process: %q, %v", left.Changes, err)
	}
	pids := map[string]int{"asked": 0, "plain": 0, "living": 3, "nobodys": 0}
	if len(left.Fences) != len(pids) {
		t.Errorf("%+v", left.Fences)
	}
	for _, f := range left.Fences {
		pid, known := pids[f.Name]
		if !known || f.PID != pid || f.Noted != (f.Name != "nobodys") || f.Persist != (f.Name == "asked") {
			t.Errorf("%+v", f)
		}
	}

	p.alive[4] = false
	if left, err := here.lookAtLeft(); err != nil || !slices.ContainsFunc(left.Changes, func(c string) bool { return strings.HasPrefix(c, "tun0: ") }) {
		t.Errorf("of a process that was killed: %q, %v", left.Changes, err)
	}
	lines, err := here.undoLeft(t.Context())
	if err != nil || !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "culvert-fence-plain") }) {
		t.Errorf("%q, %v", lines, err)
	}
	left, err = here.lookAtLeft()
	if err != nil || len(left.Changes) > 0 {
		t.Errorf("left: %q, %v", left.Changes, err)
	}
	var names []string
	for _, f := range left.Fences {
		names = append(names, f.Name)
	}
	if slices.Sort(names); !slices.Equal(names, []string{"asked", "living", "nobodys"}) {
		t.Errorf("what stands: %q", names)
	}
	if err := living.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if err := k.delTable(Fence{Name: "nobodys"}.Table()); err != nil {
		t.Error(err)
	}
	if _, err := here.cleanup(t.Context()); err != nil {
		t.Error(err)
	}
	mustEqual(t, k.String(), before)
}
