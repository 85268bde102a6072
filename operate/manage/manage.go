// Package manage is the local interface of a running process: HTTP with JSON
// over a Unix socket that only its user can open. The command line's subcommands
// for running processes are its clients.
package manage

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"culvert/host/hostnet"
	"culvert/operate/manage/api"
)

// DefaultDir is where processes of this user have their sockets:
// hostnet.DefaultStateDir for root, else below the user's runtime directory, or
// cache. A directory that all users share is the last resort: any of them could
// take the name there first.
func DefaultDir() string {
	if os.Geteuid() == 0 {
		return hostnet.DefaultStateDir
	}
	if dir := RuntimeDir(); dir != "" {
		return filepath.Join(dir, "culvert")
	}
	if dir, err := os.UserCacheDir(); err == nil && hasHome() {
		return filepath.Join(dir, "culvert")
	}
	return filepath.Join(os.TempDir(), "culvert"+userSuffix())
}

// RuntimeDir is the directory of this user's session, also where a shell does not say it, as
// after su; "" for none.
func RuntimeDir() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return dir
	}
	dir := filepath.Join(sessions, strconv.Itoa(os.Geteuid()))
	if err := hostnet.TrustDir(dir); err != nil {
		return ""
	}
	return dir
}

// sessions is where systemd makes the directories of users' sessions.
const sessions = "/run/user"

// hasHome reports whether this user has a home directory. Accounts of services may
// have none.
func hasHome() bool {
	home, err := os.UserHomeDir()
	if err == nil {
		_, err = os.Stat(home)
	}
	return err == nil
}

const suffix = ".sock"

// ErrTaken is returned for the name of a process that answers.
var ErrTaken = errors.New("another process is at work as")

// Serve answers requests with h, which finds in their contexts who asks (api.CallerOf): whoever
// may open the socket may do everything. It does so on the socket of a name in a
// directory, both made if need be, until the returned function is called, which also removes the
// socket. It fails with ErrTaken when another process answers there.
func Serve(dir, name string, h http.Handler) (stop func(), err error) {
	path, err := socket(dir, name)
	if err != nil {
		return nil, err
	}
	if err := hostnet.PrivateDir(dir); err != nil {
		return nil, fmt.Errorf("the directory of the local interface: %w", err)
	}
	l, err := listen(path)
	if err != nil {
		return nil, err
	}
	s := &http.Server{Handler: owned(h), ReadHeaderTimeout: 10 * time.Second, ConnContext: func(ctx context.Context, c net.Conn) context.Context {
		return context.WithValue(ctx, peerKey{}, sync.OnceValue(func() string { return peerName(c) }))
	}}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.Serve(l)
	}()
	return func() {
		s.Close()
		<-done
	}, nil
}

// peerKey is the key of a connection's peerName, which is looked up when somebody asks by
// it: it may take its time.
type peerKey struct{}

// owned has h answer a socket's callers.
func owned(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name := r.Context().Value(peerKey{}).(func() string)()
		h.ServeHTTP(w, r.WithContext(api.As(r.Context(), api.Caller{Name: name, Scope: api.Administer, Via: "socket"})))
	})
}

// socket is a name's path. Names come from command lines and are file names.
func socket(dir, name string) (string, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("%q cannot be the name of a running process: expected a plain file name", name)
	}
	return filepath.Join(dir, name+suffix), nil
}

// Forget removes the socket that a process of a name left because it had no right to
// remove it. A socket that answers stays.
func Forget(dir, name string) error {
	path, err := socket(dir, name)
	if err != nil || answers(dir, name) {
		return err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("the local interface: %w", err)
	}
	return nil
}

// listen opens the socket for this user alone, and replaces one that a process left
// behind.
func listen(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if errors.Is(err, addressInUse) {
		dir, name := filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), suffix)
		if answers(dir, name) {
			return nil, fmt.Errorf("%w %s", ErrTaken, name)
		}
		os.Remove(path)
		l, err = net.Listen("unix", path)
	}
	if err != nil {
		return nil, fmt.Errorf("the local interface: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		l.Close()
		return nil, err
	}
	return l, nil
}

// Names returns the names of processes that have a socket in a directory, sorted.
func Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), suffix); ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// answerTime is how long a process may take to notice a connection. A stopped process
// does not notice it.
const answerTime = 2 * time.Second

// answers reports whether a process answers at a socket. One that was killed, or had
// no right to remove its socket, leaves it behind.
func answers(dir, name string) bool {
	conn, err := net.DialTimeout("unix", filepath.Join(dir, name+suffix), answerTime)
	if err != nil {
		return !errors.Is(err, connectionRefused) && !errors.Is(err, fs.ErrNotExist)
	}
	conn.Close()
	return true
}
