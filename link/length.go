package link

import (
	"encoding/binary"
	"fmt"
	"io/fs"
	"strings"
)

// LengthError means that a stream does not hold packets with their lengths, and
// shows what it holds instead. It wraps fs.ErrClosed, since the stream cannot go
// on.
type LengthError struct {
	Start []byte // what stands there: two bytes of length and up to 14 more
	Most  int    // the largest length that is allowed
}

// lengthError returns the error for a stream that continues with have.
func lengthError(have []byte, most int) *LengthError {
	return &LengthError{Start: append([]byte(nil), have[:min(len(have), 16)]...), Most: most}
}

func (e *LengthError) Unwrap() error { return fs.ErrClosed }

func (e *LengthError) Error() string {
	length := binary.BigEndian.Uint16(e.Start)
	if words := Foreign(e.Start); words != "" {
		return fmt.Sprintf("this is not OpenVPN (packet length %d): %s", length, words)
	}
	return fmt.Sprintf("bad packet length %d, expected 1 to %d: the peer does not speak OpenVPN over TCP, or its tun-mtu is larger than this side's", length, e.Most)
}

// foreign lists protocols that reach a wrong port, by how they begin.
var foreign = []struct{ start, words string }{
	{"HTTP", "an HTTP answer, so the port leads to a web server or proxy; check host and port"},
	{"GET ", httpRequest}, {"POST", httpRequest}, {"HEAD", httpRequest}, {"PUT ", httpRequest},
	{"OPTI", httpRequest}, {"CONN", httpRequest}, {"DELE", httpRequest}, {"PATC", httpRequest}, {"PRI ", httpRequest},
	{"\x16\x03", "a TLS handshake, as of HTTPS: the peer takes this port for a web server's (port-share can pass it on to one), or has a TLS tunnel where this side has none"},
	{"\x15\x03", "a TLS alert: the port is one of HTTPS or another TLS service; check host and port"},
	{"\x17\x03", "TLS application data: the port is one of HTTPS or another TLS service; check host and port"},
	{"<!", html}, {"<h", html}, {"<H", html}, {"<?", html},
	{"SSH-", "SSH: check host and port"},
	{"PROXY", "a PROXY protocol header: the load balancer in between must pass the connection on without it"},
	{"\r\n\r\n\x00\r\nQ", "a PROXY protocol header: the load balancer in between must pass the connection on without it"},
}

const (
	httpRequest = "an HTTP request: a browser, a scanner or a health check takes this port for a web server's (port-share can pass it on to one)"
	html        = "HTML: a web page answers, such as a proxy's error or a sign-on page; check host and port"
)

// Foreign names the protocol that a stream begins with, or returns "" if it is not
// known. Two bytes may be enough.
func Foreign(start []byte) string {
	for _, f := range foreign {
		n := min(len(start), len(f.start))
		if n >= lengthSize && strings.HasPrefix(f.start, string(start[:n])) {
			return f.words
		}
	}
	return ""
}
