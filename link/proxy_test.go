package link

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/internal/buf"
)

// fakeProxy answers each request by a script, one connection after another,
// and keeps the requests.
type fakeProxy struct {
	answers  []string
	requests []*http.Request
}

func (f *fakeProxy) dial(context.Context) (net.Conn, error) {
	a, b := net.Pipe()
	go func() {
		r := bufio.NewReader(b)
		for len(f.answers) > 0 {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			f.requests = append(f.requests, req)
			answer := f.answers[0]
			f.answers = f.answers[1:]
			io.WriteString(b, answer)
			if strings.Contains(answer, "Connection: close") || !strings.HasPrefix(answer, "HTTP/1.1") {
				b.Close()
				return
			}
		}
	}()
	return a, nil
}

const (
	granted    = "HTTP/1.1 200 Connection established\r\n\r\nearly"
	wantBasic  = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nContent-Length: 4\r\n\r\nbody"
	wantDigest = "HTTP/1.1 407 Who\r\nProxy-Authenticate: Basic realm=\"x\"\r\nProxy-Authenticate: Digest realm=\"x\", nonce=\"abc\", qop=\"auth\", algorithm=SHA-256\r\nConnection: close\r\n\r\n"
)

func TestHTTPProxy(t *testing.T) {
	for name, test := range map[string]struct {
		proxy   HTTPProxy
		answers []string
		want    string // in the error; "" for success
		auth    string // start of the last Proxy-Authorization
	}{
		"open":           {answers: []string{granted}},
		"basic":          {proxy: HTTPProxy{Auth: AuthBasic, Username: "u", Password: "p"}, answers: []string{granted}, auth: "Basic dTpw"},
		"auto":           {proxy: HTTPProxy{Auth: AuthAuto, Username: "u", Password: "p"}, answers: []string{wantBasic, granted}, auth: "Basic dTpw"},
		"best":           {proxy: HTTPProxy{Auth: AuthAuto, Username: "u", Password: "p"}, answers: []string{wantDigest, granted}, auth: "Digest username=\"u\""},
		"no clear text":  {proxy: HTTPProxy{Auth: AuthNoClear, Username: "u", Password: "p"}, answers: []string{wantBasic}, want: "no method that may be used"},
		"wrong password": {proxy: HTTPProxy{Auth: AuthAuto, Username: "u", Password: "p"}, answers: []string{wantBasic, wantBasic}, want: "refuses the user name or password"},
		"no login":       {answers: []string{wantBasic}, want: "give a user name and password"},
		"forbidden":      {answers: []string{"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n"}, want: "allow this port"},
		"nonsense":       {answers: []string{"SSH-2.0-OpenSSH_9\r\n\r\n"}, want: "is not HTTP"},
		"nothing":        {answers: []string{""}, want: "no whole answer"},
		"endless":        {answers: []string{"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 20000)}, want: "longer than"},
	} {
		t.Run(name, func(t *testing.T) {
			f := &fakeProxy{answers: test.answers}
			conn, err := test.proxy.Connect(t.Context(), f.dial, "vpn.example:443")
			if test.want != "" {
				if err == nil || !strings.Contains(err.Error(), test.want) {
					t.Errorf("%v, wanted %q", err, test.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			first := make([]byte, 5)
			if _, err := io.ReadFull(conn, first); err != nil || string(first) != "early" {
				t.Errorf("what came with the answer is lost: %q, %v", first, err)
			}
			last := f.requests[len(f.requests)-1]
			if last.Method != http.MethodConnect || last.Host != "vpn.example:443" || !strings.HasPrefix(last.Header.Get("Proxy-Authorization"), test.auth) {
				t.Errorf("request %+v", last)
			}
		})
	}
}

func TestHTTPProxyRequest(t *testing.T) {
	f := &fakeProxy{answers: []string{granted}}
	h := HTTPProxy{Version: "1.1", Agent: "Test er", Headers: []Header{{"X-One", "a b"}, {"Host", "front.example"}}}
	conn, err := h.Connect(t.Context(), f.dial, "vpn.example:443")
	if err != nil {
		t.Fatal(err)
	}
	conn.Close()
	r := f.requests[0]
	if r.Proto != "HTTP/1.1" || r.UserAgent() != "Test er" || r.Header.Get("X-One") != "a b" || r.RequestURI != "vpn.example:443" {
		t.Errorf("request %+v", r)
	}
}

// TestHTTPProxySilent: Connect gives up on a silent proxy when its time is up.
func TestHTTPProxySilent(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	a, b := tcpPair(t)
	defer b.Close()
	h := HTTPProxy{}
	if _, err := h.Connect(ctx, func(context.Context) (net.Conn, error) { return a, nil }, "x:1"); err == nil {
		t.Error("connected")
	}
}

func FuzzHTTPProxy(f *testing.F) {
	f.Add(granted)
	f.Add(wantDigest)
	f.Add("HTTP/1.1 407 x\r\nProxy-Authenticate: NTLM TlRMTVNTUAACAAAACQAJAK6qqqo=\r\nContent-Length: 0\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		p := &fakeProxy{answers: []string{answer, answer, answer, answer, answer}}
		h := HTTPProxy{Auth: AuthAuto, Username: "u", Password: "p"}
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if conn, err := h.Connect(ctx, p.dial, "vpn.example:443"); err == nil {
			conn.Close()
		}
	})
}

// scripted plays the proxy's part of a SOCKS dialogue.
type scripted struct {
	io.Reader
	sent bytes.Buffer
}

func (s *scripted) Write(b []byte) (int, error) { return s.sent.Write(b) }

func TestSOCKS(t *testing.T) {
	for name, test := range map[string]struct {
		proxy  SOCKSProxy
		answer string
		want   string
	}{
		"granted":       {answer: "\x05\x00\x05\x00\x00\x01\x0a\x00\x00\x01\x04\xaa"},
		"by name":       {answer: "\x05\x00\x05\x00\x00\x03\x03abc\x04\xaa"},
		"password":      {proxy: SOCKSProxy{"u", "p"}, answer: "\x05\x02\x01\x00\x05\x00\x00\x01\x0a\x00\x00\x01\x04\xaa"},
		"bad password":  {proxy: SOCKSProxy{"u", "p"}, answer: "\x05\x02\x01\x01", want: "refuses the user name or password"},
		"none wanted":   {proxy: SOCKSProxy{"u", "p"}, answer: "\x05\xff", want: "takes no user name"},
		"one wanted":    {answer: "\x05\xff", want: "requires a user name and password"},
		"refused":       {answer: "\x05\x00\x05\x05\x00\x01", want: "the server refuses"},
		"unknown code":  {answer: "\x05\x00\x05\x63\x00\x01", want: "code 99"},
		"web server":    {answer: "HTTP/1.1 400", want: "is there a SOCKS proxy"},
		"cut":           {answer: "\x05\x00\x05\x00\x00\x04\x01", want: "EOF"},
		"bad kind":      {answer: "\x05\x00\x05\x00\x00\x09\x01", want: "unknown kind 9"},
		"says nothing":  {answer: "", want: "is there a SOCKS proxy"},
		"long password": {proxy: SOCKSProxy{"u", strings.Repeat("p", 256)}, answer: "\x05\x02", want: "255 bytes"},
	} {
		request, _ := appendSOCKSHost([]byte{socksVersion, socksConnect, 0}, "vpn.example", 1194)
		_, err := test.proxy.command(&scripted{Reader: strings.NewReader(test.answer)}, request)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, wanted %q", name, err, test.want)
		}
	}
}

// TestSOCKSUDP: what is sent comes back without a trace of the relay. Datagrams
// from anyone but the server are dropped.
func TestSOCKSUDP(t *testing.T) {
	server, relay := netip.MustParseAddrPort("192.0.2.1:1194"), netip.MustParseAddrPort("192.0.2.9:5000")
	u := &socksUDP{relay: relay, server: server, header: appendSOCKSAddr([]byte{0, 0, 0}, server)}
	p := framePackets(dataOp, "x")[0]
	wire := append(bytes.Clone(u.header), p.Bytes()...)
	for name, test := range map[string]struct {
		from netip.AddrPort
		data []byte
		ok   bool
	}{
		"server's":     {relay, wire, true},
		"a stranger's": {server, wire, false},
		"fragment":     {relay, append([]byte{0, 0, 1}, wire[3:]...), false},
		"of another":   {relay, append(appendSOCKSAddr([]byte{0, 0, 0}, relay), 'x'), false},
		"cut":          {relay, wire[:7], false},
	} {
		p.Set(test.data)
		p.Path = buf.Path{Remote: test.from}
		if ok := u.strip(p); ok != test.ok || ok && (p.Path.Remote != server || p.Len() != 2) {
			t.Errorf("%s: %v, %d bytes from %v", name, ok, p.Len(), p.Path.Remote)
		}
	}
}

func FuzzSOCKS(f *testing.F) {
	f.Add([]byte("\x05\x02\x01\x00\x05\x00\x00\x01\x0a\x00\x00\x01\x04\xaa"))
	f.Add([]byte("\x00\x00\x00\x01\x0a\x00\x00\x01\x04\xaa data"))
	f.Fuzz(func(t *testing.T, b []byte) {
		s := SOCKSProxy{"u", "p"}
		_, err := s.command(&scripted{Reader: bytes.NewReader(b)}, []byte{5, 1, 0})
		if err == nil && len(b) < 10 {
			t.Error("granted by too few bytes")
		}
		if n, _, ok := parseSOCKSHeader(b); ok && n > len(b) {
			t.Errorf("a header of %d bytes in %d", n, len(b))
		}
		if errors.Is(err, io.ErrNoProgress) {
			t.Error(err)
		}
	})
}

// TestNTLMOddChallenge: what Squid's test helper sends is answered.
func TestNTLMOddChallenge(t *testing.T) {
	odd := "NTLMSSP\x00\x02\x00\x00\x00\x09\x00\x09\x00\xae\xaa\xaa\xaa\x07\x82\x88\xa2\x8b\x51\x04\x53\x88\xe2\x21\x0a" +
		"\x00\x00\x00\x00\x00\x00\x3a\x00WORKGROUP"
	c := &connecting{HTTPProxy: &HTTPProxy{Auth: AuthNTLM, Username: "u", Password: "p"}}
	for range 2 {
		if err := c.ntlm("NTLM " + base64.StdEncoding.EncodeToString([]byte(odd))); err != nil {
			t.Fatal(err)
		}
	}
	if !c.answer.last || len(c.answer.header) < 100 {
		t.Errorf("answer %+v", c.answer)
	}
}

// TestNTLMv2 checks an answer as a domain controller does, by the text of
// MS-NLMP 3.3.2, with the values of its example (4.2.4) except the exchange of a
// key, which no proxy is asked for.
func TestNTLMv2(t *testing.T) {
	challenge := []byte("NTLMSSP\x00\x02\x00\x00\x00\x0c\x00\x0c\x00\x38\x00\x00\x00\x33\x82\x8a\xa2\x01\x23\x45\x67\x89\xab\xcd\xef" +
		"\x00\x00\x00\x00\x00\x00\x00\x00\x24\x00\x24\x00\x44\x00\x00\x00\x06\x00\x70\x17\x00\x00\x00\x0f" +
		"S\x00e\x00r\x00v\x00e\x00r\x00\x02\x00\x0c\x00D\x00o\x00m\x00a\x00i\x00n\x00\x01\x00\x0c\x00S\x00e\x00r\x00v\x00e\x00r\x00\x00\x00\x00\x00")
	c := &connecting{HTTPProxy: &HTTPProxy{Auth: AuthNTLM, Username: `Domain\User`, Password: "Password"}}
	for range 2 {
		if err := c.ntlm("NTLM " + base64.StdEncoding.EncodeToString(challenge)); err != nil {
			t.Fatal(err)
		}
	}
	message, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(c.answer.header, "NTLM "))
	if err != nil || !inside(message, 20) {
		t.Fatalf("answer %x, %v", message, err)
	}
	place, size := binary.LittleEndian.Uint32(message[24:]), binary.LittleEndian.Uint16(message[20:])
	response := message[place : int(place)+int(size)]
	proof, rest := response[:16], response[16:]
	// NTOWFv2 of the example's user, domain and password (4.2.4.1.1).
	key, _ := hex.DecodeString("0c868a403bfd7a93a3001ef22ef02e3f")
	mac := hmac.New(md5.New, key)
	mac.Write(challenge[24:32])
	mac.Write(rest)
	if !hmac.Equal(mac.Sum(nil), proof) {
		t.Errorf("the proof is %x, want %x", proof, mac.Sum(nil))
	}
}
