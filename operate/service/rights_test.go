package service

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"culvert/config"
	"culvert/host/process"
)

// TestNamed: a worker has read what its tunnel reads again, and nothing that lies
// elsewhere, by whatever name.
func TestNamed(t *testing.T) {
	dir := t.TempDir()
	ccd, login, secret := filepath.Join(dir, "ccd"), filepath.Join(dir, "login"), filepath.Join(dir, "secret")
	if err := errors.Join(os.Mkdir(ccd, 0o700), os.WriteFile(filepath.Join(ccd, "anna"), []byte("disable"), 0o600), os.WriteFile(login, []byte("a\nb"), 0o600),
		os.WriteFile(secret, []byte("key"), 0o600), os.Symlink(secret, filepath.Join(ccd, "link"))); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Server: config.Server{ClientConfigDir: ccd}, Login: config.Login{UserPass: &config.File{Name: login}}}
	for name, want := range map[string]bool{
		filepath.Join(ccd, "anna"): true, login: true,
		secret: false, filepath.Join(ccd, "link"): false, ccd + "/../secret": false, ccd: false, ccd + "/sub/x": false, "/etc/shadow": false, "": false, ".": false,
	} {
		_, err := reads(c).File(name)
		if (err == nil) != want || !want && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := reads(c).File(filepath.Join(ccd, "bert")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a client without a file: %v", err)
	}
	if reads(&config.Config{Server: config.Server{ClientConfigDir: "/ccd"}, Process: config.Process{Chroot: dir}}).File != nil {
		t.Error("names of a chroot are read outside of it")
	}
}

// TestChooseUser: root's rights are given up where nothing is said of them, and by
// nobody else.
func TestChooseUser(t *testing.T) {
	root := process.Privileged()
	id, err := process.Lookup(leastUser(), "")
	if err != nil {
		t.Fatal(err)
	}
	root = root && process.CanBecome(id) && process.CanEnter() == nil
	locked := filepath.Join(t.TempDir(), "locked", "program")
	if err := errors.Join(os.Mkdir(filepath.Dir(locked), 0o700), os.WriteFile(locked, []byte("#!/bin/sh\n"), 0o700)); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		what string
		o    Options
		c    config.Config
		user string
		why  bool
	}{
		{"nothing said", Options{Unprivileged: true}, config.Config{}, leastUser(), false},
		{"a user", Options{Unprivileged: true}, config.Config{Process: config.Process{User: "root"}}, "root", false},
		{"a group, with which root would stay", Options{Unprivileged: true}, config.Config{Process: config.Process{Group: "0"}}, leastUser(), false},
		{"a group that there is not", Options{Unprivileged: true}, config.Config{Process: config.Process{Group: "no-such-group"}}, "", false},
		{"as OpenVPN does", Options{}, config.Config{}, "", false},
		{"user space", Options{Unprivileged: true, UserSpace: true}, config.Config{}, "", false},
		{"a program for all", Options{Unprivileged: true}, config.Config{Trust: config.Trust{TLSVerify: []string{"/bin/sh"}}}, leastUser(), false},
		{"a program of root's", Options{Unprivileged: true}, config.Config{Trust: config.Trust{TLSVerify: []string{locked}}}, "", true},
	} {
		if !root {
			test.why = process.Privileged() && test.o.Unprivileged && !test.o.UserSpace && test.c.Process.User == ""
			if test.c.Process.User == "" {
				test.user = ""
			}
		}
		why := test.o.chooseUser(&test.c)
		if test.c.Process.User != test.user || (why != "") != test.why {
			t.Errorf("%s: user %q, %s", test.what, test.c.Process.User, why)
		}
	}
}
