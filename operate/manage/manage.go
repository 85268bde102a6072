// Package manage is the local interface of a running process: HTTP with JSON
// over a Unix socket that only its user can open. The command line's subcommands
// for running processes are its clients.
package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"culvert/host/hostnet"
)

// DefaultDir is where processes of this user have their sockets:
// hostnet.DefaultStateDir for root, else below the user's runtime directory, or
// cache. A directory that all users share is the last resort: any of them could
// take the name there first.
func DefaultDir() string {
	if os.Geteuid() == 0 {
		return hostnet.DefaultStateDir
	}
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" {
		return filepath.Join(dir, "culvert")
	}
	if dir, err := os.UserCacheDir(); err == nil && hasHome() {
		return filepath.Join(dir, "culvert")
	}
	return filepath.Join(os.TempDir(), "culvert"+userSuffix())
}

// hasHome tells users from the accounts of services, whose home need not be.
func hasHome() bool {
	home, err := os.UserHomeDir()
	if err == nil {
		_, err = os.Stat(home)
	}
	return err == nil
}

const suffix = ".sock"

// Serve answers requests on the socket of a name in a directory, both made if
// need be, until the returned function is called, which also removes the
// socket. It fails when another process answers there.
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
	s := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
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

// socket is a name's path. Names come from command lines and are file names.
func socket(dir, name string) (string, error) {
	if name == "" || name != filepath.Base(name) || strings.HasPrefix(name, ".") {
		return "", fmt.Errorf("%q cannot name a running process: expected a plain file name", name)
	}
	return filepath.Join(dir, name+suffix), nil
}

// Forget removes the socket of a name that a process left which ended without
// the right to. One that answers stays.
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

// listen opens the socket for this user alone, in place of one whose process is
// gone.
func listen(path string) (net.Listener, error) {
	l, err := net.Listen("unix", path)
	if errors.Is(err, addressInUse) {
		dir, name := filepath.Dir(path), strings.TrimSuffix(filepath.Base(path), suffix)
		if answers(dir, name) {
			return nil, fmt.Errorf("another process is at work as %s", name)
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

// Names are the processes that have a socket in a directory, in order.
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

// answerTime is how long a process may take to notice a connection. One that is
// stopped does not.
const answerTime = 2 * time.Second

// answers tells a process at work from the socket of one that was killed, or
// had no right to remove it.
func answers(dir, name string) bool {
	conn, err := net.DialTimeout("unix", filepath.Join(dir, name+suffix), answerTime)
	if err != nil {
		return !errors.Is(err, connectionRefused) && !errors.Is(err, fs.ErrNotExist)
	}
	conn.Close()
	return true
}

// Client asks one running process.
type Client struct {
	name string
	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	http *http.Client
}

// Dial makes a client of the process of a name, or with "" of the only one
// there is. Prefix narrows what counts ("hub-"); "" is all. A directory that
// another user could have laid out is refused: so could what answers there.
func Dial(dir, prefix, name string) (*Client, error) {
	if err := hostnet.TrustDir(dir); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if name == "" {
		names, err := Names(dir)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w; run this as root, or as the user who started the process", err)
		}
		if err != nil {
			return nil, err
		}
		names = slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) || !answers(dir, n) })
		switch len(names) {
		case 0:
			return nil, noneRunning(dir, prefix)
		case 1:
			name = names[0]
		default:
			return nil, fmt.Errorf("several are running, name one: %s", strings.Join(names, ", "))
		}
	}
	path, err := socket(dir, name)
	if err != nil {
		return nil, err
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", path)
	}
	return &Client{name, dial, &http.Client{Transport: &http.Transport{DialContext: dial}}}, nil
}

// noneRunning says what was looked for, where, and how to have it.
func noneRunning(dir, prefix string) error {
	what, start := "server or client", "culvert serve or culvert connect"
	if prefix != "" {
		what = strings.TrimSuffix(prefix, "-")
		start = "culvert " + what
	}
	return fmt.Errorf("no running %s was found in %s: start one by %s; one that was started with --state-dir D is found with the same", what, dir, start)
}

// Name is the process's.
func (c *Client) Name() string { return c.name }

// Do asks for a path, with a body of JSON unless it is nil, and returns the
// answer for the caller to read and close. An answer that is no success is an
// error with its text.
func (c *Client) Do(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	var r io.Reader
	if body != nil {
		b, err := json.Marshal(body)
		if err != nil {
			return nil, err
		}
		r = strings.NewReader(string(b))
	}
	resp, err := c.ask(ctx, c.http, method, path, r)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// endTime is how long a process may take to end an answer that it was asked to
// end.
const endTime = 5 * time.Second

// Stream asks for a path whose answer lasts until ctx ends: then this side of
// the connection is closed, and the process says what is left to say. The
// caller reads the answer to its end and closes it.
func (c *Client) Stream(ctx context.Context, path string) (*http.Response, error) {
	var conn net.Conn
	once := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var err error
		conn, err = c.dial(ctx, "", "")
		return conn, err
	}}}
	answer, err := c.ask(context.WithoutCancel(ctx), once, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Now().Add(endTime))
		conn.(*net.UnixConn).CloseWrite()
	})
	return answer, nil
}

// noSuchPath is what http.NotFound says.
const noSuchPath = "404 page not found\n"

func (c *Client) ask(ctx context.Context, by *http.Client, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://culvert"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := by.Do(req)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, connectionRefused) {
		return nil, fmt.Errorf("%s is not running", c.name)
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w", c.name, err)
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(resp.Body, 4096))
		if string(text) == noSuchPath {
			return nil, fmt.Errorf("%s is a process of another kind, which cannot do this; name another with --name", c.name)
		}
		return nil, errors.New(strings.TrimSpace(string(text)))
	}
	return resp, nil
}
