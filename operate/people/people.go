// Package people opens the store of a server's directory: users, devices and groups, and
// what else outlives the server. While a server runs, it has the file open, and others
// reach the store by a socket beside the file.
package people

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"culvert/store"
	"culvert/store/bolt"
	"culvert/store/remote"
)

// The names of the store's file and of its socket, in a server's directory.
const (
	File   = bolt.File
	Socket = "store.sock"
)

// patience is how long Open and Serve wait for whoever has the file open.
const patience = bolt.DefaultWait

// Open opens the store of a server's directory for a command: the running server's, or
// else the file, which is made if the directory has none. A server that begins meanwhile,
// and another command, are waited for. The audit log says what was changed, by whom and
// with which command.
func Open(dir string) (store.Store, error) {
	s, err := open(dir)
	if err != nil {
		return nil, err
	}
	return recorded(s, dir), nil
}

// Running is the store of a directory whose server runs, for that server itself, of whose own
// records the audit log has no lines. It never opens the file, which would be in the way of a
// server that begins. It fails where none runs yet.
func Running(dir string) (store.Store, error) {
	return remote.Dial(context.Background(), filepath.Join(dir, Socket))
}

func open(dir string) (store.Backuper, error) {
	if err := check(dir); err != nil {
		return nil, err
	}
	// A short wait for the file, so that a server that has taken it is found.
	const turn = 200 * time.Millisecond
	for until := time.Now().Add(patience); ; {
		s, err := remote.Dial(context.Background(), filepath.Join(dir, Socket))
		if err == nil {
			return s, nil
		}
		if !errors.Is(err, remote.ErrNobody) {
			return nil, denied(err)
		}
		b, err := file(dir, turn)
		if err == nil {
			return b, nil
		}
		if !errors.Is(err, bolt.ErrLocked) || time.Now().After(until) {
			return nil, err
		}
	}
}

// check fails if a directory is not a server's.
func check(dir string) error {
	if i, err := os.Stat(dir); err == nil && !i.IsDir() {
		return fmt.Errorf("%s is a file: expected the server's directory, such as %s", dir, filepath.Dir(dir))
	}
	_, err := os.Stat(filepath.Join(dir, "server.conf"))
	if errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is not a server's directory: it has no server.conf; to make one, run: culvert init --dir %s --host NAME", dir, dir)
	}
	return denied(err)
}

// denied adds to the error of who may not what to do.
func denied(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return fmt.Errorf("%w; run this as root, or as the directory's owner", err)
	}
	return err
}

// file opens the file, and makes it if there is none.
func file(dir string, wait time.Duration) (*bolt.Store, error) {
	path := filepath.Join(dir, File)
	s, err := bolt.Open(path, bolt.Options{Wait: wait})
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if err := bolt.Create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return bolt.Open(path, bolt.Options{Wait: wait})
}

// Host is the store of a server's directory in the process of the server, which serves it
// to commands.
type Host struct {
	store.Store
	// Notes are what its administrator should know, such as that it can only be read.
	Notes []string
	stop  func()
}

// Serve opens the store of a server's directory, makes the file if there is none, and
// serves it to commands by the socket. Both are open before the process gives up its
// rights, and need no name afterwards. Where there is no file and none can be made, it
// returns nil and why: such a server has no users, and no record of any is passed over. Any
// other fault is an error, since a server that cannot read its users must not let anybody
// in as if there were none.
func Serve(dir string) (h *Host, none string, err error) {
	b, err := file(dir, patience)
	if err != nil {
		if _, missing := os.Lstat(filepath.Join(dir, File)); errors.Is(missing, fs.ErrNotExist) {
			return nil, err.Error(), nil
		}
		return nil, "", err
	}
	h = &Host{Store: b}
	if err := b.ReadOnly(); err != nil {
		h.Notes = append(h.Notes, err.Error())
	}
	if h.stop, err = remote.Serve(filepath.Join(dir, Socket), b); err != nil {
		h.stop = func() {}
		h.Notes = append(h.Notes, "commands that change users have to wait until this server has ended: "+err.Error())
	}
	return h, "", nil
}

// Close ends all that uses the store.
func (h *Host) Close() error {
	h.stop()
	return h.Store.Close()
}

// Forget removes the socket that a server left because it had no right to remove it.
func Forget(dir string) error { return remote.Forget(filepath.Join(dir, Socket)) }
