package remote

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"culvert/store"
)

// Serve answers on a socket about a store until the returned function is called, which
// removes the socket where this process still can. Only this process's user and root are
// answered. A socket that is there is replaced: the caller has the store to itself, so
// whoever made it has ended.
func Serve(path string, s store.Store) (stop func(), err error) {
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		serve(ctx, l, s)
	}()
	return func() {
		cancel()
		<-done
		l.forget()
	}, nil
}

// Forget removes the socket that a process left because it had no right to remove it. One
// that answers stays.
func Forget(path string) error {
	info, err := os.Lstat(path)
	if err != nil || info.Mode().Type() != fs.ModeSocket {
		return nil
	}
	addr, done, err := address(path)
	if err != nil {
		return nil
	}
	defer done()
	conn, err := net.Dial("unix", addr)
	if err == nil {
		conn.Close()
		return nil
	}
	if !isNobody(err) {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// listener lets in nobody but the users of a store.
type listener struct {
	*net.UnixListener
	path  string
	made  fs.FileInfo // the socket; nil: not known
	owner int
}

func listen(path string) (*listener, error) {
	if info, err := os.Lstat(path); err == nil {
		if t := info.Mode().Type(); t != fs.ModeSocket && t != fs.ModeIrregular {
			return nil, fmt.Errorf("%s is there and no socket; move it away", path)
		}
		if err := os.Remove(path); err != nil {
			return nil, fmt.Errorf("replace the socket of a process that has ended: %w", err)
		}
	}
	addr, done, err := address(path)
	if err != nil {
		return nil, err
	}
	defer done()
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: addr, Net: "unix"})
	if err != nil {
		return nil, fmt.Errorf("the socket of the store %s: %w", path, err)
	}
	l.SetUnlinkOnClose(false)
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		os.Remove(path)
		return nil, fmt.Errorf("the socket of the store: %w", err)
	}
	info, _ := os.Lstat(path)
	return &listener{l, path, info, os.Geteuid()}, nil
}

// Accept is net.Listener's. Others than root and the owner are not answered, whatever the
// file's mode says.
func (l *listener) Accept() (net.Conn, error) {
	for {
		conn, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if uid, known := peer(conn); !known || uid == 0 || uid == l.owner {
			return conn, nil
		}
		conn.Close()
	}
}

// forget removes the socket, unless another has its name.
func (l *listener) forget() {
	if info, err := os.Lstat(l.path); err == nil && l.made != nil && os.SameFile(info, l.made) {
		os.Remove(l.path)
	}
}

// tooLong says that a socket cannot have a path.
func tooLong(path string) error {
	return fmt.Errorf("%s: a path of %d bytes, and that of a socket may have %d at most; use a directory with a shorter path", path, len(path), maxPath)
}
