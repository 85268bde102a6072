package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

const page = `<!doctype html>
<title>Culvert</title>
<h1>It came through the culvert</h1>
<p>A culvert carries a stream under a road; this page was carried in sealed
packets under the network between two programs.</p>
`

// site is the web server at the far end. It has a page, and a large file that is
// the same every time and cannot be compressed.
type site struct {
	files  []*file
	server *http.Server

	mu   sync.Mutex
	seen []request
}

// file is a resource. Each open returns the same content.
type file struct {
	path, kind string
	size       int64
	open       func() io.Reader
}

// sum returns the SHA-256 of the content. It fails only if ctx ends.
func (f *file) sum(ctx context.Context) (sum [sha256.Size]byte, err error) {
	h := sha256.New()
	content := f.open()
	_, err = io.Copy(h, readerFunc(func(b []byte) (int, error) {
		if ctx.Err() != nil {
			return 0, context.Cause(ctx)
		}
		return content.Read(b)
	}))
	h.Sum(sum[:0])
	return sum, err
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(b []byte) (int, error) { return f(b) }

// request is a request as the web server saw it.
type request struct {
	line, from, to string
	sent           int64
	took           time.Duration
}

func newSite(size int64) *site {
	s := &site{files: []*file{
		{"/", "text/html; charset=utf-8", int64(len(page)), func() io.Reader { return strings.NewReader(page) }},
		{"/" + sizeName(size), "application/octet-stream", size, func() io.Reader {
			return io.LimitReader(rand.NewChaCha8([32]byte{}), size)
		}},
	}}
	s.server = &http.Server{Handler: s, ReadHeaderTimeout: patience}
	return s
}

func sizeName(size int64) string {
	if size%(1<<20) == 0 {
		return fmt.Sprintf("%dMiB", size>>20)
	}
	return fmt.Sprintf("%dB", size)
}

// serve serves a listener until close.
func (s *site) serve(l net.Listener) { s.server.Serve(l) }

func (s *site) close() { s.server.Close() }

// ServeHTTP sends a file and notes the request.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	start := time.Now()
	i := slices.IndexFunc(s.files, func(f *file) bool { return f.path == r.URL.Path })
	if i < 0 {
		http.NotFound(w, r)
		return
	}
	f := s.files[i]
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Content-Length", strconv.FormatInt(f.size, 10))
	sent, _ := io.Copy(w, f.open())
	to, _ := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, request{r.Method + " " + f.path, r.RemoteAddr, fmt.Sprint(to), sent, time.Since(start)})
}

// requests returns the requests answered so far.
func (s *site) requests() []request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.seen)
}
