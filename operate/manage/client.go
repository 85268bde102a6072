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
	"slices"
	"strings"
	"time"

	"culvert/host/hostnet"
	"culvert/operate/backend"
	"culvert/operate/manage/api"
)

// Client asks one running process, of this machine (Dial) or of another (DialFar).
type Client struct {
	dir, prefix, name string

	dial func(ctx context.Context, network, addr string) (net.Conn, error)
	base base // without by
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
		names, err := running(dir, prefix)
		if errors.Is(err, fs.ErrPermission) {
			return nil, fmt.Errorf("%w; run this as root, or as the user who started the process", err)
		}
		if err != nil {
			return nil, err
		}
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
		conn, err := new(net.Dialer).DialContext(ctx, "unix", path)
		if err != nil {
			return nil, err
		}
		return patient{conn}, nil
	}
	return newClient(dir, prefix, name, dial, &base{scheme: "http", host: "culvert"}), nil
}

// noneRunning says what was looked for, where, and how to start one.
func noneRunning(dir, prefix string) error {
	what, start := "server or client", "culvert serve or culvert connect"
	if prefix != "" {
		what = strings.TrimSuffix(prefix, "-")
		start = "culvert " + what
	}
	return fmt.Errorf("no running %s was found in %s: start one with %s%s; to find one that was started with --state-dir D, give the same", what, dir, start, ofRoot(dir))
}

// ofRoot says how to find root's processes, where a user looked among their own; "" otherwise.
func ofRoot(dir string) string {
	if _, err := os.Stat(hostnet.DefaultStateDir); err == nil && dir == DefaultDir() && dir != hostnet.DefaultStateDir {
		return "; to find one of root's, as from sudo culvert connect, use sudo"
	}
	return ""
}

// TransportTo leads to the process of a client, whatever host a request names.
func TransportTo(c *Client) http.RoundTripper { return c.http.Transport }

// Name is the process's.
func (c *Client) Name() string { return c.name }

// Do asks for a path, with body as JSON unless it is nil, and returns the answer for
// the caller to read and close. If the process refuses, the error has its text.
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

// Stream asks for a path that is answered until ctx ends. Then this side of the
// connection is closed, and the process ends its answer. The caller reads the answer
// to its end and closes it.
func (c *Client) Stream(ctx context.Context, path string) (*http.Response, error) {
	var conn net.Conn
	once := asking(c.base, func(ctx context.Context, _, _ string) (net.Conn, error) {
		var err error
		conn, err = c.dial(ctx, "", "")
		return conn, err
	})
	answer, err := c.ask(context.WithoutCancel(ctx), once, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, func() {
		conn.SetReadDeadline(time.Now().Add(endTime))
		conn.(interface{ CloseWrite() error }).CloseWrite()
	})
	return answer, nil
}

// notRunning says so, and what runs.
func (c *Client) notRunning() error {
	names, err := running(c.dir, c.prefix)
	if err != nil || len(names) == 0 {
		return fmt.Errorf("%s is not running, and nothing else was found in %s%s", c.name, c.dir, ofRoot(c.dir))
	}
	return fmt.Errorf("%s is not running; running now: %s", c.name, strings.Join(names, ", "))
}

// running are the names of processes that answer and begin with a prefix.
func running(dir, prefix string) ([]string, error) {
	names, err := Names(dir)
	return slices.DeleteFunc(names, func(n string) bool { return !strings.HasPrefix(n, prefix) || !answers(dir, n) }), err
}

func (c *Client) ask(ctx context.Context, by *http.Client, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, "http://culvert"+path, body)
	if err != nil {
		return nil, err
	}
	resp, err := by.Do(req)
	if c.dir != "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, connectionRefused)) {
		return nil, c.notRunning()
	}
	if err != nil {
		return nil, fmt.Errorf("asking %s: %w%s", c.name, err, mendFar(err))
	}
	if resp.StatusCode/100 != 2 {
		defer resp.Body.Close()
		return nil, c.refusal(resp)
	}
	return resp, nil
}

// refusal is the error of an answer, an *api.Error.
func (c *Client) refusal(resp *http.Response) error {
	text, _ := io.ReadAll(io.LimitReader(resp.Body, maxRefusal))
	var e api.Error
	if json.Unmarshal(text, &e) != nil || e.Code == "" {
		return fmt.Errorf("%s answers with %s, which this program does not understand; is it of another version?", c.name, resp.Status)
	}
	if e.Code == api.NoSuchPath.Code {
		return api.NoSuchPath.Error(c.name+" is a process of another kind, which cannot do this", "name another with --name")
	}
	return &e
}

// maxRefusal is the most bytes of an error that are read.
const maxRefusal = 64 << 10

// Status asks a server, client or host how it is.
func (c *Client) Status(ctx context.Context) (backend.Status, error) {
	s, err := answered[Status](ctx, c, http.MethodGet, StatusPath, nil)
	if err != nil {
		return backend.Status{}, err
	}
	return s.plain(), nil
}

// Process asks a process what it is.
func (c *Client) Process(ctx context.Context) (Process, error) {
	return answered[Process](ctx, c, http.MethodGet, ProcessPath, nil)
}

// answered is api.Ask with the answer as a value: zero where it fails.
func answered[T any](ctx context.Context, c *Client, method, path string, body any) (answer T, err error) {
	got, err := api.Ask[T](ctx, c, method, path, body)
	if err != nil {
		return answer, err
	}
	return *got, nil
}
