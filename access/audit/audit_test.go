package audit

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"culvert/store"
	"culvert/store/memory"
)

// TestAppend has two writers, as two processes, add lines while the file moves aside: each
// line is there once, whole, and the oldest are gone.
func TestAppend(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	var writers sync.WaitGroup
	for range 2 {
		f := NewFile(path)
		f.size = 1000
		writers.Go(func() {
			for range 200 {
				line, err := Entry{What: LetIn, Client: "anna"}.Line()
				if err == nil {
					err = f.Append(line)
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	writers.Wait()
	files, err := filepath.Glob(path + "*")
	if err != nil {
		t.Fatal(err)
	}
	lines := 0
	for _, name := range files {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if len(text) > 1100 {
			t.Errorf("%s has %d bytes", name, len(text))
		}
		for s := bufio.NewScanner(bytes.NewReader(text)); s.Scan(); lines++ {
			if err := json.Unmarshal(s.Bytes(), new(Entry)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if info, err := os.Stat(name); err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: others may read it: %v, %v", name, info, err)
		}
	}
	if len(files) != 1+keep {
		t.Errorf("%d files: %v", len(files), files)
	}
	if lines < 100 || lines > 400 {
		t.Errorf("%d lines are left of 400", lines)
	}
}

// TestRefusalsPushOutRefusals: strangers who are refused as fast as they like push out no
// change, and of the others only as many as the oldest file has no room for, the oldest first.
func TestRefusalsPushOutRefusals(t *testing.T) {
	path := filepath.Join(t.TempDir(), Name)
	f := NewFile(path)
	f.size = 2000
	add := func(e Entry) {
		t.Helper()
		line, err := e.Line()
		if err == nil {
			err = f.Append(line)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	all := func() (text string) {
		files, err := filepath.Glob(path + "*")
		if err != nil || len(files) > 1+keep {
			t.Fatalf("%v, %v", files, err)
		}
		for _, name := range files {
			part, err := os.ReadFile(name)
			if err != nil || len(part) > 2200 {
				t.Fatalf("%s: %d bytes, %v", name, len(part), err)
			}
			text += string(part)
		}
		return text
	}
	// refused counts as one whatever the strangers call themselves
	for i := range 1000 {
		if i%200 == 0 {
			add(Entry{What: Changed, By: "root", Command: fmt.Sprint("culvert user disable ", i), User: `"what":"refused"`})
		}
		add(Entry{What: Refused, User: "eve", Reason: "wrong user name or password"})
	}
	for i := range 5 {
		if want := fmt.Sprintf(`"culvert user disable %d"`, i*200); strings.Count(all(), want) != 1 {
			t.Errorf("%s is there %d times", want, strings.Count(all(), want))
		}
	}
	for i := range 400 {
		add(Entry{What: LetIn, User: fmt.Sprint("user ", i)})
	}
	if text := all(); strings.Contains(text, "user disable 0") || strings.Contains(text, "eve") || !strings.Contains(text, `"user 399"`) {
		t.Error("what is oldest did not go first")
	}
}

type sink struct{ strings.Builder }

func (s *sink) Append(line []byte) error { s.Write(line); return nil }

// TestStore records who changed what, of secrets nothing, and of counters nothing at all.
func TestStore(t *testing.T) {
	var lines sink
	s := &Store{Store: memory.New(), Sink: &lines, By: "root", Command: "culvert user set", Failed: func(err error) { t.Error(err) }}
	commit := func(key string, record any) {
		t.Helper()
		txn := store.Txn{Delete: []string{key}}
		if record != nil {
			value, err := store.Encode(1, record)
			if err != nil {
				t.Fatal(err)
			}
			txn = store.Txn{Put: []store.Put{{Key: key, Value: value}}}
		}
		if _, err := s.Commit(context.Background(), txn); err != nil {
			t.Fatal(err)
		}
	}
	type record struct {
		Disabled bool   `json:"disabled,omitempty"`
		Password string `json:"password,omitempty"`
		Pin      string `json:"pin,omitempty"`
	}
	commit("users/anna", record{Password: "hidden-1"})
	commit("users/anna", record{Password: "hidden-1", Disabled: true})
	commit("users/anna", record{Password: "hidden-1", Disabled: true}) // changes nothing
	commit("users/anna", record{Pin: "hidden-2"})
	commit("usage/anna", record{Disabled: true})
	commit("users/anna", nil)
	if strings.Contains(lines.String(), "hidden") {
		t.Errorf("a secret is recorded:\n%s", lines.String())
	}
	var got []string
	for line := range strings.Lines(lines.String()) {
		var e Entry
		if err := json.Unmarshal([]byte(line), &e); err != nil || e.By != "root" || e.At.IsZero() {
			t.Fatal(err, line)
		}
		text, _ := json.Marshal(e.Changes)
		got = append(got, string(text))
	}
	want := []string{
		`[{"key":"users/anna","how":"added","fields":{"password":"(changed)"}}]`,
		`[{"key":"users/anna","how":"set","fields":{"disabled":true}}]`,
		`[{"key":"users/anna","how":"set","fields":{"disabled":null,"password":null,"pin":"(changed)"}}]`,
		`[{"key":"users/anna","how":"removed"}]`,
	}
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
