package manage

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"syscall"
	"time"
)

// Far says where a process is asked over the network (api-listen), and by what.
type Far struct {
	URL   string // https://HOST:PORT
	Token string // as culvert token add printed it
	// CA is the authorities that may have issued the certificate, PEM; nil: the host's.
	CA []byte
}

// meetTime is how long a far process may take until it is connected to.
const meetTime = 15 * time.Second

// DialFar makes a client of a process that is asked over the network. It does not connect yet.
func DialFar(f Far) (*Client, error) {
	at, err := url.Parse(f.URL)
	if err != nil || at.Scheme != "https" || at.Host == "" || at.User != nil || at.Path != "" && at.Path != "/" || at.RawQuery != "" || at.Fragment != "" {
		return nil, fmt.Errorf("%.100q: expected https:// and what api-listen says, such as https://vpn.example.org:8445", f.URL)
	}
	if f.Token == "" {
		return nil, errors.New("a token is missing, as culvert token add makes it")
	}
	settings := &tls.Config{ServerName: at.Hostname(), MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}}
	if f.CA != nil {
		settings.RootCAs = x509.NewCertPool()
		if !settings.RootCAs.AppendCertsFromPEM(f.CA) {
			return nil, errors.New("the authorities of the API's certificate: expected certificates as PEM, such as the server's ca.crt")
		}
	}
	port := at.Port()
	if port == "" {
		port = "443"
	}
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		ctx, end := context.WithTimeout(ctx, meetTime)
		defer end()
		plain, err := new(net.Dialer).DialContext(ctx, "tcp", net.JoinHostPort(at.Hostname(), port))
		if err != nil {
			return nil, err
		}
		c := tls.Client(patient{plain}, settings)
		if err := c.HandshakeContext(ctx); err != nil {
			plain.Close()
			return nil, err
		}
		return c, nil
	}
	return newClient("", "", at.Host, dial, &base{scheme: "https", host: at.Host, token: f.Token}), nil
}

// newClient makes a client of what dial connects to, asked as b says.
func newClient(dir, prefix, name string, dial func(ctx context.Context, network, addr string) (net.Conn, error), b *base) *Client {
	c := &Client{dir: dir, prefix: prefix, name: name, dial: dial, base: *b}
	c.http = asking(*b, dial)
	return c
}

// asking is what asks by connections of dial. It is sent nowhere else by an answer.
func asking(to base, dial func(ctx context.Context, network, addr string) (net.Conn, error)) *http.Client {
	to.by = &http.Transport{DialContext: dial, DialTLSContext: dial, DisableKeepAlives: true}
	return &http.Client{Transport: &to, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// base asks one process, whatever host a request names.
type base struct {
	scheme, host string
	token        string // "": none is needed
	by           http.RoundTripper
}

// RoundTrip implements http.RoundTripper.
func (b *base) RoundTrip(r *http.Request) (*http.Response, error) {
	asked := r.Clone(r.Context())
	asked.URL.Scheme, asked.URL.Host, asked.Host = b.scheme, b.host, b.host
	if b.token != "" {
		asked.Header.Set("Authorization", "Bearer "+b.token)
	}
	return b.by.RoundTrip(asked)
}

// mendFar is what to do about an error of connecting to a far process.
func mendFar(err error) string {
	switch {
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return "; if the certificate is one of the server's own authority, name the file of that, its ca.crt"
	case errors.As(err, new(x509.HostnameError)):
		return "; write the name or address that the certificate is for in the URL"
	case errors.Is(err, connectionRefused):
		return "; is the server running, with api-listen?"
	}
	return ""
}

// patient is a connection that does not tell its writer that the other side takes no more:
// whoever reads finds its answer, which may say why, or that there is none.
type patient struct{ net.Conn }

// Write implements net.Conn.
func (p patient) Write(b []byte) (int, error) {
	n, err := p.Conn.Write(b)
	if errors.Is(err, syscall.EPIPE) || errors.Is(err, syscall.ECONNRESET) {
		return len(b), nil
	}
	return n, err
}

// CloseWrite ends this side of the connection.
func (p patient) CloseWrite() error {
	half, ok := p.Conn.(interface{ CloseWrite() error })
	if !ok {
		return errors.ErrUnsupported
	}
	return half.CloseWrite()
}
