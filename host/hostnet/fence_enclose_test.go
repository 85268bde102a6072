package hostnet

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// persistent is a fence of a profile's file and content.
func persistent(name, content string) Fence {
	return Fence{Name: name, Content: content, Profile: "/etc/" + name, Persist: true}
}

// TestFenceSucceeds: what a dead client of the same profile left is replaced in one step,
// whether the profile was edited, renamed, or its journal is of a version that knew the
// content alone; what another profile's left stays, and that is said.
func TestFenceSucceeds(t *testing.T) {
	for _, c := range []struct {
		what     string
		old, now Fence
		replaced bool
	}{
		{"edited", persistent("a", "1"), persistent("a", "2"), true},
		{"renamed", persistent("a", "1"), persistent("b", "1"), true},
		{"of an older version", Fence{Name: "1", Persist: true}, persistent("a", "1"), true},
		{"no longer persists", persistent("a", "1"), Fence{Name: "a", Content: "1"}, true},
		{"renamed and edited", persistent("a", "1"), persistent("b", "2"), false},
		{"without content", Fence{Name: "a", Persist: true}, Fence{Name: "b", Persist: true}, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			k, p, dir := newTwin(), newProcesses(), t.TempDir()
			before := k.String()
			mustEnclose(t, p.start(k, dir, 1, nil), c.old)
			p.alive[1] = false

			var log strings.Builder
			steps := k.steps
			e := mustEnclose(t, p.start(k, dir, 2, &log), c.now)
			if k.steps != steps+1 {
				t.Errorf("%d changes; between two of them the host is open", k.steps-steps)
			}
			want := []string{c.now.Table()}
			if !c.replaced {
				want = append(want, c.old.Table())
			}
			got, _ := k.fenceTables()
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Errorf("there are %q, want %q", got, want)
			}
			if said := strings.Contains(log.String(), "culvert cleanup"); said == c.replaced {
				t.Errorf("log: %s", &log)
			}
			if err := e.Undo(t.Context()); err != nil {
				t.Error(err)
			}
			p.alive[2] = false
			if stays := len(p.start(k, dir, 3, nil).left()) > 0; stays == c.replaced {
				t.Errorf("what was left stays: %v", stays)
			}
			if _, err := p.start(k, dir, 3, nil).cleanup(t.Context()); err != nil {
				t.Error(err)
			}
			mustEqual(t, k.String(), before)
			noJournals(t, dir)
		})
	}
}

// TestTwoCopiesAtOnce: two files of one content are two clients; neither takes the place of
// the other while that lives.
func TestTwoCopiesAtOnce(t *testing.T) {
	k, p, dir := newTwin(), newProcesses(), t.TempDir()
	before := k.String()
	a := mustEnclose(t, p.start(k, dir, 1, nil), persistent("a", "1"))
	b := mustEnclose(t, p.start(k, dir, 2, nil), persistent("b", "1"))
	if tables, _ := k.fenceTables(); len(tables) != 2 {
		t.Errorf("there are %q", tables)
	}
	for _, e := range []*Enclosed{a, b} {
		if err := e.Undo(t.Context()); err != nil {
			t.Error(err)
		}
	}
	mustEqual(t, k.String(), before)
	noJournals(t, dir)
}

// TestFencesLetEachOtherThrough: a client with a mark of its own passes the fences that
// were there, from the moment that its own stands, and those that come later; nobody takes
// that for a stranger's change. What somebody removed by hand is not brought back by it.
func TestFencesLetEachOtherThrough(t *testing.T) {
	k, p, dir := newTwin(), newProcesses(), t.TempDir()
	before := k.String()
	mustEnclose(t, p.start(k, dir, 9, nil), persistent("removed", "9"))
	p.alive[9] = false
	delete(k.tables, "culvert-fence-removed")

	var log strings.Builder
	a := mustEnclose(t, p.start(k, dir, 1, &log), fenced("a"))
	b := mustEnclose(t, p.start(k, dir, 2, nil), Fence{Name: "b", Mark: 7})
	c := mustEnclose(t, p.start(k, dir, 3, nil), Fence{Name: "c", Mark: 5})
	d := mustEnclose(t, p.start(k, dir, 4, nil), Fence{Name: "d", Mark: OwnMark})
	for name, want := range map[string]string{"a": "[192.168.1.0/24] marks [5 7]", "b": "[] marks [5 7]", "c": "[] marks [5 7]", "d": "[] marks [5 7]", "removed": ""} {
		mustEqual(t, k.tables["culvert-fence-"+name], want)
	}
	look := func() {
		for _, e := range []*Enclosed{a, c, d} {
			e.look(t.Context(), "culvert")
		}
	}
	look()
	if err := b.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	look()
	mustEqual(t, k.tables["culvert-fence-a"], "[192.168.1.0/24] marks [5]")
	if strings.Contains(log.String(), "put back") {
		t.Error(log.String())
	}
	for _, e := range []*Enclosed{a, c, d} {
		if err := e.Undo(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if _, err := p.start(k, dir, 5, nil).cleanup(t.Context()); err != nil {
		t.Error(err)
	}
	mustEqual(t, k.String(), before)
	noJournals(t, dir)
}

// TestFencesKnowTheirMarks: a fence lets no mark through that is another kind of this
// program's packets.
func TestFencesKnowTheirMarks(t *testing.T) {
	for _, mark := range []uint32{NamesMark, ClientMark} {
		f := Fence{Name: "a", Mark: mark, marks: []uint32{7}}
		if got := fmt.Sprint(f.allowed()); got != "[7]" {
			t.Errorf("mark %#x: lets %s through", mark, got)
		}
		if got := marksOf([]*journal{{changes: []change{&fenceChange{f}}}}); len(got) > 0 {
			t.Errorf("mark %#x: others let %v through", mark, got)
		}
	}
}

// TestFenceIsLeft: one that persists can be left standing, as if its process had been
// killed; another one has to be undone.
func TestFenceIsLeft(t *testing.T) {
	k, p, dir := newTwin(), newProcesses(), t.TempDir()
	before := k.String()
	if e := mustEnclose(t, p.start(k, dir, 1, nil), fenced("a")); e.Leave() {
		t.Error("one that does not persist was left")
	} else if err := e.Undo(t.Context()); err != nil {
		t.Error(err)
	}
	if !mustEnclose(t, p.start(k, dir, 2, nil), persistent("a", "1")).Leave() {
		t.Error("one that persists cannot be left")
	}
	p.alive[2] = false
	next := p.start(k, dir, 3, nil)
	if err := next.recover(t.Context()); err != nil {
		t.Error(err)
	}
	if left := next.left(); len(left) != 1 || left[0].Profile != "/etc/a" {
		t.Errorf("left: %+v", left)
	}
	if _, err := next.cleanup(t.Context()); err != nil {
		t.Error(err)
	}
	mustEqual(t, k.String(), before)
	noJournals(t, dir)
}

// TestEachStepOfFenceFails: whichever step fails or is the last before a kill, each fence
// that stands is in the journal, one that stood does not open by a failure, and the next
// start and a cleanup take everything back.
func TestEachStepOfFenceFails(t *testing.T) {
	lives := map[string]func(h *host) error{
		"enclose": func(h *host) error { _, err := h.enclose(context.Background(), persistent("a", "1")); return err },
		"rename":  func(h *host) error { _, err := h.enclose(context.Background(), persistent("b", "1")); return err },
		"unusual": func(h *host) error {
			_, err := h.enclose(context.Background(), Fence{Name: "c", Mark: 7})
			return err
		},
		"update": func(h *host) error {
			e, err := h.enclose(context.Background(), persistent("a", "1"))
			if err == nil {
				err = e.Update(context.Background(), persistent("a", "2"))
			}
			return err
		},
		"undo": func(h *host) error {
			e, err := h.enclose(context.Background(), persistent("a", "1"))
			if err == nil {
				err = e.Undo(context.Background())
			}
			return err
		},
	}
	for name, do := range lives {
		for _, how := range []string{"kernel fails", "killed before", "killed after", "disk fails", "killed at disk"} {
			for step, reached := 1, true; reached; step++ {
				t.Run(fmt.Sprint(name, ", ", how, ", step ", step), func(t *testing.T) {
					reached = failAt(t, do, how, step)
				})
			}
		}
	}
}

// failAt has a step fail, and reports whether there is such a step.
func failAt(t *testing.T, do func(h *host) error, how string, step int) (reached bool) {
	k, p, dir := newTwin(), newProcesses(), t.TempDir()
	before := k.String()
	mustEnclose(t, p.start(k, dir, 1, nil), persistent("a", "1")) // and was killed
	p.alive[1] = false

	h, steps, syncs := p.start(k, dir, 2, nil), k.steps, 0
	switch how {
	case "kernel fails":
		k.failAt = steps + step
	case "killed before", "killed after":
		k.crashAt, k.after = steps+step, how == "killed after"
	default:
		h.store.sync = func(*os.File) error {
			syncs++
			switch {
			case syncs != step:
				return nil
			case how == "disk fails":
				return errors.New("disk full")
			}
			panic(errCrash)
		}
	}
	var err error
	crashed := crashing(t, func() { err = do(h) })
	reached = crashed || k.steps >= steps+step && k.failAt > 0 || syncs >= step
	k.crashAt, k.failAt = 0, 0

	tables, _ := k.fenceTables()
	js, lerr := h.store.load()
	if lerr != nil {
		t.Error(lerr)
	}
	for _, table := range tables {
		if !slices.ContainsFunc(js, func(j *journal) bool {
			return slices.ContainsFunc(j.changes, func(c change) bool { return c.(*fenceChange).Table() == table })
		}) {
			t.Errorf("%s is in no journal", table)
		}
	}
	if err != nil && len(tables) == 0 {
		t.Errorf("the failure opened the host: %v", err)
	}

	p.alive[2] = false
	again := mustEnclose(t, p.start(k, dir, 3, nil), persistent("a", "1"))
	if uerr := again.Undo(t.Context()); uerr != nil {
		t.Error(uerr)
	}
	if _, cerr := p.start(k, dir, 4, nil).cleanup(t.Context()); cerr != nil {
		t.Error(cerr)
	}
	mustEqual(t, k.String(), before)
	if js, _ := h.store.load(); len(js) > 0 {
		t.Errorf("%d journals are left", len(js))
	}
	return reached
}

// TestChangedFenceIsPutBack: also one with as many rules as before; a program that goes on
// changing it fills no log.
func TestChangedFenceIsPutBack(t *testing.T) {
	k := newTwin()
	var log strings.Builder
	e := mustEnclose(t, newProcesses().start(k, t.TempDir(), 1, &log), fenced("a"))
	for range 20 {
		k.tables["culvert-fence-a"] = "accept everything"
		e.look(t.Context(), "nft of bash")
		mustEqual(t, k.tables["culvert-fence-a"], "[192.168.1.0/24] marks []")
	}
	k.fail["has fence"] = ErrPermission
	for range 3 {
		e.look(t.Context(), "")
	}
	if n := strings.Count(log.String(), "it is not put back"); n != 1 {
		t.Errorf("that it cannot be looked at is said %d times: %s", n, &log)
	}
	if n := strings.Count(log.String(), "put back what keeps packets"); n != oftenPutBack || !strings.Contains(log.String(), "stop that program") {
		t.Errorf("said %d times: %s", n, &log)
	}
	if err := e.Undo(t.Context()); err != nil {
		t.Error(err)
	}
}
