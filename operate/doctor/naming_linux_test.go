package doctor

import (
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"testing"

	"culvert/config"
)

func TestTunnelOf(t *testing.T) {
	for _, c := range []struct {
		exe   string
		words []string
		want  string
	}{
		{"", []string{"openvpn", "a.ovpn"}, "openvpn"},
		{"", []string{"/usr/bin/culvert", "connect", "a.ovpn"}, "culvert"},
		{"", []string{"culvert", "--config", "a.ovpn"}, "culvert"},
		{"/usr/bin/culvert (deleted)", []string{"vpn", "connect", "a.ovpn"}, "culvert"},
		{"/usr/bin/culvert", []string{"culvert", "doctor", "a.ovpn"}, ""},
		{"/usr/bin/vi", []string{"vi", "a.ovpn"}, ""},
		{"", []string{""}, ""},
	} {
		if got, _ := tunnelOf(c.words, c.exe); got != c.want {
			t.Errorf("%q of %q: %q, want %q", c.words, c.exe, got, c.want)
		}
	}
}

func TestSameFile(t *testing.T) {
	dir := t.TempDir()
	file, other := filepath.Join(dir, "a.ovpn"), filepath.Join(dir, "b.ovpn")
	if err := errors.Join(os.WriteFile(file, nil, 0o600), os.WriteFile(other, nil, 0o600), os.Symlink(file, filepath.Join(dir, "link"))); err != nil {
		t.Fatal(err)
	}
	want, err := os.Stat(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		word, cwd string
		same      bool
	}{
		{file, "/", true}, {"a.ovpn", dir, true}, {"link", dir, true}, {"a.ovpn", "", true}, {"sub/a.ovpn", "/", true},
		{"b.ovpn", dir, false}, {other, "", false}, {"", dir, false}, {"/nowhere/a.ovpn", "", false},
	} {
		if got := sameFile(c.word, c.cwd, file, want); got != c.same {
			t.Errorf("%q in %q: %v", c.word, c.cwd, got)
		}
	}
}

// A process that was started as culvert connect with the profile is found.
func TestProcessesNaming(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "laptop.ovpn")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	// read, of the shell itself, waits for the end of the pipe.
	p := &exec.Cmd{Path: sh, Args: []string{"culvert", "connect", "laptop.ovpn"}, Dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "connect"), []byte("echo; read x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	in, err := p.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := p.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { in.Close(); _ = p.Wait() }()
	if _, err := out.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	own := holder{pid: p.Process.Pid, name: "culvert"}
	list, _, err := tunnelProcesses(file)
	if err != nil || len(list) != 1 || list[0] != own {
		t.Errorf("%v, %v", list, err)
	}
	other := filepath.Join(dir, "other.ovpn")
	if err := os.WriteFile(other, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if list, others, err := tunnelProcesses(other); err != nil || len(list) != 0 || !slices.Contains(others, own) {
		t.Errorf("of another profile: %v, others %v, %v", list, others, err)
	}
}

// Where another user's processes cannot be seen, no connection is made.
func TestMayRun(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "laptop.ovpn")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	c := &caller{Options: Options{File: file, StateDir: dir}, cfg: new(config.Config)}
	r := c.hidden(&fs.PathError{Op: "open", Path: dir, Err: fs.ErrPermission})
	if r.may == "" || !r.some() {
		t.Errorf("%+v", r)
	}
	if r := c.hidden(fs.ErrNotExist); r.some() {
		t.Errorf("of no directory: %+v", r)
	}
}
