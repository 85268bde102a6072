package service

import (
	"errors"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
	"culvert/host/privsep"
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
	cert, key := filepath.Join(dir, "server.crt"), filepath.Join(dir, "server.key")
	if err := errors.Join(os.WriteFile(cert, []byte("cert"), 0o600), os.WriteFile(key, []byte("key"), 0o600)); err != nil {
		t.Fatal(err)
	}
	c := &config.Config{Mode: config.ModeServer, Server: config.Server{ClientConfigDir: ccd}, Login: config.Login{UserPass: &config.File{Name: login}},
		Trust: config.Trust{Cert: &config.File{Name: cert}, Key: &config.File{Name: key}}}
	for name, want := range map[string]bool{
		filepath.Join(ccd, "anna"): true, login: true, cert: true, key: false,
		secret: false, filepath.Join(ccd, "link"): false, ccd + "/../secret": false, ccd: false, ccd + "/sub/x": false, "/etc/shadow": false, "": false, ".": false,
	} {
		_, err := reads(c, privsep.Reads{}, nil).File(name)
		if (err == nil) != want || !want && !errors.Is(err, fs.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := reads(c, privsep.Reads{}, nil).File(filepath.Join(ccd, "bert")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a client without a file: %v", err)
	}
	if _, err := reads(c, privsep.Reads{}, map[string]bool{secret: true}).File(secret); err != nil {
		t.Errorf("a file that the configuration was read from: %v", err)
	}
	if reads(&config.Config{Server: config.Server{ClientConfigDir: "/ccd"}, Process: config.Process{Chroot: dir}}, privsep.Reads{}, nil).File != nil {
		t.Error("names of a chroot are read outside of it")
	}
	client := &config.Config{Pull: true, Trust: config.Trust{Cert: &config.File{Name: cert}, Key: &config.File{Name: key}}, Process: config.Process{Chroot: dir}}
	if own := reads(client, privsep.Reads{}, nil); own.Renew == nil || own.File != nil || own.Lists != nil {
		t.Errorf("in a chroot, more or less than a client's certificate is kept by the process outside: %+v", own)
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

// TestRightsThatStay: where rights cannot be given up, a role ends before the first
// packet of a stranger, a client with `chroot` when its tunnel is up.
func TestRightsThatStay(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	var failed []error
	r := roles{jail: process.Jail{Identity: process.Identity{UID: -1, GID: -1}, Chroot: none}, log: slog.New(slog.DiscardHandler), failed: func(err error) { failed = append(failed, err) }, asked: func() {}}
	if err := r.enter()(); err == nil || !strings.Contains(err.Error(), "giving up root's rights") {
		t.Error(err)
	}
	up := r.whenUp()
	up(nil)
	up(nil)
	if len(failed) != 1 {
		t.Errorf("failed %v, want it once: at the first connection", failed)
	}
	r.jail.Chroot = ""
	if r.enter() != nil {
		t.Error("there is something to give up")
	}
	r.whenUp()(nil)
	if len(failed) != 1 {
		t.Errorf("failed %v", failed[1:])
	}
}

// TestForgetWorkersSocket: the keeper removes what its worker left, and nothing by a
// name that leads elsewhere.
func TestForgetWorkersSocket(t *testing.T) {
	dir := t.TempDir()
	sock, err := net.Listen("unix", filepath.Join(dir, "server-tun0.sock"))
	if err != nil {
		t.Fatal(err)
	}
	sock.(*net.UnixListener).SetUnlinkOnClose(false)
	sock.Close()
	var said strings.Builder
	l := &life{Options: Options{StateDir: dir}, log: &log{Logger: slog.New(slog.NewTextHandler(&said, nil))}}
	if l.forget("server-tun0"); names(t, dir) != "[]" || said.Len() > 0 {
		t.Errorf("left %s; %s", names(t, dir), said.String())
	}
	if l.forget("../x"); said.Len() == 0 {
		t.Error("a name led out of the directory")
	}
}
