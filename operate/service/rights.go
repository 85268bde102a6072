package service

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"culvert/config"
	"culvert/host/privsep"
	"culvert/host/process"
	"culvert/operate/manage"
	"culvert/role/client"
	"culvert/role/profile"
)

// defaultUsers are the users that a worker runs as by default: the first of them that
// exists.
var defaultUsers = []string{"culvert", "nobody"}

// DefaultUser returns the user that a worker runs as by default on this machine; "" if
// there is none, as in a container that has no user except root.
func DefaultUser() string {
	name := leastUser()
	if id, err := process.Lookup(name, ""); err != nil || !process.CanBecome(id) {
		return ""
	}
	return name
}

// leastUser returns the first of defaultUsers that exists, "" for none.
func leastUser() string {
	for _, name := range defaultUsers {
		if _, err := process.Lookup(name, ""); err == nil {
			return name
		}
	}
	return ""
}

// chooseUser sets the user of a configuration that names none, for a process of
// root's. A group alone would leave it the user root. It returns why it did not.
func (o Options) chooseUser(c *config.Config) (why string) {
	if !o.Unprivileged || o.UserSpace || c.Process.User != "" || !process.Privileged() {
		return ""
	}
	if err := process.CanEnter(); err != nil {
		return fmt.Sprintf("it stays root: %v", err)
	}
	name := leastUser()
	if name == "" {
		return fmt.Sprintf("it stays root, since there is no user %s; make one: useradd --system culvert", strings.Join(defaultUsers, " or "))
	}
	id, err := process.Lookup(name, c.Process.Group)
	if err != nil {
		return "" // giveUp refuses the group
	}
	if !process.CanBecome(id) {
		return "it stays root, since this user namespace has no user " + name
	}
	for _, program := range c.Programs() {
		if !process.MayRun(filepath.Join(c.Process.Chroot, program), id) {
			return fmt.Sprintf("it stays root, since user %s cannot run %s; let that user run it and write: user %[1]s, or write: user root", name, program)
		}
	}
	if c.Pull && c.Hooks.OnReconnect() {
		return "it stays root, since without persist-tun each new connection opens the adapter again, for the programs of up and down; write persist-tun, or: user root"
	}
	c.Process.User = name
	return ""
}

// reads is what the worker of a configuration may have its keeper read and do, with more
// files: with `chroot`, none, since names lead elsewhere there.
func reads(c *config.Config, own privsep.Reads, more map[string]bool) privsep.Reads {
	own.Environment = profile.Environment(c)
	if r, _ := profile.NewRenewing(c); c.Pull && r != nil {
		own.Renew = r.Keep // into the file of the configuration alone
	}
	if c.Process.Chroot != "" {
		return own
	}
	lists := profile.ListFiles(c)
	own.Lists = lists.Read
	own.File = func(name string) ([]byte, error) {
		if !named(c, name) && !more[name] {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return process.ReadFile(name)
	}
	return own
}

// named reports whether a file is one that c's role reads again: those of
// client-config-dir, a server's certificate, which may be renewed, the login that
// auth-nocache has it forget, and the policy.
func named(c *config.Config, name string) bool {
	if dir := c.Server.ClientConfigDir; dir != "" && filepath.Dir(name) == filepath.Clean(dir) {
		info, err := os.Lstat(name)
		return errors.Is(err, fs.ErrNotExist) || err == nil && info.Mode().IsRegular()
	}
	if own := c.Trust.Cert; c.Mode == config.ModeServer && own != nil && own.Name != "" && !own.Inline && name == c.Path(own.Name) {
		return true
	}
	return slices.ContainsFunc([]*config.File{c.Login.UserPass, c.Server.Policy}, func(f *config.File) bool {
		return f != nil && f.Name != "" && !f.Inline && name == c.Path(f.Name)
	})
}

// forget removes the socket that a worker left.
func (l *life) forget(name string) {
	if err := manage.Forget(l.localDir(), name); err != nil {
		l.log.Warn(err.Error())
	}
}

// enter gives up rights once all is open, before a stranger's first packet; nil
// where none are to be given up.
func (r roles) enter() func() error {
	if r.jail.Empty() {
		return nil
	}
	return func() error {
		r.tasks.reserve()
		if r.written != nil { // the directory may be out of reach afterwards
			if err := r.written(); err != nil {
				return err
			}
		}
		if err := r.jail.Enter(); err != nil {
			return fmt.Errorf("giving up root's rights: %w", err)
		}
		r.log.Info("root's rights are given up", "user", r.jail.Identity.UID, "group", r.jail.Identity.GID, "chroot", r.jail.Chroot)
		return nil
	}
}

// whenUp gives up a client's rights when the tunnel is up for the first time, as
// OpenVPN does. In a chroot, the server's name could not be looked up before that.
func (r roles) whenUp() func(*client.Client) {
	enter := r.enter()
	return func(*client.Client) {
		if enter == nil {
			return
		}
		if err := enter(); err != nil {
			r.failed(err)
		}
		enter = nil
	}
}
