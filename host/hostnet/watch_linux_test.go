package hostnet

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/fsnotify/fsnotify"
	"github.com/mdlayher/netlink"
)

// TestWatchedFile: whatever way a file gets other content, it is heard of.
func TestWatchedFile(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "other")
	write := func(path, text string) error { return os.WriteFile(path, []byte(text), 0o644) }
	check(t, write(file, "one"))
	heard := make(chan struct{}, 100)
	w := watch{t.Context(), func(string) { heard <- struct{}{} }}
	check(t, w.follow(file))
	real := filepath.Join(t.TempDir(), "stub-resolv.conf")
	check(t, write(real, "three"))
	for _, step := range []struct {
		what string
		do   func() error
	}{
		{"written in place", func() error { return write(file, "two") }},
		{"replaced", func() error { check(t, write(other, "three")); return os.Rename(other, file) }},
		{"written after it was replaced", func() error { return write(file, "four") }},
		{"removed", func() error { return os.Remove(file) }},
		{"made again, as a link", func() error { return os.Symlink(real, file) }},
		{"what it is a link to, in place", func() error { return write(real, "five") }},
		{"what it is a link to, replaced", func() error { check(t, write(other, "six")); return os.Rename(other, real) }},
		{"and written once more", func() error { return write(real, "seven") }},
	} {
		for len(heard) > 0 {
			<-heard
		}
		check(t, step.do())
		select {
		case <-heard:
		case <-time.After(10 * time.Second):
			t.Fatal("not heard of: ", step.what)
		}
		settled(heard)
	}
}

// TestNeighbourOfWatchedFile: what happens to other files of its directory does not count.
func TestNeighbourOfWatchedFile(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "resolv.conf"), filepath.Join(dir, "other")
	files, err := fsnotify.NewWatcher()
	check(t, err)
	defer files.Close()
	check(t, files.Add(dir))
	for _, path := range []string{other, file} { // events come in this order
		check(t, os.WriteFile(path, []byte("text"), 0o644))
	}
	for e := range files.Events {
		if e.Name == file {
			if !isAbout(e, file) {
				t.Errorf("%v does not count", e)
			}
			return
		}
		if isAbout(e, file) {
			t.Errorf("%v counts", e)
		}
	}
}

// settled waits until nothing more is heard.
func settled(heard <-chan struct{}) {
	for {
		select {
		case <-heard:
		case <-time.After(50 * time.Millisecond):
			return
		}
	}
}

// TestCommitter: who changed packet rules is in the message at the end of it.
func TestCommitter(t *testing.T) {
	message := func(kind netlink.HeaderType, data string) netlink.Message {
		return netlink.Message{Header: netlink.Header{Type: kind}, Data: []byte(data)}
	}
	const end = newGeneration
	attributes, err := netlink.MarshalAttributes([]netlink.Attribute{
		{Type: 1, Data: []byte{0, 0, 0, 7}}, {Type: genProcessID, Data: []byte{0x7f, 0xff, 0xff, 0xff}}, {Type: genProcessName, Data: []byte("nft\x00")},
	})
	check(t, err)
	for name, c := range map[string]struct {
		m      netlink.Message
		by     string
		counts bool
	}{
		"a program that is gone": {message(end, "\x00\x00\x00\x07"+string(attributes)), "nft", true},
		"without attributes":     {message(end, "\x00\x00\x00\x07"), "", true},
		"damaged":                {message(end, "\x00\x00\x00\x07\xff\xff"), "", true},
		"short":                  {message(end, "\x00"), "", false},
		"under way":              {message(end-1, "\x00\x00\x00\x07"), "", false},
	} {
		if by, counts := committer(c.m); by != c.by || counts != c.counts {
			t.Errorf("%s: %q, %v", name, by, counts)
		}
	}
	sender := new(senders).of
	if by, _ := sender(netlink.Message{Header: netlink.Header{PID: uint32(os.Getpid())}}); by != "" {
		t.Errorf("this process is taken for %q", by)
	}
	if by, _ := sender(netlink.Message{Header: netlink.Header{PID: uint32(os.Getppid())}}); by == "" {
		t.Error("the parent has no name")
	}
}

// TestLostEvents: what was lost counts as a change, and more is heard after it.
func TestLostEvents(t *testing.T) {
	file := filepath.Join(t.TempDir(), "resolv.conf")
	check(t, os.WriteFile(file, nil, 0o644))
	files, err := fsnotify.NewWatcher()
	check(t, err)
	heard, ended := make(chan struct{}, 100), make(chan struct{})
	w := watch{t.Context(), func(string) { heard <- struct{}{} }}
	go func() { defer close(ended); w.read(files, file) }()
	files.Errors <- fsnotify.ErrEventOverflow
	<-heard
	files.Errors <- fsnotify.ErrEventOverflow
	<-heard
	check(t, files.Close())
	<-ended
}
