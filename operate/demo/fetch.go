package demo

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

type dialer func(ctx context.Context, network, address string) (net.Conn, error)

// fetched is a file that the application received.
type fetched struct {
	url         string
	from, to    string // addresses of the connection, as the application sees it
	bytes       int64
	sum         [sha256.Size]byte
	first, took time.Duration // until the first and the last byte
}

func (f fetched) rate() string { return rate(f.bytes, f.took) }

// visit fetches all files of a site and compares their hashes.
func visit(ctx context.Context, o Options, s *site, address string, dial dialer) (got []fetched, err error) {
	var from, to string
	transport := &http.Transport{DisableCompression: true, DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err == nil {
			from, to = conn.LocalAddr().String(), conn.RemoteAddr().String()
		}
		return conn, err
	}}
	defer transport.CloseIdleConnections()
	for _, f := range s.files {
		bar := &progress{o: o, name: f.path, total: f.size}
		one, err := fetch(ctx, transport, "http://"+address+f.path, f, bar)
		if err != nil {
			return nil, err
		}
		one.from, one.to = from, to
		got = append(got, one)
		o.step("fetched", "%s: %s in %s, SHA-256 %x…, same as the web server's", one.url, count(uint64(one.bytes), "byte"), micros(one.took), one.sum[:6])
	}
	return got, nil
}

// fetch gets a file and compares its size and hash with those of the original.
func fetch(ctx context.Context, t http.RoundTripper, url string, f *file, bar *progress) (fetched, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(patience, func() { cancel(fmt.Errorf("nothing was received for %v", patience)) })
	defer stalled.Stop()
	got := fetched{url: url}
	h := sha256.New()
	start := time.Now()
	err := func() error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		reply, err := t.RoundTrip(request)
		if err != nil {
			return err
		}
		defer reply.Body.Close()
		got.first = time.Since(start)
		if reply.StatusCode != http.StatusOK {
			return fmt.Errorf("the web server answered %s", reply.Status)
		}
		alive := writerFunc(func([]byte) { stalled.Reset(patience) })
		got.bytes, err = io.Copy(io.MultiWriter(h, bar, alive), reply.Body)
		return err
	}()
	got.took = time.Since(start)
	stalled.Stop()
	bar.end()
	if cause := context.Cause(ctx); err != nil && cause != nil {
		err = cause
	}
	if err != nil {
		return got, fmt.Errorf("fetching %s, after %s: %w", url, count(uint64(got.bytes), "byte"), err)
	}
	if got.sum, err = f.sum(ctx); err != nil {
		return got, err
	}
	if sum := [sha256.Size]byte(h.Sum(nil)); sum != got.sum || got.bytes != f.size {
		return got, fmt.Errorf("%s changed on its way: received %d bytes with SHA-256 %x, expected %d bytes with %x", url, got.bytes, sum, f.size, got.sum)
	}
	return got, nil
}

// writerFunc is called for every write.
type writerFunc func([]byte)

func (f writerFunc) Write(b []byte) (int, error) {
	f(b)
	return len(b), nil
}
