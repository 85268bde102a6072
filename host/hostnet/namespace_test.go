package hostnet

import (
	"maps"
	"slices"
	"strings"
	"testing"
)

// in is a process of a host with the twin for its kernel, in a namespace beside
// which nobody can get into another.
func (p *processes) in(s space, k kernel, dir string, pid int) *host {
	h := p.start(k, dir, pid, nil)
	h.store.space = s
	h.store.gone = func(o space) bool {
		return o.gone(s, seen{numbers: map[string]bool{s.Number: true}, all: true})
	}
	return h
}

// seen is what can be seen of other namespaces.
type seen struct {
	handles map[string]bool // those that open one, and those that do no more
	numbers map[string]bool
	all     bool // numbers has all
}

func (s seen) there(handle string) (there, known bool) {
	there, known = s.handles[handle]
	return there, known
}

func (s seen) inUse() (map[string]bool, bool) { return s.numbers, s.all }

// TestGoneNamespaces: a journal of a namespace that is gone is undone in no other,
// and least of all in the one that has its number now. Files outlive it.
func TestGoneNamespaces(t *testing.T) {
	old := space{Boot: "0b1c-1", Cookie: 3, Number: "7"}
	for name, c := range map[string]struct {
		now  space
		file string // at the name of the one that was changed
		back bool
	}{
		"the same number":                  {now: space{Boot: "0b1c-1", Cookie: 4, Number: "7"}, file: "1:1", back: true},
		"another number":                   {now: space{Boot: "0b1c-1", Cookie: 4, Number: "8"}, file: "1:1", back: true},
		"after a restart of the machine":   {now: space{Boot: "5e2f-9", Cookie: 3, Number: "7"}, file: "1:1", back: true},
		"the disk has another number then": {now: space{Boot: "5e2f-9", Cookie: 3, Number: "7"}, file: "2:1", back: true},
		"the file is another":              {now: space{Boot: "0b1c-1", Cookie: 4, Number: "7"}, file: "1:2", back: false},
	} {
		t.Run(name, func(t *testing.T) {
			k, dir, ps := newTwin(), t.TempDir(), newProcesses()
			k.file = "1:1"
			resolver := k.files["/etc/resolv.conf"]
			mustApply(t, ps.in(old, k, dir, 1), everything())
			ps.alive[1] = false
			k.file = c.file
			written := k.files["/etc/resolv.conf"]
			want := strings.ReplaceAll(k.String(), quoted(written), quoted(resolver))
			if !c.back {
				want = k.String()
			}
			report, err := ps.in(c.now, k, dir, 2).cleanup(t.Context())
			if err != nil || slices.Equal(report, []string{"tun0: put /etc/resolv.conf back"}) != c.back {
				t.Error(report, err)
			}
			mustEqual(t, k.String(), want)
			if c.back {
				noJournals(t, dir)
				return
			}
			// Whoever finds the file puts it back.
			k.file = "1:1"
			if report, err := ps.in(space{Boot: "0b1c-1", Cookie: 9, Number: "9"}, k, dir, 3).cleanup(t.Context()); err != nil || len(report) != 1 {
				t.Error(report, err)
			}
			mustEqual(t, k.files["/etc/resolv.conf"], resolver)
			noJournals(t, dir)
		})
	}
}

// TestGroupsOfNamespaces: devices of one name in two namespaces have a control group each. That
// of a namespace that is gone is removed from anywhere, unless the living have it by now.
func TestGroupsOfNamespaces(t *testing.T) {
	k, dir, ps := withPrograms(), t.TempDir(), newProcesses()
	gone, other := space{Boot: "0b1c-1", Cookie: 3, Number: "7"}, space{Boot: "0b1c-1", Cookie: 4, Number: "8"}
	start := func(s space, pid int) *Applied {
		own := withPrograms() // devices and rules are the namespace's
		own.cgroups = k.cgroups
		return applied(t, ps.in(s, own, dir, pid), onlySome())
	}
	start(gone, 1)
	second := start(other, 2)
	if !k.cgroups["culvert-tun0-7-inside"] || !k.cgroups["culvert-tun0-8-inside"] {
		t.Fatalf("groups: %v", k.cgroups)
	}
	mustUndo(t, second)
	if !k.cgroups["culvert-tun0-7-inside"] || k.cgroups["culvert-tun0-8-inside"] {
		t.Errorf("the one that ended took the other's group, or left its own: %v", k.cgroups)
	}
	ps.alive[1] = false
	start(space{Boot: "0b1c-1", Cookie: 5, Number: "7"}, 3) // the number is used again
	clean := func() {
		if _, err := ps.in(other, k, dir, 4).cleanup(t.Context()); err != nil {
			t.Error(err)
		}
	}
	clean()
	if !k.cgroups["culvert-tun0-7-inside"] {
		t.Error("the group of the living was removed")
	}
	ps.alive[3] = false
	clean()
	if k.cgroups["culvert-tun0-7-inside"] {
		t.Error("the group of a namespace that is gone is there")
	}
}

func quoted(s string) string { return strings.ReplaceAll(s, "\n", `\n`) }

// TestGoneNamespaceMakesRoom: a device of the namespace that has the number now
// gets a journal of its own beside that of the one that is gone.
func TestGoneNamespaceMakesRoom(t *testing.T) {
	k, dir, ps := newTwin(), t.TempDir(), newProcesses()
	k.file = "1:1"
	before := k.String()
	old, now := space{Boot: "0b1c-1", Cookie: 3, Number: "7"}, space{Boot: "0b1c-1", Cookie: 4, Number: "7"}
	mustApply(t, ps.in(old, newTwin(), dir, 1), redirected()) // with a resolver's file of its own
	ps.alive[1] = false
	a := mustApply(t, ps.in(now, k, dir, 2), redirected())
	js, err := ps.in(now, k, dir, 3).store.load()
	if err != nil || len(js) != 2 {
		t.Errorf("%d journals, %v", len(js), err)
	}
	mustUndo(t, a)
	mustEqual(t, k.String(), before)
}

// TestGone: what is not certain is not gone.
func TestGone(t *testing.T) {
	here := space{Boot: "b", Cookie: 1, Number: "1"}
	for name, c := range map[string]struct {
		of    space
		known bool
		want  bool
	}{
		"this one":                    {here, true, false},
		"another boot":                {space{Boot: "a", Cookie: 1, Number: "1"}, false, true},
		"another with this number":    {space{Boot: "b", Cookie: 2, Number: "1"}, false, true},
		"in use":                      {space{Boot: "b", Cookie: 2, Number: "2"}, true, false},
		"not in use":                  {space{Boot: "b", Cookie: 3, Number: "3"}, true, true},
		"not in use, as far as seen":  {space{Boot: "b", Cookie: 3, Number: "3"}, false, false},
		"no cookie, and not in use":   {space{Boot: "b", Number: "3"}, true, true},
		"no cookie, and not all seen": {space{Boot: "b", Number: "3"}, false, false},
		"opened by its handle":        {space{Boot: "b", Cookie: 3, Number: "3", Handle: "there"}, true, false},
		"a handle that opens none":    {space{Boot: "b", Cookie: 2, Number: "2", Handle: "stale"}, false, true},
	} {
		by := seen{handles: map[string]bool{"there": true, "stale": false}, numbers: map[string]bool{"1": true, "2": true}, all: c.known}
		if got := c.of.gone(here, by); got != c.want {
			t.Errorf("%s: gone %v", name, got)
		}
	}
}

// TestSpaceNames: no two spaces have journals of one name, and files can have it.
func TestSpaceNames(t *testing.T) {
	names := map[string]bool{}
	for _, s := range []space{hostSpace, {Boot: "01234567-89ab", Cookie: 7, Number: "9"}, {Boot: "01234567-89ab", Number: "7"}, {Boot: "01234567-89ab", Cookie: 9, Number: "9"},
		{Boot: "76543210-89ab", Cookie: 7, Number: "9"}} {
		names[s.name()] = true
	}
	want := []string{"01234567-7", "01234567-9", "01234567-n7", "76543210-7", "host"}
	if got := slices.Sorted(maps.Keys(names)); !slices.Equal(got, want) {
		t.Errorf("%q, expected %q", got, want)
	}
}
