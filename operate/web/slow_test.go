package web

import (
	"bufio"
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"testing"
	"testing/synctest"
	"time"
)

// pipes is a listener in memory, whose callers say where they come from.
type pipes struct {
	calls chan net.Conn
	ended chan struct{}
}

func newPipes() *pipes { return &pipes{make(chan net.Conn), make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.calls:
		return c, nil
	case <-p.ended:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error {
	select {
	case <-p.ended:
	default:
		close(p.ended)
	}
	return nil
}

func (p *pipes) Addr() net.Addr {
	return net.TCPAddrFromAddrPort(netip.MustParseAddrPort("192.0.2.1:443"))
}

// called is a connection from an address.
type called struct {
	net.Conn
	from net.Addr
}

func (c called) RemoteAddr() net.Addr { return c.from }

// call connects from an address.
func (p *pipes) call(from string) net.Conn {
	near, far := net.Pipe()
	p.calls <- called{far, net.TCPAddrFromAddrPort(netip.MustParseAddrPort(from))}
	return near
}

// drip sends a text again and again, a byte each second, until nobody takes it any more.
func drip(c net.Conn, text string) {
	go io.Copy(io.Discard, c)
	for i := 0; ; i++ {
		if _, err := c.Write([]byte{text[i%len(text)]}); err != nil {
			return
		}
		time.Sleep(time.Second)
	}
}

// answered reports whether a page is had on a connection at once.
func answered(c net.Conn) bool {
	began := time.Now()
	c.SetDeadline(began.Add(time.Second))
	if _, err := io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n"); err != nil {
		return false
	}
	r, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return false
	}
	io.Copy(io.Discard, r.Body)
	c.SetDeadline(time.Time{})
	return r.StatusCode == http.StatusOK && time.Since(began) == 0
}

// slow are the ways to hold a connection, with the time after which it is closed.
var slow = map[string]struct {
	hold  func(c net.Conn)
	until time.Duration
}{
	"silence":          {func(net.Conn) {}, headerTime},
	"headers by bytes": {func(c net.Conn) { drip(c, "GET / HTTP/1.1\r\nHost: a\r\nX-A: bcdefghijklmnopqrstuvwxyz\r\n") }, headerTime},
	"one endless line": {func(c net.Conn) { drip(c, "G") }, headerTime},
	"a body by bytes": {func(c net.Conn) {
		io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 60000\r\n\r\n")
		drip(c, "x")
	}, readTime},
	"nothing more": {func(c net.Conn) { answered(c) }, idleTime},
	// The time for what is idle lasts until the first bytes of a request are there.
	"a second request":  {func(c net.Conn) { answered(c); time.Sleep(idleTime - time.Second); drip(c, "GET / HTTP") }, idleTime},
	"an answer unread":  {func(c net.Conn) { io.WriteString(c, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n") }, writeTime},
	"TLS: silence":      {func(net.Conn) {}, headerTime},
	"TLS: hello slowly": {func(c net.Conn) { drip(c, "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03") }, headerTime},
}

// TestSlow: whoever sends headers or a body by bytes, nothing at all, or does not read, is shut out
// in time; they take no more than one source's places meanwhile, and all other sources are answered
// at once.
func TestSlow(t *testing.T) {
	for name, way := range slow {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) { holdAll(t, len(name) > 3 && name[:3] == "TLS", way.hold, way.until) })
		})
	}
}

// holdAll has one source hold all of its places.
func holdAll(t *testing.T, secure bool, hold func(net.Conn), until time.Duration) {
	l := newPipes()
	s := newServer(l, new(url.URL), nil, Options{Log: slog.New(slog.DiscardHandler)})
	if secure { // no handshake comes to its certificate
		s.listener = tls.NewListener(s.listener, &tls.Config{GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return nil, io.EOF }})
	}
	s.mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) { io.WriteString(w, "here") })
	s.Handle("POST /{$}", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { io.Copy(io.Discard, r.Body) }))
	s.Handle("/large", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Write(make([]byte, 1<<20)) }))
	s.Start()
	defer s.Close()
	ended := make(chan time.Duration, mostOfOne)
	began := time.Now()
	for range mostOfOne {
		c := l.call("198.51.100.7:1000")
		go func() {
			hold(c)
			for one := make([]byte, 1); until != writeTime; { // it takes what may come, but for answers that are to be left
				if _, err := c.Read(one); err != nil {
					break
				}
			}
			if until == writeTime {
				for c.SetWriteDeadline(time.Now().Add(time.Hour)); ; { // until nobody takes it any more
					if _, err := c.Write([]byte("x")); err != nil {
						break
					}
				}
			}
			ended <- time.Since(began)
		}()
	}
	synctest.Wait()
	if more := l.call("198.51.100.7:2000"); !shut(more) {
		t.Error("one source has more than its places")
	}
	if !secure && !answered(l.call("203.0.113.9:1000")) {
		t.Error("another source is not answered")
	}
	const slack = 2 * time.Second // a byte's, and that of who closes
	for range mostOfOne {
		if took := <-ended; took < until-slack || took > until+slack {
			t.Errorf("it was held for %v, expected %v", took, until)
		}
	}
	synctest.Wait()
	if again := l.call("198.51.100.7:3000"); !secure && !answered(again) {
		t.Error("the source has no place again")
	}
}

// shut reports whether a connection is closed at once.
func shut(c net.Conn) bool {
	c.SetReadDeadline(time.Now().Add(time.Millisecond))
	_, err := c.Read(make([]byte, 1))
	return err == io.EOF
}
