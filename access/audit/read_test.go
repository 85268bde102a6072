package audit

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// TestRead: pages follow each other over files that moved aside, also while that happens;
// what cannot be read is passed over, and entries are chosen.
func TestRead(t *testing.T) {
	f := NewFile(filepath.Join(t.TempDir(), Name))
	f.size = 2000
	began := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	n := 0
	add := func() {
		t.Helper()
		n++
		line, err := Entry{At: began.Add(time.Duration(n) * time.Hour), What: []string{LetIn, Refused}[n%2], Client: fmt.Sprint("c", n)}.Line()
		if err == nil {
			err = f.Append(line)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if page, err := f.Read(t.Context(), Query{Limit: 3}); err != nil || len(page.Entries) != 0 || page.Next != "" {
		t.Errorf("%+v %v of no file", page, err)
	}
	for range 50 {
		add()
	}
	if _, err := os.Stat(f.path + ".1"); err != nil {
		t.Fatal(err)
	}
	if err := f.Append([]byte("rubbish\n")); err != nil {
		t.Fatal(err)
	}
	var names []string
	for q := (Query{Limit: 7}); ; {
		page, err := f.Read(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range page.Entries {
			names = append(names, e.Client)
		}
		if q.After = page.Next; q.After == "" {
			break
		}
		add() // which moves files aside now and then
	}
	if len(names) != 50 || names[0] != "c50" || names[49] != "c1" {
		t.Errorf("%d: %v", len(names), names)
	}
	page, err := f.Read(t.Context(), Query{Limit: 5, Match: func(e *Entry) bool { return e.What == Refused }})
	if err != nil || len(page.Entries) != 5 || page.Entries[0].What != Refused || page.Next == "" {
		t.Errorf("%+v %v", page, err)
	}
	since := began.Add(45 * time.Hour)
	page, err = f.Read(t.Context(), Query{Limit: 100, Since: since, Match: func(e *Entry) bool { return !e.At.Before(since) }})
	if err != nil || page.Entries[len(page.Entries)-1].Client != "c45" || page.Next != "" {
		t.Errorf("%+v %v", page, err)
	}
	for _, after := range []string{"x", "0123456789abcdef-10", "-1", "0123456789abcdef--1"} {
		if _, err := f.Read(t.Context(), Query{Limit: 1, After: after}); !errors.Is(err, ErrCursor) {
			t.Errorf("%s: %v", after, err)
		}
	}
}

// FuzzBackward: lines backward are those forward, whatever the file holds, and entries of
// any file are read without panic.
func FuzzBackward(f *testing.F) {
	f.Add([]byte("a\nb\n\nc"), "")
	f.Add([]byte("{\"at\":\"2026-01-01T00:00:00Z\"}\n"), "0123456789abcdef-3")
	f.Add(append(bytes.Repeat([]byte("x"), chunk), "\ny\n"...), "")
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte, after string) {
		var got [][]byte
		if err := backward(bytes.NewReader(text), int64(len(text)), func(start int64, line []byte) bool {
			if !bytes.HasPrefix(text[start:], line) {
				t.Errorf("%q is not at %d", line, start)
			}
			got = append([][]byte{bytes.Clone(line)}, got...)
			return true
		}); err != nil {
			t.Fatal(err)
		}
		want := bytes.Split(text, []byte("\n"))
		if want = want[:len(want)-1]; !bytes.Equal(bytes.Join(got, []byte("\n")), bytes.Join(want, []byte("\n"))) || len(got) != len(want) {
			t.Errorf("%q, expected %q", got, want)
		}
		path := filepath.Join(dir, Name)
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		NewFile(path).Read(t.Context(), Query{After: after, Limit: 3})
	})
}
