package link

import (
	"bufio"
	"context"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/Azure/go-ntlmssp"
	"github.com/icholy/digest"
)

// HTTPProxy is a proxy that makes connections by CONNECT (RFC 9110, section 9.3.6).
type HTTPProxy struct {
	Auth               ProxyAuth
	Username, Password string
	Version            string // of HTTP, "1.0" or "1.1"; "" for 1.0
	Agent              string // User-Agent, "" for none
	Headers            []Header
}

// Header is one more line of the request.
type Header struct{ Name, Value string }

// ProxyAuth is how to show a proxy who we are.
type ProxyAuth int

// The methods. AuthAuto takes the best that the proxy offers, AuthNoClear the best
// that does not send the password.
const (
	AuthNone ProxyAuth = iota
	AuthBasic
	AuthDigest
	AuthNTLM // NTLMv2
	AuthAuto
	AuthNoClear
)

// ErrProxyAuth is wrapped by errors about user name and password.
var ErrProxyAuth = errors.New("the proxy requires authentication")

// Limits on a proxy's answer.
const (
	maxProxyAnswer = 64 << 10 // bytes of a header or a body
	maxProxyRounds = 4        // requests for one connection
)

// Dial makes one connection to the proxy.
type Dial func(context.Context) (net.Conn, error)

// Connect asks the proxy for a connection to a host and port. It may dial more than
// once, since many proxies close the connection after a refusal.
func (h *HTTPProxy) Connect(ctx context.Context, dial Dial, target string) (net.Conn, error) {
	c := &connecting{HTTPProxy: h, dial: dial, target: target}
	conn, err := c.run(ctx)
	if err != nil {
		c.hangUp()
		return nil, fmt.Errorf("HTTP proxy: %w", err)
	}
	return conn, nil
}

// connecting is a Connect under way.
type connecting struct {
	*HTTPProxy
	dial   Dial
	target string
	conn   net.Conn
	reader *bufio.Reader
	answer *answer // to a challenge; nil before there was one
	stop   func() bool
}

// answer is what to say to a challenge.
type answer struct {
	method ProxyAuth
	header string
	last   bool // another challenge means refusal
}

func (c *connecting) run(ctx context.Context) (net.Conn, error) {
	if c.Auth == AuthBasic && c.Username != "" {
		c.answer = c.basic()
	}
	if c.Auth == AuthNTLM && c.Username != "" {
		if err := c.ntlm(""); err != nil {
			return nil, err
		}
	}
	for range maxProxyRounds {
		if c.conn == nil {
			if err := c.call(ctx); err != nil {
				return nil, err
			}
		}
		resp, err := c.ask()
		if err != nil {
			return nil, err
		}
		if resp.StatusCode/100 == 2 {
			c.stop()
			return c.through()
		}
		if resp.StatusCode != http.StatusProxyAuthRequired {
			return nil, refused(resp, c.target)
		}
		if err := c.challenged(resp.Header.Values("Proxy-Authenticate")); err != nil {
			return nil, err
		}
		if resp.Close || !drained(resp) {
			c.hangUp()
		}
	}
	return nil, fmt.Errorf("%w and accepts no answer", ErrProxyAuth)
}

// call dials the proxy. The connection ends when ctx does.
func (c *connecting) call(ctx context.Context) (err error) {
	if c.conn, err = c.dial(ctx); err != nil {
		return err
	}
	c.reader = bufio.NewReader(c.conn)
	c.stop = interrupt(ctx, c.conn)
	return nil
}

// interrupt ends reading and writing on conn when ctx ends, until stop is called.
func interrupt(ctx context.Context, conn net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
}

func (c *connecting) hangUp() {
	if c.conn != nil {
		c.stop()
		c.conn.Close()
		c.conn = nil
	}
}

// ask sends the request and reads the header of the answer.
func (c *connecting) ask() (*http.Response, error) {
	if _, err := io.WriteString(c.conn, c.request()); err != nil {
		return nil, err
	}
	header, err := readHeader(c.reader)
	if err != nil {
		return nil, err
	}
	body := bufio.NewReader(io.MultiReader(strings.NewReader(header), c.reader))
	resp, err := http.ReadResponse(body, &http.Request{Method: http.MethodGet})
	if err != nil {
		return nil, fmt.Errorf("the answer is not HTTP (%.40q): is there an HTTP proxy at this address? %w", header, err)
	}
	return resp, nil
}

// readHeader reads up to the blank line and no further.
func readHeader(r *bufio.Reader) (string, error) {
	var b strings.Builder
	for b.Len() < maxProxyAnswer {
		line, err := r.ReadSlice('\n')
		b.Write(line)
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
		case err != nil:
			return "", fmt.Errorf("no whole answer came, only %.40q: %w", b.String(), err)
		case len(strings.TrimRight(string(line), "\r\n")) == 0:
			return b.String(), nil
		}
	}
	return "", fmt.Errorf("the answer's header is longer than %d bytes: is there an HTTP proxy at this address?", maxProxyAnswer)
}

func (c *connecting) request() string {
	version := c.Version
	if version == "" {
		version = "1.0"
	}
	var b strings.Builder
	fmt.Fprintf(&b, "CONNECT %s HTTP/%s\r\n", c.target, version)
	if !slices.ContainsFunc(c.Headers, func(h Header) bool { return strings.EqualFold(h.Name, "Host") }) {
		fmt.Fprintf(&b, "Host: %s\r\n", c.target)
	}
	if c.Agent != "" {
		fmt.Fprintf(&b, "User-Agent: %s\r\n", c.Agent)
	}
	for _, h := range c.Headers {
		fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
	}
	b.WriteString("Proxy-Connection: Keep-Alive\r\n")
	if c.answer != nil {
		fmt.Fprintf(&b, "Proxy-Authorization: %s\r\n", c.answer.header)
	}
	return b.String() + "\r\n"
}

// through returns the connection, including what the other end has sent already.
func (c *connecting) through() (net.Conn, error) {
	n := c.reader.Buffered()
	if n == 0 {
		return c.conn, nil
	}
	first, _ := c.reader.Peek(n)
	return &begun{Conn: c.conn, first: append([]byte(nil), first...)}, nil
}

// begun is a connection whose first bytes have been read already. It does not
// forward syscall.Conn, because a caller that bypasses Read would miss those bytes.
type begun struct {
	net.Conn
	first []byte
}

func (b *begun) Read(p []byte) (int, error) {
	if len(b.first) == 0 {
		return b.Conn.Read(p)
	}
	n := copy(p, b.first)
	b.first = b.first[n:]
	return n, nil
}

// drained reads the body of a refusal, so that the connection can be used again. It
// returns false if the body is too long or has no end.
func drained(resp *http.Response) bool {
	if resp.ContentLength < 0 && len(resp.TransferEncoding) == 0 {
		return false
	}
	n, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxProxyAnswer))
	return err == nil && n < maxProxyAnswer
}

func refused(resp *http.Response, target string) error {
	mend := ""
	switch resp.StatusCode {
	case http.StatusForbidden, http.StatusMethodNotAllowed:
		mend = "; many proxies allow CONNECT to port 443 only: allow this port there, or have the server listen on 443"
	case http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		mend = "; the proxy cannot reach the server: check the remote's host and port"
	}
	return fmt.Errorf("it refuses CONNECT %s: %.80q%s", target, resp.Status, mend)
}

// challenged finds an answer to a 407's challenges.
func (c *connecting) challenged(challenges []string) error {
	offers := make(map[string]string)
	for _, ch := range challenges {
		scheme, _, _ := strings.Cut(ch, " ")
		if scheme = strings.ToLower(scheme); offers[scheme] == "" {
			offers[scheme] = ch
		}
	}
	switch {
	case c.Auth == AuthNone || c.Username == "":
		return fmt.Errorf("%w (%s): give a user name and password with http-proxy-user-pass or the third value of http-proxy", ErrProxyAuth, schemes(challenges))
	case c.answer != nil && c.answer.last:
		return fmt.Errorf("%w and refuses the user name or password (%s)", ErrProxyAuth, schemes(challenges))
	case offers["digest"] != "" && c.accepts(AuthDigest):
		return c.digest(challenges)
	case offers["ntlm"] != "" && c.accepts(AuthNTLM):
		return c.ntlm(offers["ntlm"])
	case offers["basic"] != "" && c.accepts(AuthBasic):
		c.answer = c.basic()
		return nil
	}
	return fmt.Errorf("%w, and offers no method that may be used here (%s)", ErrProxyAuth, schemes(challenges))
}

func (c *connecting) accepts(m ProxyAuth) bool {
	return c.Auth == m || c.Auth == AuthAuto || c.Auth == AuthNoClear && m != AuthBasic
}

// schemes returns the names of the methods offered.
func schemes(challenges []string) string {
	var names []string
	for _, ch := range challenges[:min(len(challenges), 8)] {
		name, _, _ := strings.Cut(ch, " ")
		names = append(names, fmt.Sprintf("%.20q", name))
	}
	return "it offers " + strings.Join(names, ", ")
}

func (c *connecting) basic() *answer {
	both := base64.StdEncoding.EncodeToString([]byte(c.Username + ":" + c.Password))
	return &answer{AuthBasic, "Basic " + both, true}
}

// digest answers the first Digest challenge that it can (RFC 7616).
func (c *connecting) digest(challenges []string) error {
	for _, ch := range challenges {
		if !digest.IsDigest(ch) {
			continue
		}
		parsed, err := digest.ParseChallenge(ch)
		if err != nil || !digest.CanDigest(parsed) {
			continue
		}
		credentials, err := digest.Digest(parsed, digest.Options{Method: http.MethodConnect, URI: c.target,
			Username: c.Username, Password: c.Password, Count: 1})
		if err == nil {
			c.answer = &answer{AuthDigest, credentials.String(), true}
			return nil
		}
	}
	return fmt.Errorf("%w by Digest, in a form that is not known", ErrProxyAuth)
}

// ntlm takes the next of NTLM's two steps, which must share a connection.
func (c *connecting) ntlm(challenge string) error {
	const scheme = "NTLM "
	if c.answer == nil || c.answer.method != AuthNTLM {
		message, err := ntlmssp.NewNegotiateMessage("", "")
		if err != nil {
			return err
		}
		c.answer = &answer{AuthNTLM, scheme + base64.StdEncoding.EncodeToString(message), false}
		return nil
	}
	if len(challenge) <= len(scheme) {
		return fmt.Errorf("%w by NTLM, but sends no challenge", ErrProxyAuth)
	}
	theirs, err := base64.StdEncoding.DecodeString(strings.TrimSpace(challenge[len(scheme):]))
	if err != nil {
		return fmt.Errorf("%w by NTLM, and its challenge is damaged: %w", ErrProxyAuth, err)
	}
	message, err := ntlmssp.NewAuthenticateMessage(plainChallenge(theirs), c.Username, c.Password, nil)
	if err != nil {
		return fmt.Errorf("%w by NTLM: %w", ErrProxyAuth, err)
	}
	c.answer = &answer{AuthNTLM, scheme + base64.StdEncoding.EncodeToString(message), true}
	return nil
}

// plainChallenge drops the fields of a challenge that point outside of it: older
// proxies, and Squid's test helper, have no target information where its place and
// size should be.
func plainChallenge(challenge []byte) []byte {
	const name, flags, context, info, whole = 12, 20, 32, 40, 48 // offsets of MS-NLMP 2.2.1.2
	if len(challenge) < context || inside(challenge, name) && inside(challenge, info) {
		return challenge
	}
	plain := append(make([]byte, 0, whole), challenge[:context]...)
	clear(plain[name:flags])
	return plain[:whole]
}

// inside reports whether a field lies within a message. Its size and place are
// described at offset at.
func inside(message []byte, at int) bool {
	if len(message) < at+8 {
		return false
	}
	size, place := binary.LittleEndian.Uint16(message[at:]), binary.LittleEndian.Uint32(message[at+4:])
	return uint64(place)+uint64(size) <= uint64(len(message))
}
