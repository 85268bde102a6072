package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httputil"
	"syscall"
	"time"

	"culvert/nic/userstack/relay"
)

// HTTP is an HTTP proxy: CONNECT for anything, and plain requests with an absolute
// URI. If a target cannot be reached, it answers with 403, 502 or 504 and the cause.
type HTTP struct {
	dialer  Dialer
	server  *http.Server
	plain   *httputil.ReverseProxy
	tunnels connSet
}

// NewHTTP makes a proxy that connects through d. A nil logger means
// slog.Default.
func NewHTTP(d Dialer, logger *slog.Logger) *HTTP {
	if logger == nil {
		logger = slog.Default()
	}
	p := &HTTP{dialer: d}
	p.plain = &httputil.ReverseProxy{
		Rewrite:      func(*httputil.ProxyRequest) {}, // the request already names its target
		Transport:    &http.Transport{DialContext: p.dial, DisableCompression: true, IdleConnTimeout: time.Minute},
		ErrorHandler: func(w http.ResponseWriter, r *http.Request, err error) { badGateway(w, r.URL.Host, err) },
		ErrorLog:     slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: dialTimeout, ErrorLog: p.plain.ErrorLog}
	return p
}

// Serve accepts connections until Close, and then returns
// http.ErrServerClosed.
func (p *HTTP) Serve(l net.Listener) error { return p.server.Serve(l) }

// Close ends the listener and all connections, and waits for the tunnels to
// end.
func (p *HTTP) Close() error {
	err := p.server.Close()
	p.tunnels.close()
	p.plain.Transport.(*http.Transport).CloseIdleConnections()
	return err
}

// ServeHTTP handles one request.
func (p *HTTP) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.Method == http.MethodConnect:
		p.connect(w, r)
	case r.URL.IsAbs() && r.URL.Scheme == "http" && r.URL.Host != "":
		p.plain.ServeHTTP(w, r)
	default:
		http.Error(w, "this is a proxy: ask it for an absolute http:// address, or use CONNECT for https", http.StatusBadRequest)
	}
}

func badGateway(w http.ResponseWriter, host string, err error) {
	http.Error(w, fmt.Sprintf("cannot reach %s through the tunnel: %v", host, err), statusOf(err))
}

// statusOf returns the status that RFC 9110 has for the reason that something was
// not reached.
func statusOf(err error) int {
	switch {
	case errors.Is(err, syscall.EACCES):
		return http.StatusForbidden
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, syscall.ETIMEDOUT):
		return http.StatusGatewayTimeout
	}
	return http.StatusBadGateway
}

func (p *HTTP) dial(ctx context.Context, network, address string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	return p.dialer.DialContext(ctx, network, address)
}

func (p *HTTP) connect(w http.ResponseWriter, r *http.Request) {
	outer, err := p.dial(r.Context(), "tcp", r.Host)
	if err != nil {
		badGateway(w, r.Host, err)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		outer.Close()
		http.Error(w, "CONNECT needs HTTP/1.1", http.StatusHTTPVersionNotSupported)
		return
	}
	inner := bufferedConn{conn, buffered.Reader}
	p.tunnels.run(pairOf{inner, outer}, func() { tunnel(inner, outer) })
}

// pairOf is both ends of a tunnel, closed together.
type pairOf struct{ inner, outer net.Conn }

func (p pairOf) Close() error { return errors.Join(p.inner.Close(), p.outer.Close()) }

func tunnel(inner, outer net.Conn) {
	if _, err := inner.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		return
	}
	relay.Run(inner, outer, nil)
}

// bufferedConn first returns what the HTTP server had already read.
type bufferedConn struct {
	net.Conn
	r *bufio.Reader
}

func (c bufferedConn) Read(b []byte) (int, error) { return c.r.Read(b) }

var (
	_ relay.HalfCloser = bufferedConn{}
	_ relay.Aborter    = bufferedConn{}
)

// Abort resets the connection.
func (c bufferedConn) Abort() { relay.Abort(c.Conn) }

// CloseWrite ends the direction towards the program.
func (c bufferedConn) CloseWrite() error {
	return relay.CloseWrite(c.Conn)
}
