package people

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/access/users"
	"culvert/store"
	"culvert/store/bolt"
	"culvert/store/memory"
)

// filled is a store with records of all kinds of values.
func filled(t *testing.T) store.Store {
	t.Helper()
	s := memory.New()
	user, err := store.Encode(1, users.User{Name: "alice", FullName: "Älice \n O'Hara"})
	if err != nil {
		t.Fatal(err)
	}
	for key, value := range map[string]string{
		"users/alice": string(user), "a": "", "b": "{\"x\": 1}", "c": "\x00\xff", "d": "[1,2]", "e": "base64:", "#": "1", "#f": "2", "z/\"#": "null",
	} {
		if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: key, Value: []byte(value)}}}); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func exported(t *testing.T, s store.Store) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := Export(t.Context(), s, &b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// TestRoundTrip: what was exported is the same after an import, byte by byte, and a
// second import changes nothing.
func TestRoundTrip(t *testing.T) {
	text := exported(t, filled(t))
	s := memory.New()
	for _, want := range []Imported{{Put: 9}, {Same: 9}} {
		done, err := Import(t.Context(), s, "f", strings.NewReader(text), want.Same > 0)
		if err != nil || done != want {
			t.Errorf("%+v, %v", done, err)
		}
	}
	if got := exported(t, s); got != text {
		t.Errorf("%s\nexpected\n%s", got, text)
	}
	if !strings.Contains(text, "\nusers/alice {\"v\":1,\"r\":{\"name\":\"alice\"") {
		t.Errorf("not readable:\n%s", text)
	}
}

// TestReplace: --replace alone takes the place of what is there.
func TestReplace(t *testing.T) {
	s := filled(t)
	text := title + "1\n\n# a comment\nd [1,2]\r\nusers/ben  {\"v\":1, \"r\":{\"name\":\"ben\"}} \n"
	if done, err := Import(t.Context(), s, "f", strings.NewReader(text), false); !errors.Is(err, ErrFilled) {
		t.Errorf("%+v, %v", done, err)
	}
	done, err := Import(t.Context(), s, "f", strings.NewReader(text), true)
	if err != nil || done != (Imported{Put: 1, Deleted: 8, Same: 1}) {
		t.Errorf("%+v, %v", done, err)
	}
	if got, want := exported(t, s), "d [1,2]\nusers/ben {\"v\":1,\"r\":{\"name\":\"ben\"}}\n"; !strings.HasSuffix(got, "secrets\n"+want) {
		t.Errorf("%q", got)
	}
}

// TestFaults: a text with a fault changes nothing, and the error names line and fault,
// and no value.
func TestFaults(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "f is empty"},
		{"users/a {}\n", "f:1: expected \"# culvert store, format 1\""},
		{title + "2\n", "f:1: format 2, and this program knows up to 1"},
		{title + "x\n", "f:1: expected"},
		{title + "1\na secret\n", "f:2: record \"a\": expected a value as JSON"},
		{title + "1\na\n", "f:2: record \"a\": expected a value as JSON"},
		{title + "1\na base64:se\n", "f:2: record \"a\": what follows base64:"},
		{title + "1\n\na 1\n b\n", "f:4: record \"b\": expected a value as JSON"},
		{title + "1\nä 1\n", "f:2: record \"ä\": key \"ä\": expected printable ASCII"},
		{title + "1\na 1\na 2\n", "f:3: record a is there already, on line 2"},
		{title + "1\nusers/a {\"v\":1,\"r\":{\"secret\":1}}\n", "f:2: record users/a is damaged"},
		{title + "1\nusers/a {\"v\":99,\"r\":{}}\n", "f:2: record users/a has version 99"},
		{title + "1\na \"" + strings.Repeat("x", maxLine) + "\"\n", "f:2: a line of more than"},
		{title + "1\na 1 1\nb 2 2\n", "f:3: record \"b\""},
	} {
		s := filled(t)
		before := exported(t, s)
		_, err := Import(t.Context(), s, "f", strings.NewReader(c.text), true)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), ": secret") {
			t.Errorf("%.60q: %v\nexpected %q", c.text, err, c.want)
		}
		if exported(t, s) != before {
			t.Errorf("%.60q: something was changed", c.text)
		}
	}
}

// failing is a store whose commits fail after some.
type failing struct {
	store.Store
	left int
}

func (f *failing) Commit(ctx context.Context, t store.Txn) (store.Revision, error) {
	if f.left--; f.left == -1 {
		return 0, errors.New("no room")
	}
	return f.Store.Commit(ctx, t)
}

// TestManySteps: more records than one transaction takes, and when a step fails, those
// before it are taken back.
func TestManySteps(t *testing.T) {
	var text strings.Builder
	text.WriteString(title + "1\n")
	const n = 1700
	for i := range n {
		fmt.Fprintf(&text, "r/%d %d\n", i, i)
	}
	for i := range 6 {
		fmt.Fprintf(&text, "large/%d \"%s\"\n", i, strings.Repeat("x", store.MaxValue*4/5))
	}
	s := filled(t)
	before := exported(t, s)
	_, err := Import(t.Context(), &failing{s, 3}, "f", strings.NewReader(text.String()), true)
	if err == nil || !strings.Contains(err.Error(), "no room; nothing was changed") || exported(t, s) != before {
		t.Errorf("%v; then %.300s", err, exported(t, s))
	}
	done, err := Import(t.Context(), &failing{s, 1000}, "f", strings.NewReader(text.String()), true)
	if err != nil || done != (Imported{Put: n + 6, Deleted: 9}) {
		t.Errorf("%+v, %v", done, err)
	}
}

// TestOneStep: a store of a directory is replaced in one transaction, whether a server has
// it open or not, so that no crash leaves a part.
func TestOneStep(t *testing.T) {
	var text strings.Builder
	text.WriteString(title + "1\n")
	const n = 3000
	for i := range n {
		fmt.Fprintf(&text, "r/%d %d\n", i, i)
	}
	for _, running := range []bool{false, true} {
		dir := directory(t)
		if running {
			defer serve(t, dir).Close()
		}
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		put(t, s, "old")
		done, err := Import(t.Context(), s, "f", strings.NewReader(text.String()), true)
		if err != nil || done != (Imported{Put: n, Deleted: 1}) {
			t.Fatalf("running %v: %+v, %v", running, done, err)
		}
		if snap, err := s.List(t.Context(), ""); err != nil || snap.Revision != 2 || len(snap.Entries) != n {
			t.Errorf("running %v: %d entries at revision %d, %v: expected all at 2", running, len(snap.Entries), snap.Revision, err)
		}
	}
}

// meddled is a store that somebody else changes as soon as it was listed.
type meddled struct {
	*memory.Store
	change func()
}

func (m *meddled) List(ctx context.Context, prefixes ...string) (store.Snapshot, error) {
	defer m.change()
	return m.Store.List(ctx, prefixes...)
}

// TestReplaceMeanwhile: what somebody else changes while a text takes the place of a store
// ends that, also where the text would have left it as it was.
func TestReplaceMeanwhile(t *testing.T) {
	const text = title + "1\nr/same 1\nr/set 1\n"
	for _, key := range []string{"r/same", "r/set", "r/gone"} {
		s := memory.New()
		put(t, s, "r/gone")
		if _, err := Import(t.Context(), s, "f", strings.NewReader(text), true); err != nil {
			t.Fatal(err)
		}
		put(t, s, "r/set")
		put(t, s, "r/gone")
		m := &meddled{s, func() { put(t, s, key) }}
		done, err := Import(t.Context(), m, "f", strings.NewReader(text), true)
		if !errors.As(err, new(*store.ConflictError)) || !strings.Contains(err.Error(), key+" was changed by somebody else meanwhile; nothing was changed: run it again") || done != (Imported{}) {
			t.Errorf("%s: %+v, %v", key, done, err)
		}
	}
}

// TestBackup: a copy that is made while the server runs is a store, and replaces no file.
func TestBackup(t *testing.T) {
	dir := directory(t)
	h := serve(t, dir)
	defer h.Close()
	put(t, h, "a")
	out := filepath.Join(t.TempDir(), "copy.db")
	if err := Backup(t.Context(), dir, out); err != nil {
		t.Fatal(err)
	}
	put(t, h, "b")
	s, err := bolt.Open(out, bolt.Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if snap, err := s.List(t.Context(), ""); err != nil || len(snap.Entries) != 1 || snap.Revision != 1 {
		t.Error(snap, err)
	}
	if err := Backup(t.Context(), dir, out); !errors.Is(err, fs.ErrExist) {
		t.Error(err)
	}
	if left, _ := os.ReadDir(filepath.Dir(out)); len(left) != 1 {
		t.Error(left)
	}
}

func TestCommand(t *testing.T) {
	for _, c := range []struct{ args, want string }{
		{"/usr/bin/culvert user add alice --dir /etc/culvert", "culvert user add alice --dir"},
		{"culvert user set alice --password=x --email a@b bob", "culvert user set alice --password --email bob"},
		{"culvert import --replace --dir D f=1", "culvert import --replace --dir f=1"},
	} {
		if got := command(strings.Fields(c.args)); got != c.want {
			t.Errorf("%s: %s", c.args, got)
		}
	}
}

func FuzzText(f *testing.F) {
	f.Add(title + "1\na 1\nb base64:AAAA\n# c\n")
	f.Add(title + "1\nusers/alice {\"v\":1,\"r\":{}}\n")
	f.Fuzz(func(t *testing.T, text string) {
		all, err := parseText("f", strings.NewReader(text))
		if err != nil {
			return
		}
		s := memory.New()
		for _, r := range all {
			if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{r.Put}}); err != nil {
				t.Fatal(err)
			}
		}
		again, err := parseText("f", strings.NewReader(exported(t, s)))
		if err != nil || len(again) != len(all) {
			t.Fatal(err, len(again), len(all))
		}
	})
}
