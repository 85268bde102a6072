package proxy

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/internal/sockerr"

	xproxy "golang.org/x/net/proxy"
)

// far is a tunnel's far side: names and addresses stand for services on
// loopback; others are refused.
type far map[string]string

func (f far) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	to, ok := f[address]
	if !ok {
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	return new(net.Dialer).DialContext(ctx, network, to)
}

var quiet = slog.New(slog.DiscardHandler)

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func web(t *testing.T) string {
	t.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "%s %s via %q", r.Host, r.URL.Path, r.Header.Get("X-Forwarded-For"))
	}))
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

func startHTTP(t *testing.T, f far) string {
	t.Helper()
	l, p := listen(t), NewHTTP(f, quiet)
	ended := make(chan error, 1)
	go func() { ended <- p.Serve(l) }()
	t.Cleanup(func() {
		p.Close()
		if err := <-ended; !errors.Is(err, http.ErrServerClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

func startSOCKS(t *testing.T, f far) string {
	t.Helper()
	l, s := listen(t), NewSOCKS(f, quiet)
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(l) }()
	t.Cleanup(func() {
		s.Close()
		if err := <-ended; !errors.Is(err, net.ErrClosed) {
			t.Errorf("Serve: %v", err)
		}
	})
	return l.Addr().String()
}

func get(t *testing.T, proxyURL, target string) (int, string) {
	t.Helper()
	u, err := url.Parse(proxyURL)
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{Proxy: http.ProxyURL(u)}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport, Timeout: patience}).Get(target)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	body, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	return r.StatusCode, string(body)
}

func TestHTTPPlain(t *testing.T) {
	at := startHTTP(t, far{"web.example:80": web(t)})
	code, body := get(t, "http://"+at, "http://web.example/page")
	if want := `web.example /page via ""`; code != 200 || body != want {
		t.Errorf("%d %q, want %q", code, body, want)
	}
	code, body = get(t, "http://"+at, "http://gone.example/")
	if code != http.StatusBadGateway || !strings.Contains(body, "gone.example") || !strings.Contains(body, "refused") {
		t.Errorf("%d %q", code, body)
	}
}

// patience is how long a test waits for what a busy machine may be late with.
const patience = 30 * time.Second

func connectHTTP(t *testing.T, at, target string) (net.Conn, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", target, target)
	head, err := readHead(c)
	if err != nil {
		t.Fatal(err)
	}
	return c, head
}

// readHead reads a response's status alone, without what follows it.
func readHead(c net.Conn) (*http.Response, error) {
	var head []byte
	for b := make([]byte, 1); !bytes.HasSuffix(head, []byte("\r\n\r\n")); head = append(head, b...) {
		if _, err := c.Read(b); err != nil {
			return nil, err
		}
	}
	var code int
	_, err := fmt.Sscanf(string(head), "HTTP/1.1 %d", &code)
	return &http.Response{StatusCode: code}, err
}

// echoOnce echoes one connection until its peer's half is closed.
func echoOnce(t *testing.T) string {
	l := listen(t)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(c, c)
				c.Close()
			}()
		}
	}()
	return l.Addr().String()
}

func checkEcho(t *testing.T, c net.Conn) {
	t.Helper()
	data := bytes.Repeat([]byte("data "), 100_000)
	go func() {
		c.Write(data)
		c.(interface{ CloseWrite() error }).CloseWrite()
	}()
	got, err := io.ReadAll(c)
	if err != nil || !bytes.Equal(got, data) {
		t.Fatalf("echo of %d bytes: %d bytes, %v", len(data), len(got), err)
	}
}

func TestHTTPConnect(t *testing.T) {
	at := startHTTP(t, far{"echo.example:7": echoOnce(t)})
	c, r := connectHTTP(t, at, "echo.example:7")
	if r.StatusCode != 200 {
		t.Fatal(r.StatusCode)
	}
	checkEcho(t, c)
	if _, r := connectHTTP(t, at, "gone.example:7"); r.StatusCode != http.StatusBadGateway {
		t.Error(r.StatusCode)
	}
}

func TestHTTPWithoutTarget(t *testing.T) {
	at := startHTTP(t, far{})
	r, err := http.Get("http://" + at + "/")
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	if r.StatusCode != http.StatusBadRequest {
		t.Error(r.Status)
	}
}

func TestCloseEndsTunnels(t *testing.T) {
	f := far{"echo.example:7": echoOnce(t)}
	h, s := NewHTTP(f, quiet), NewSOCKS(f, quiet)
	lh, ls := listen(t), listen(t)
	go h.Serve(lh)
	go s.Serve(ls)
	viaHTTP, _ := connectHTTP(t, lh.Addr().String(), "echo.example:7")
	viaSOCKS := dialSOCKS(t, ls.Addr().String(), "echo.example:7")
	h.Close()
	s.Close()
	for _, c := range []net.Conn{viaHTTP, viaSOCKS} {
		c.SetReadDeadline(time.Now().Add(patience))
		var timeout net.Error
		if _, err := c.Read(make([]byte, 1)); err == nil || errors.As(err, &timeout) && timeout.Timeout() {
			t.Errorf("after Close: %v", err)
		}
	}
}

func dialSOCKS(t *testing.T, at, target string) net.Conn {
	t.Helper()
	d, err := xproxy.SOCKS5("tcp", at, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	c, err := d.Dial("tcp", target)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	c.SetDeadline(time.Now().Add(patience))
	return c
}

func TestSOCKSConnect(t *testing.T) {
	echo := echoOnce(t)
	f := far{"echo.example:7": echo, "192.0.2.7:7": echo, "[2001:db8::7]:7": echo}
	at := startSOCKS(t, f)
	for target := range f {
		checkEcho(t, dialSOCKS(t, at, target))
	}
	d, _ := xproxy.SOCKS5("tcp", at, nil, nil)
	if _, err := d.Dial("tcp", "gone.example:7"); err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("dial to a closed port: %v", err)
	}
}

func exchange(t *testing.T, at string, send []byte) []byte {
	t.Helper()
	c, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(patience))
	c.Write(send)
	c.(*net.TCPConn).CloseWrite()
	got, err := io.ReadAll(c)
	if err != nil && !errors.Is(sockerr.Named(err), syscall.ECONNRESET) {
		t.Fatal(err)
	}
	return got
}

func TestSOCKSWeb(t *testing.T) {
	at := startSOCKS(t, far{"web.example:80": web(t)})
	if code, body := get(t, "socks5h://"+at, "http://web.example/page"); code != 200 || !strings.Contains(body, "/page") {
		t.Errorf("%d %q", code, body)
	}
}

func TestSOCKSRefusals(t *testing.T) {
	at := startSOCKS(t, far{})
	for name, c := range map[string]struct{ send, want string }{
		"SOCKS4":         {"\x04\x01\x00\x50\x01\x02\x03\x04\x00", ""},
		"password only":  {"\x05\x01\x02", "\x05\xff"},
		"BIND":           {"\x05\x01\x00\x05\x02\x00\x01\x01\x02\x03\x04\x00\x50", "\x05\x00\x05\x07\x00\x01\x00\x00\x00\x00\x00\x00"},
		"address type":   {"\x05\x01\x00\x05\x01\x00\x09", "\x05\x00\x05\x08\x00\x01\x00\x00\x00\x00\x00\x00"},
		"short greeting": {"\x05", ""},
		"short request":  {"\x05\x01\x00\x05\x01", "\x05\x00"},
	} {
		if got := exchange(t, at, []byte(c.send)); string(got) != c.want {
			t.Errorf("%s: %q, want %q", name, got, c.want)
		}
	}
}

func echoUDP(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	go func() {
		b := make([]byte, maxDatagram)
		for {
			n, from, err := c.ReadFrom(b)
			if err != nil {
				return
			}
			c.WriteTo(b[:n], from)
		}
	}()
	return c.LocalAddr().String()
}

func TestSOCKSAssociate(t *testing.T) {
	at := startSOCKS(t, far{"echo.example:7": echoUDP(t), "192.0.2.7:7": echoUDP(t)})
	control, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer control.Close()
	control.SetDeadline(time.Now().Add(patience))
	control.Write([]byte("\x05\x01\x00\x05\x03\x00\x01\x00\x00\x00\x00\x00\x00"))
	var answer [12]byte
	if _, err := io.ReadFull(control, answer[:]); err != nil || answer[3] != replySucceeded {
		t.Fatalf("% x, %v", answer, err)
	}
	relayAt := net.UDPAddr{IP: answer[6:10], Port: int(binary.BigEndian.Uint16(answer[10:]))}
	program, err := net.DialUDP("udp", nil, &relayAt)
	if err != nil {
		t.Fatal(err)
	}
	defer program.Close()
	program.SetDeadline(time.Now().Add(patience))
	for _, destination := range []string{"\x03\x0cecho.example\x00\x07", "\x01\xc0\x00\x02\x07\x00\x07"} {
		program.Write([]byte("\x00\x00\x01" + destination + "a fragment, dropped"))
		program.Write([]byte("\x00\x00\x00" + destination + "datagram"))
		b := make([]byte, 100)
		n, err := program.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		if _, payload, err := parseDatagram(b[:n]); err != nil || string(payload) != "datagram" {
			t.Errorf("%q, %v", b[:n], err)
		}
	}
	control.Close()
}

func FuzzParseDatagram(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x03\x0cecho.example\x00\x07datagram"))
	f.Add([]byte("\x00\x00\x00\x01\x7f\x00\x00\x01\x00\x07"))
	f.Add([]byte("\x00\x00\x00\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		target, payload, err := parseDatagram(b)
		if err == nil && (target == "" || len(payload) > len(b)) {
			t.Errorf("%q: %q, %d bytes", b, target, len(payload))
		}
	})
}

func FuzzSOCKS(f *testing.F) {
	f.Add([]byte("\x05\x01\x00\x05\x01\x00\x01\x01\x02\x03\x04\x00\x50"))
	f.Add([]byte("\x05\x02\x00\x02\x05\x01\x00\x03\x01a\x00\x50"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if greet(struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(b), io.Discard}) == nil {
			readRequest(bytes.NewReader(b[2+int(b[1]):]))
		}
	})
}
