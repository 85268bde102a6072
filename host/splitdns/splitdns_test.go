package splitdns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

func name(s string) dnsmessage.Name { return dnsmessage.MustNewName(s) }

// ask makes a query with EDNS.
func ask(host string, kind dnsmessage.Type, room int) []byte {
	m := dnsmessage.Message{Header: dnsmessage.Header{ID: 77, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name(host), Type: kind, Class: dnsmessage.ClassINET}}}
	if room > 0 {
		m.Additionals = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: name("."), Type: dnsmessage.TypeOPT, Class: dnsmessage.Class(room), TTL: 1 << 15},
			Body: &dnsmessage.OPTResource{}}}
	}
	return must(m.Pack())
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func rr(owner string, ttl uint32, body dnsmessage.ResourceBody) dnsmessage.Resource {
	return dnsmessage.Resource{Header: dnsmessage.ResourceHeader{Name: name(owner), Class: dnsmessage.ClassINET, TTL: ttl}, Body: body}
}

func a(owner string, ttl uint32, addr string) dnsmessage.Resource {
	ip := netip.MustParseAddr(addr)
	if ip.Is4() {
		return rr(owner, ttl, &dnsmessage.AResource{A: ip.As4()})
	}
	return rr(owner, ttl, &dnsmessage.AAAAResource{AAAA: ip.As16()})
}

func cname(owner, to string) dnsmessage.Resource {
	return rr(owner, 300, &dnsmessage.CNAMEResource{CNAME: name(to)})
}

// answerTo answers a query.
func answerTo(query []byte, code dnsmessage.RCode, records ...dnsmessage.Resource) []byte {
	var m dnsmessage.Message
	if err := m.Unpack(query); err != nil {
		panic(err)
	}
	m.Response, m.RecursionAvailable, m.RCode, m.Answers = true, true, code, records
	return must(m.Pack())
}

// upstreams are name servers in memory: what each says to a query, nil for nothing.
type upstreams struct {
	mu    sync.Mutex
	says  map[string]func(query []byte) [][]byte
	heard []string // "server network tunnel"
}

func (u *upstreams) dial(_ context.Context, network string, to netip.AddrPort, tunnel bool) (net.Conn, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.heard = append(u.heard, fmt.Sprint(to.Addr(), " ", network, " ", tunnel))
	say := u.says[to.Addr().String()]
	if say == nil {
		return nil, errors.New("connection refused")
	}
	near, far := net.Pipe()
	go func() {
		defer far.Close()
		for {
			query, err := receive(far, network)
			if err != nil {
				return
			}
			for _, msg := range say(query) {
				if network == "tcp" {
					writeStream(far, msg)
				} else {
					far.Write(msg)
				}
			}
		}
	}()
	return near, nil
}

func receive(conn net.Conn, network string) ([]byte, error) {
	if network == "tcp" {
		return readStream(conn)
	}
	buf := make([]byte, maxMessage)
	n, err := conn.Read(buf)
	return buf[:n], err
}

func up(addrs ...string) (list []Upstream) {
	for _, a := range addrs {
		list = append(list, Upstream{Addr: netip.AddrPortFrom(netip.MustParseAddr(a), 53)})
	}
	return list
}

// world is a server without sockets, with a tunnel's upstream 10.8.0.1 and one of the host's,
// 192.0.2.53.
type world struct {
	*Server
	*upstreams
	learned []string
	full    bool
	log     strings.Builder
}

func newWorld(r Rules, tunnel, own []Upstream) *world {
	w := &world{upstreams: &upstreams{says: map[string]func([]byte) [][]byte{}}}
	w.Server = New(Sockets{}, slog.New(slog.NewTextHandler(&w.log, nil)))
	w.Set(Settings{Rules: r, KeepBack: true, Tunnel: tunnel, Own: func(context.Context, string) ([]Upstream, error) { return own, nil }, Dial: w.dial,
		Learn: func(_ context.Context, addrs []netip.Addr, lifetime time.Duration) error {
			if w.full {
				return errors.New("the set is full")
			}
			for _, a := range addrs {
				w.learned = append(w.learned, fmt.Sprint(a, " ", lifetime))
			}
			return nil
		}})
	return w
}

var corp = Rules{Tunnel: []string{"corp.example"}, Learned: []string{"corp.example"}}

func codeOf(t *testing.T, msg []byte) dnsmessage.RCode {
	t.Helper()
	var m dnsmessage.Message
	if err := m.Unpack(msg); err != nil {
		t.Fatalf("%v: %x", err, msg)
	}
	if m.ID != 77 || !m.Response {
		t.Errorf("header %+v", m.Header)
	}
	return m.RCode
}

// TestDivides: each name is asked where it belongs, with all of its question, and chosen ones
// are learned before the answer is there.
func TestDivides(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(corp, up("10.8.0.1"), up("192.0.2.53"))
		var passed []byte
		for server, addr := range map[string]string{"10.8.0.1": "10.50.0.7", "192.0.2.53": "203.0.113.9"} {
			w.says[server] = func(query []byte) [][]byte {
				passed = query
				return [][]byte{answerTo(query, dnsmessage.RCodeSuccess, a("Host.Corp.example.", 60, addr))}
			}
		}
		for host, tunnel := range map[string]bool{"host.CORP.example.": true, "corp.example.": true, "host.other.example.": false, "xcorp.example.": false} {
			w.heard, w.learned = nil, nil
			query := ask(host, dnsmessage.TypeA, 1232)
			if codeOf(t, w.answer(t.Context(), query, false)) != dnsmessage.RCodeSuccess {
				t.Errorf("%s: no answer", host)
			}
			if !slices.Equal(passed[2:], query[2:]) {
				t.Errorf("%s: passed on as %x, asked %x", host, passed, query)
			}
			want := "192.0.2.53 udp false"
			if tunnel {
				want = "10.8.0.1 udp true"
			}
			if !slices.Equal(w.heard, []string{want}) {
				t.Errorf("%s: asked %q", host, w.heard)
			}
			if learned := tunnel; learned != (len(w.learned) == 1) || learned && w.learned[0] != "10.50.0.7 11m0s" {
				t.Errorf("%s: learned %q", host, w.learned)
			}
		}
	})
}

// TestInternational: a domain with letters outside of ASCII is asked for in its xn-- form.
func TestInternational(t *testing.T) {
	decide := Rules{Tunnel: []string{"*.Bücher.example"}, Host: []string{"a.bücher.example."}}.Decider()
	for host, want := range map[string]bool{"www.xn--bcher-kva.example.": true, "www.XN--bcher-kva.example": true, "a.xn--bcher-kva.example": false, "xn--bcher-kva.example": false} {
		if got, _ := decide(host); got != want {
			t.Errorf("%s: %v", host, got)
		}
	}
}

// TestAliases: a name outside that a chosen one leads to is chosen too, while the answer lives.
func TestAliases(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(corp, up("10.8.0.1"), up("192.0.2.53"))
		w.says["10.8.0.1"] = func(query []byte) [][]byte {
			return [][]byte{answerTo(query, dnsmessage.RCodeSuccess, cname("www.corp.example.", "edge.cdn.example."), cname("edge.cdn.example.", "e7.cdn.example."),
				a("e7.cdn.example.", 600, "198.51.100.7"), a("e7.cdn.example.", 600, "2001:db8::7"), a("e7.cdn.example.", 600, "127.0.0.1"), a("stranger.example.", 600, "198.51.100.66"))}
		}
		w.says["192.0.2.53"] = func(query []byte) [][]byte { return [][]byte{answerTo(query, dnsmessage.RCodeSuccess)} }
		w.answer(t.Context(), ask("www.corp.example.", dnsmessage.TypeA, 0), false)
		if want := []string{"198.51.100.7 15m0s", "2001:db8::7 15m0s", "198.51.100.66 15m0s"}; !slices.Equal(w.learned, want) {
			t.Errorf("learned %q", w.learned)
		}
		w.answer(t.Context(), ask("e7.cdn.example.", dnsmessage.TypeAAAA, 0), false)
		time.Sleep(20 * time.Minute)
		w.answer(t.Context(), ask("e7.cdn.example.", dnsmessage.TypeAAAA, 0), false)
		if want := []string{"10.8.0.1 udp true", "10.8.0.1 udp true", "192.0.2.53 udp false"}; !slices.Equal(w.heard, want) {
			t.Errorf("asked %q", w.heard)
		}
	})
}

// TestServices: the hints and targets of HTTPS and SVCB, and of SRV, with what is beside them.
func TestServices(t *testing.T) {
	query := ask("corp.example.", dnsmessage.TypeHTTPS, 0)
	hints := dnsmessage.SVCBResource{Priority: 1, Target: name("svc.cdn.example."), Params: []dnsmessage.SVCParam{
		{Key: dnsmessage.SVCParamALPN, Value: []byte("\x02h2")}, {Key: dnsmessage.SVCParamIPv4Hint, Value: []byte{198, 51, 100, 1, 198, 51, 100, 2}},
		{Key: dnsmessage.SVCParamIPv6Hint, Value: netip.MustParseAddr("2001:db8::1").AsSlice()}}}
	msg := answerTo(query, dnsmessage.RCodeSuccess, rr("corp.example.", 30, &dnsmessage.HTTPSResource{SVCBResource: hints}),
		rr("corp.example.", 30, &dnsmessage.SVCBResource{Priority: 1, Target: name(".")}), rr("corp.example.", 30, &dnsmessage.SRVResource{Target: name("sip.example.")}),
		a("svc.cdn.example.", 20, "198.51.100.3"))
	f, err := learn(msg, "corp.example")
	if err != nil || fmt.Sprint(f.addrs, f.aliases, f.lifetime) != "[198.51.100.1 198.51.100.2 2001:db8::1 198.51.100.3] [svc.cdn.example sip.example] 10m20s" {
		t.Errorf("%+v, %v", f, err)
	}
}

// TestTooMany: an answer with thousands of addresses is kept back, and said.
func TestTooMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(corp, up("10.8.0.1"), up("192.0.2.53"))
		count := 0
		w.says["10.8.0.1"] = func(query []byte) [][]byte {
			var all []dnsmessage.Resource
			for n := range count {
				all = append(all, a("big.corp.example.", 60, fmt.Sprintf("10.1.%d.%d", n/256, n%256)))
			}
			return [][]byte{answerTo(query, dnsmessage.RCodeSuccess, all...)}
		}
		query := ask("big.corp.example.", dnsmessage.TypeA, 0)
		for _, c := range []struct {
			count   int
			code    dnsmessage.RCode
			learned int
		}{{maxLearned, dnsmessage.RCodeSuccess, maxLearned}, {maxLearned + 1, dnsmessage.RCodeServerFailure, 0}} {
			count, w.learned = c.count, nil
			if got := codeOf(t, w.answer(t.Context(), query, true)); got != c.code || len(w.learned) != c.learned {
				t.Errorf("%d addresses: %v, %d learned", count, got, len(w.learned))
			}
		}
		if !strings.Contains(w.log.String(), "more than 1024 addresses") {
			t.Error(w.log.String())
		}
	})
}

// TestFull: what cannot be learned is kept back where packets would go outside, and let go
// where they would go into the tunnel.
func TestFull(t *testing.T) {
	for keep, want := range map[bool]dnsmessage.RCode{true: dnsmessage.RCodeServerFailure, false: dnsmessage.RCodeSuccess} {
		synctest.Test(t, func(t *testing.T) {
			w := newWorld(corp, up("10.8.0.1"), up("192.0.2.53"))
			settings := w.set.Load().Settings
			settings.KeepBack = keep
			w.Set(settings)
			w.full = true
			for _, s := range []string{"10.8.0.1", "192.0.2.53"} {
				w.says[s] = func(query []byte) [][]byte {
					return [][]byte{answerTo(query, dnsmessage.RCodeSuccess, a("www.corp.example.", 60, "10.1.1.1"))}
				}
			}
			for range 3 {
				if got := codeOf(t, w.answer(t.Context(), ask("www.corp.example.", dnsmessage.TypeA, 0), false)); got != want {
					t.Errorf("keep back %v: %v", keep, got)
				}
			}
			if got := codeOf(t, w.answer(t.Context(), ask("other.example.", dnsmessage.TypeA, 0), false)); got != dnsmessage.RCodeSuccess {
				t.Errorf("another name: %v", got)
			}
			if log := w.log.String(); strings.Count(log, "the set is full") != 1 {
				t.Error(log)
			}
		})
	}
}

// TestBadUpstreams: servers that are dead, slow, lying or refusing, each before one that is
// well; and how long it takes.
func TestBadUpstreams(t *testing.T) {
	good := func(query []byte) [][]byte {
		return [][]byte{answerTo(query, dnsmessage.RCodeSuccess, a("www.example.", 60, "192.0.2.1"))}
	}
	slow := func(d time.Duration) func([]byte) [][]byte {
		return func(q []byte) [][]byte { time.Sleep(d); return good(q) }
	}
	forged := func(q []byte) (all [][]byte) {
		other := answerTo(q, 0, a("www.example.", 60, "192.0.2.66"))
		binary.BigEndian.PutUint16(other, binary.BigEndian.Uint16(q)+1)
		echo := slices.Clone(q) // no answer at all
		elsewhere := answerTo(ask("evil.example.", dnsmessage.TypeA, 0), 0, a("www.example.", 60, "192.0.2.66"))
		copy(elsewhere, q[:2])
		kind := answerTo(ask("www.example.", dnsmessage.TypeAAAA, 0), 0, a("www.example.", 60, "192.0.2.66"))
		copy(kind, q[:2])
		return [][]byte{other, echo, elsewhere, kind, {1, 2, 3}, good(q)[0]}
	}
	for what, c := range map[string]struct {
		first, second func([]byte) [][]byte
		code          dnsmessage.RCode
		from          string // last byte of the answer's address
		after         time.Duration
	}{
		"well":     {good, nil, 0, "192.0.2.1", 0},
		"dead":     {nil, good, 0, "192.0.2.1", 0},
		"silent":   {func([]byte) [][]byte { return nil }, good, 0, "192.0.2.1", time.Second},
		"slow":     {slow(1500 * time.Millisecond), slow(time.Hour), 0, "192.0.2.1", 1500 * time.Millisecond},
		"lying":    {forged, nil, 0, "192.0.2.1", 0},
		"refusing": {func(q []byte) [][]byte { return [][]byte{answerTo(q, dnsmessage.RCodeRefused)} }, good, 0, "192.0.2.1", 0},
		"both refuse": {func(q []byte) [][]byte { return [][]byte{answerTo(q, dnsmessage.RCodeRefused)} },
			func(q []byte) [][]byte { return [][]byte{answerTo(q, dnsmessage.RCodeRefused)} }, dnsmessage.RCodeRefused, "", 0},
		"no such name": {func(q []byte) [][]byte { return [][]byte{answerTo(q, dnsmessage.RCodeNameError)} }, good, dnsmessage.RCodeNameError, "", 0},
		"both dead":    {nil, nil, dnsmessage.RCodeServerFailure, "", 2 * again},
		"both silent":  {slow(time.Hour), slow(time.Hour), dnsmessage.RCodeServerFailure, "", limit},
	} {
		t.Run(what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(corp, nil, up("192.0.2.53", "192.0.2.54"))
				w.says["192.0.2.53"], w.says["192.0.2.54"] = c.first, c.second
				began := time.Now()
				msg := w.answer(t.Context(), ask("www.example.", dnsmessage.TypeA, 0), false)
				took := time.Since(began)
				if got := codeOf(t, msg); got != c.code || took > c.after || took < c.after-again {
					t.Errorf("%v after %v, want %v after %v", got, took, c.code, c.after)
				}
				if f, err := learn(msg, "www.example"); c.from != "" && (err != nil || fmt.Sprint(f.addrs) != "["+c.from+"]") {
					t.Errorf("%+v, %v", f, err)
				}
				time.Sleep(2 * time.Hour) // what still runs ends
			})
		})
	}
}

// TestNoLeak: while the tunnel's servers are silent, a name for the tunnel is asked nowhere else.
func TestNoLeak(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(corp, up("10.8.0.1", "10.8.0.2"), up("192.0.2.53"))
		if got := codeOf(t, w.answer(t.Context(), ask("www.corp.example.", dnsmessage.TypeA, 0), false)); got != dnsmessage.RCodeServerFailure {
			t.Error(got)
		}
		for _, h := range w.heard {
			if !strings.HasSuffix(h, "true") {
				t.Errorf("asked %s", h)
			}
		}
		if len(w.heard) != 4 {
			t.Errorf("asked %q", w.heard)
		}
	})
}

// TestBusy: silent servers of the tunnel take no room from names for others, and the failure
// of what is too much is known at once.
func TestBusy(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(corp, up("10.8.0.1"), up("192.0.2.53"))
		w.says["10.8.0.1"] = func([]byte) [][]byte { return nil }
		w.says["192.0.2.53"] = func(query []byte) [][]byte { return [][]byte{answerTo(query, dnsmessage.RCodeSuccess)} }
		for range maxSide {
			go w.answer(t.Context(), ask("www.corp.example.", dnsmessage.TypeA, 0), false)
		}
		synctest.Wait()
		began := time.Now()
		for host, want := range map[string]dnsmessage.RCode{"www.corp.example.": dnsmessage.RCodeServerFailure, "other.example.": dnsmessage.RCodeSuccess} {
			if got := codeOf(t, w.answer(t.Context(), ask(host, dnsmessage.TypeA, 0), false)); got != want || time.Since(began) != 0 {
				t.Errorf("%s: %v after %v", host, got, time.Since(began))
			}
		}
		time.Sleep(limit)
	})
}

// TestRoom: an answer has no more bytes over UDP than its asker takes, else it says so.
func TestRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(Rules{}, nil, up("192.0.2.53"))
		w.says["192.0.2.53"] = func(query []byte) [][]byte {
			var all []dnsmessage.Resource
			for n := range 60 {
				all = append(all, a("www.example.", 60, fmt.Sprintf("10.1.1.%d", n)))
			}
			return [][]byte{answerTo(query, dnsmessage.RCodeSuccess, all...)}
		}
		for _, c := range []struct {
			room   int
			stream bool
			cut    bool
		}{{0, false, true}, {512, false, true}, {1232, false, false}, {0, true, false}} {
			msg := w.answer(t.Context(), ask("www.example.", dnsmessage.TypeA, c.room), c.stream)
			var m dnsmessage.Message
			if err := m.Unpack(msg); err != nil || m.Truncated != c.cut || (len(m.Answers) == 0) != c.cut || len(m.Questions) != 1 {
				t.Errorf("%+v: %v, %+v", c, err, m.Header)
			}
		}
		if want := "192.0.2.53 tcp false"; w.heard[3] != want {
			t.Errorf("asked %q", w.heard)
		}
	})
}

// TestCut: an answer for a chosen name that had no room, and so cannot be learned from, is
// not kept back: its asker hears that it is to ask by TCP. So with one that is longer than
// was allowed.
func TestCut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(corp, up("10.8.0.1"), nil)
		var say func(whole []byte) []byte
		w.says["10.8.0.1"] = func(query []byte) [][]byte {
			var all []dnsmessage.Resource
			for n := range 40 {
				all = append(all, a("www.corp.example.", 60, fmt.Sprintf("10.1.1.%d", n)))
			}
			return [][]byte{say(answerTo(query, dnsmessage.RCodeSuccess, all...))}
		}
		for what, s := range map[string]func([]byte) []byte{
			"in a record":    func(m []byte) []byte { m[2] |= 2; return m[:100] },
			"after the room": func(m []byte) []byte { return m },
		} {
			say = s
			msg := w.answer(t.Context(), ask("www.corp.example.", dnsmessage.TypeA, 512), false)
			var m dnsmessage.Message
			if err := m.Unpack(msg); err != nil || !m.Truncated || m.RCode != dnsmessage.RCodeSuccess || m.ID != 77 {
				t.Errorf("cut %s: %v, %+v", what, err, m.Header)
			}
		}
		say = func(m []byte) []byte { return m[:100] } // and does not say so
		if got := codeOf(t, w.answer(t.Context(), ask("www.corp.example.", dnsmessage.TypeA, 512), false)); got != dnsmessage.RCodeServerFailure {
			t.Errorf("a broken answer: %v", got)
		}
	})
}

// TestRefused: what is no ordinary question is not passed on.
func TestRefused(t *testing.T) {
	w := newWorld(corp, up("10.8.0.1"), up("192.0.2.53"))
	query := ask("www.corp.example.", dnsmessage.TypeA, 0)
	changed := func(do func(b []byte)) []byte { b := slices.Clone(query); do(b); return b }
	for what, c := range map[string]struct {
		query []byte
		code  int // -1: no answer
	}{
		"an answer":    {changed(func(b []byte) { b[2] |= 0x80 }), -1},
		"too short":    {query[:11], -1},
		"no question":  {changed(func(b []byte) { b[5] = 0 }), 1},
		"two":          {changed(func(b []byte) { b[5] = 2 }), 1},
		"cut off":      {query[:len(query)-1], 1},
		"an update":    {changed(func(b []byte) { b[2] |= 5 << 3 }), 4},
		"a whole zone": {ask("corp.example.", typeAXFR, 0), 5},
	} {
		msg := w.answer(t.Context(), c.query, true)
		if c.code < 0 != (msg == nil) || msg != nil && int(code(msg)) != c.code {
			t.Errorf("%s: %x", what, msg)
		}
	}
	if len(w.heard) != 0 {
		t.Errorf("asked %q", w.heard)
	}
}

// TestRules: the longest domain counts.
func TestRules(t *testing.T) {
	for _, c := range []struct {
		r    Rules
		want map[string]string
	}{
		{Rules{Tunnel: []string{"*.corp.example"}, Learned: []string{"*.corp.example"}}, map[string]string{"corp.example": "host", "a.corp.example": "tunnel learn", "a.b.corp.example": "tunnel learn", "example": "host"}},
		{Rules{Tunnel: []string{"."}, Host: []string{"bank.example"}, Learned: []string{"bank.example"}}, map[string]string{"bank.example": "host learn", "x.bank.example": "host learn", "y.example": "tunnel", "": "tunnel"}},
		{Rules{Tunnel: []string{"corp.example", "in.www.corp.example"}, Host: []string{"www.corp.example"}, Learned: []string{"corp.example"}}, map[string]string{"www.corp.example": "host", "in.www.corp.example": "tunnel", "b.corp.example": "tunnel learn"}},
		{Rules{Tunnel: []string{"corp.example", "in.corp.example"}, Learned: []string{"corp.example"}}, map[string]string{"in.corp.example": "tunnel learn"}},
		{Rules{Tunnel: []string{"Corp.Example."}, Host: []string{"www.corp.example"}}, map[string]string{"www.corp.example": "host", "a.www.corp.example": "host", "corp.example": "tunnel"}},
	} {
		table := newTable(c.r)
		for name, want := range c.want {
			d, _ := table.decide(name)
			got := map[bool]string{true: "tunnel", false: "host"}[d.Tunnel]
			if d.Learn {
				got += " learn"
			}
			if got != want {
				t.Errorf("%+v: %q: %s, want %s", c.r, name, got, want)
			}
		}
	}
}

// TestAliasesBounded: names that answers lead to take no more room than there is.
func TestAliasesBounded(t *testing.T) {
	var al aliases
	now := time.Now()
	for n := range 3 * maxNames {
		al.add([]string{fmt.Sprint(n)}, Decision{Tunnel: true}, now.Add(time.Duration(n)), time.Hour)
	}
	if n := len(al.until); n > maxNames || n < maxNames*3/4 {
		t.Error(n)
	}
	if _, ok := al.of(fmt.Sprint(3*maxNames-1), now); !ok {
		t.Error("the newest is forgotten")
	}
	al.add([]string{fmt.Sprint(3*maxNames - 1)}, Decision{}, now, time.Minute)
	as, ok := al.of(fmt.Sprint(3*maxNames-1), now.Add(50*time.Minute))
	if !ok {
		t.Error("an answer that lives for less ended one that lives on")
	}
	if as.Tunnel {
		t.Error("the newest decision does not count")
	}
}

// TestSockets: over sockets of this host, UDP and TCP, several queries on a connection.
func TestSockets(t *testing.T) {
	at, no53, err := Listen()
	if err != nil {
		t.Skip(err)
	}
	t.Log(at.Addr, no53)
	w := newWorld(corp, up("10.8.0.1"), up("192.0.2.53"))
	w.says["192.0.2.53"] = func(query []byte) [][]byte {
		return [][]byte{answerTo(query, dnsmessage.RCodeSuccess, a("www.example.", 60, "192.0.2.1"))}
	}
	s := New(at, slog.New(slog.DiscardHandler))
	s.Set(w.set.Load().Settings)
	defer s.Close()
	for _, network := range []string{"udp", "tcp"} {
		conn, err := net.Dial(network, at.Addr.String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		for range 3 {
			query := ask("www.example.", dnsmessage.TypeA, 0)
			if network == "tcp" {
				err = writeStream(conn, query)
			} else {
				_, err = conn.Write(query)
			}
			msg, err2 := receive(conn, network)
			if err := errors.Join(err, err2); err != nil || codeOf(t, msg) != 0 {
				t.Fatal(network, err)
			}
		}
	}
	s.Close()
	if conn, err := net.Dial("tcp", at.Addr.String()); err == nil {
		conn.Close()
		t.Error("still listens")
	}
}

// FuzzQuestion: whatever an asker sends, it gets an answer of its own size and id, or none.
func FuzzQuestion(f *testing.F) {
	f.Add(ask("www.corp.example.", dnsmessage.TypeA, 1232))
	f.Add(ask(".", dnsmessage.TypeAXFR, 0))
	f.Add(ask("a.example.", dnsmessage.TypeHTTPS, 0)[:20])
	w := newWorld(corp, nil, nil)
	f.Fuzz(func(t *testing.T, query []byte) {
		msg := w.answer(t.Context(), query, false)
		if msg != nil && (len(msg) > len(query) || msg[0] != query[0] || msg[1] != query[1] || msg[2]&0x80 == 0) {
			t.Errorf("%x: %x", query, msg)
		}
	})
}

// FuzzAnswer: whatever an upstream says, what is learned of it is bounded, and routable.
func FuzzAnswer(f *testing.F) {
	query := ask("www.corp.example.", dnsmessage.TypeA, 0)
	f.Add(answerTo(query, 0, cname("www.corp.example.", "x.example."), a("x.example.", 9, "192.0.2.1"), a("x.example.", 1<<31, "2001:db8::1")))
	f.Add(answerTo(query, 0, rr("www.corp.example.", 30, &dnsmessage.HTTPSResource{SVCBResource: dnsmessage.SVCBResource{Target: name("."), Params: []dnsmessage.SVCParam{{Key: 4, Value: []byte{1, 2, 3}}}}})))
	f.Add(answerTo(query, 0, cname("www.corp.example.", "www.corp.example.")))
	// An address, and then an additional record that ends in the middle.
	cut := answerTo(query, 0, a("www.corp.example.", 9, "192.0.2.1"))
	cut[11] = 1
	f.Add(append(cut, 0, 0, 1))
	q := must(parseQuestion(query))
	f.Fuzz(func(t *testing.T, msg []byte) {
		answers(query, msg, q, 77)
		found, err := learn(msg, "www.corp.example")
		if err != nil {
			return
		}
		if len(found.addrs) > maxLearned || len(found.aliases) > maxAliases || found.lifetime < slack || found.lifetime > maxTTL+slack {
			t.Errorf("%+v", found)
		}
		for _, a := range found.addrs {
			if a.IsLoopback() || a.IsMulticast() || a.Is4In6() {
				t.Error(a)
			}
		}
	})
}
