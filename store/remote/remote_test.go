package remote

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"culvert/store"
	"culvert/store/bolt"
	"culvert/store/memory"
	"culvert/store/storetest"
)

// sockets fails where there are none, before each of many tests does.
func sockets(t *testing.T) {
	t.Helper()
	stop, err := Serve(filepath.Join(t.TempDir(), "store.sock"), memory.New())
	if err != nil {
		t.Fatal(err)
	}
	stop()
}

func TestStore(t *testing.T) {
	sockets(t)
	storetest.Test(t, func(t *testing.T) store.Store { return dialed(t, memory.New()) })
}

// dialed serves a store, and returns it as another process has it.
func dialed(t *testing.T, s store.Store) *Store {
	t.Helper()
	path := filepath.Join(t.TempDir(), "store.sock")
	stop, err := Serve(path, s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(stop)
	c, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// TestFile: what a file answers by way of a socket.
func TestFile(t *testing.T) {
	sockets(t)
	storetest.Test(t, func(t *testing.T) store.Store {
		path := filepath.Join(t.TempDir(), bolt.File)
		if err := bolt.Create(path); err != nil {
			t.Fatal(err)
		}
		s, err := bolt.Open(path, bolt.Options{})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { s.Close() })
		return dialed(t, s)
	})
}

// TestEnd: a server that ends tells those who watch, and afterwards nobody is there.
func TestEnd(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sock")
	stop, err := Serve(path, memory.New())
	if err != nil {
		t.Fatal(err)
	}
	s, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	ended := make(chan error, 1)
	go func() {
		var last error
		for _, err := range s.Watch(t.Context(), "", 0) {
			if last = err; err == nil {
				stop()
			}
		}
		ended <- last
	}()
	if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: "a"}}}); err != nil {
		t.Error(err)
	}
	if err := <-ended; !errors.Is(err, ErrNobody) {
		t.Errorf("Watch: %v", err)
	}
	if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: "a"}}}); !errors.Is(err, ErrNobody) {
		t.Errorf("Commit: %v", err)
	}
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNobody) {
		t.Errorf("Dial: %v", err)
	}
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

// TestLeft: a socket that a killed process left answers nobody, and is replaced; what is
// no socket is not.
func TestLeft(t *testing.T) {
	path := filepath.Join(t.TempDir(), "store.sock")
	left, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	left.SetUnlinkOnClose(false)
	left.Close()
	if _, err := Dial(t.Context(), path); !errors.Is(err, ErrNobody) {
		t.Errorf("Dial: %v", err)
	}
	stop, err := Serve(path, memory.New())
	if err != nil {
		t.Fatal(err)
	}
	defer stop()
	if err := Forget(path); err != nil {
		t.Error(err)
	}
	s, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatalf("one that answers was forgotten: %v", err)
	}
	s.Close()
	if info, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Error(info.Mode(), err)
	}
	other := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(other, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Serve(other, memory.New()); err == nil || !strings.Contains(err.Error(), "no socket") {
		t.Error(err)
	}
}

// TestLongPath: directories whose paths are longer than a socket's may be.
func TestLongPath(t *testing.T) {
	dir := filepath.Join(t.TempDir(), strings.Repeat("d", 120))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "store.sock")
	stop, err := Serve(path, memory.New())
	if runtime.GOOS != "linux" {
		if err == nil || !strings.Contains(err.Error(), "shorter path") {
			t.Error(err)
		}
		return
	}
	if err != nil {
		t.Fatal(err)
	}
	s, err := Dial(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if _, err := s.List(t.Context(), ""); err != nil {
		t.Error(err)
	}
	stop()
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Error(left)
	}
}

// TestDirectFaults: what only another version or another program asks for is refused.
func TestDirectFaults(t *testing.T) {
	h := Handler(memory.New())
	for _, c := range []struct {
		method, target, body string
		status               int
		says                 string
	}{
		{"GET", "/v1/get", "", 200, "parameter key: expected once, found 0 times"},
		{"GET", "/v1/get?key=a&key=b", "", 200, "found 2 times"},
		{"GET", "/v1/get?key=a&newer=1", "", 200, "expected only"},
		{"GET", "/v1/get?key=%zz", "", 200, "invalid URL escape"},
		{"GET", "/v1/list?prefix=a&newer=1", "", 200, "expected only"},
		{"GET", "/v1/list?newer=1", "", 200, "expected only"},
		{"GET", "/v1/watch?prefix=&after=-1", "", 200, "expected a revision"},
		{"POST", "/v1/commit", "", 200, "cannot be read"},
		{"POST", "/v1/commit", `{"Put":[{"Key":"a b"}]}`, 200, "printable ASCII"},
		{"POST", "/v1/commit", `{"Unless":[{"Key":"a"}]}`, 200, "unknown field"},
		{"POST", "/v1/commit", `{} {}`, 200, "something behind it"},
		{"POST", "/v1/commit", `{"Put":[{"Key":"a","Value":"` + strings.Repeat("AAAA", maxBody/4) + `"}]}`, 200, "too large"},
		{"GET", "/v1/backup", "", 200, "culvert export"},
		{"GET", "/v1/commit", "", 405, ""},
		{"GET", "/v2/", "", 404, ""},
	} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(c.method, "http://store/", strings.NewReader(c.body))
		path, query, _ := strings.Cut(c.target, "?")
		r.URL.Path, r.URL.RawQuery = path, query
		h.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.says) {
			t.Errorf("%s %s %.60s: %d %s", c.method, c.target, c.body, w.Code, w.Body)
		}
	}
}

func FuzzHandler(f *testing.F) {
	f.Add("GET", "/v1/get", "key=a", "")
	f.Add("GET", "/v1/list", "prefix=a", "")
	f.Add("GET", "/v1/watch", "prefix=a&after=1", "")
	f.Add("POST", "/v1/commit", "", `{"If":[{"Key":"a","Revision":1}],"Put":[{"Key":"b","Value":"MQ=="}],"Delete":["c"]}`)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	f.Fuzz(func(t *testing.T, method, path, query, body string) {
		s := memory.New()
		r := (&http.Request{Method: method, URL: &url.URL{Path: path, RawQuery: query}, Body: io.NopCloser(strings.NewReader(body))}).WithContext(ended)
		w := httptest.NewRecorder()
		Handler(s).ServeHTTP(w, r)
		if w.Code == http.StatusOK && path == "/v1/list" {
			if _, _, err := readSnapshot(w.Body); err != nil {
				t.Fatal(err)
			}
		} else if w.Code == http.StatusOK {
			for d := json.NewDecoder(w.Body); ; {
				var a reply
				if err := d.Decode(&a); err == io.EOF {
					break
				} else if err != nil {
					t.Fatalf("%q: %v", w.Body, err)
				}
			}
		}
		if txn, err := parseTxn(strings.NewReader(body)); err == nil && txn.Check() != nil {
			t.Fatal(txn.Check())
		}
	})
}
