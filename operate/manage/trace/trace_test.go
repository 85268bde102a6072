package trace

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/operate/backend/watch"
	"culvert/operate/manage/api"
	"culvert/operate/manage/filter"
	"culvert/operate/manage/packettest"
	"culvert/session/wire"
	"culvert/tunnel"
)

var (
	remote = netip.MustParseAddrPort("192.0.2.7:1194")
	phone  = &tunnel.Peer{Owner: named("pho\x1bne")}
	echo   = packettest.Echo("10.8.0.6", "10.8.0.1", 84)
	sealed = make([]byte, 108)
	start  = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
)

type named string

func (n named) PeerName() string { return string(n) }

// road is a road whose packets a test makes up.
type road struct{ tunnel.Watched }

// pass shows a packet at its stops, 1.5 µs apart.
func (r *road) pass(inbound bool, stops ...tunnel.Sight) {
	p := buf.New(2000)
	p.Path.Remote = remote
	for i, s := range append(stops, tunnel.Sight{Stop: tunnel.AtEnd}) {
		if seer := r.Load(); seer != nil && (i == 0 || p.Note != nil) {
			s.Inbound, s.Packet, s.Time = inbound, p, start.Add(time.Duration(i)*1500)
			(*seer).See(&s)
		}
	}
}

func toAdapter() *tunnel.Receivers { return &tunnel.Receivers{Adapter: true} }
func toPhone() *tunnel.Receivers   { return &tunnel.Receivers{Peers: []*tunnel.Peer{phone}} }

func (r *road) inbound(inner []byte) {
	r.pass(true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed}, tunnel.Sight{Stop: tunnel.AtQueue, Bytes: sealed, Turn: 2, Batch: 3},
		tunnel.Sight{Stop: tunnel.AtOpen, Bytes: inner, Peer: phone}, tunnel.Sight{Stop: tunnel.AtRoute, Bytes: inner, To: toAdapter()},
		tunnel.Sight{Stop: tunnel.AtAdapter, Bytes: inner})
}

func (r *road) outbound(inner []byte) {
	r.pass(false, tunnel.Sight{Stop: tunnel.AtAdapter, Bytes: inner}, tunnel.Sight{Stop: tunnel.AtQueue, Bytes: inner, Turn: 1, Batch: 1},
		tunnel.Sight{Stop: tunnel.AtRoute, Bytes: inner, To: toPhone()}, tunnel.Sight{Stop: tunnel.AtSeal, Bytes: sealed, Peer: phone},
		tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed})
}

// served is an API, and who asks may do everything.
func served(a *api.API) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Handler().ServeHTTP(w, r.WithContext(api.As(r.Context(), api.Caller{Name: "anna", Scope: api.Administer})))
	}))
}

// ask has a road traced while passing, and returns the packets as text.
func ask(t *testing.T, query string, passing func(r *road)) (text string, end End) {
	t.Helper()
	var r road
	a := api.New(api.Options{})
	Add(a, watch.New(&r.Watched), "tun0", filter.IP)
	s := served(a)
	defer s.Close()
	ctx, enough := context.WithCancel(t.Context())
	defer enough()
	req, _ := http.NewRequestWithContext(ctx, "GET", s.URL+Path+"?"+query, nil)
	answer, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		body, _ := io.ReadAll(answer.Body)
		return string(body), End{}
	}
	passing(&r)
	var b []byte
	end, err = Read(answer.Body, func(p *Packet) error { b = p.Append(b); return nil })
	if err != nil {
		t.Errorf("reading: %v", err)
	}
	return string(b), end
}

func TestWholeWays(t *testing.T) {
	got, end := ask(t, "count=2", func(r *road) { r.outbound(echo); r.inbound(echo) })
	want := `03:04:05.000000  #1 outbound  10.8.0.6 → 10.8.0.1 ICMP EchoRequest
       0.0 µs  adapter     84 bytes  read from tun0
       1.5 µs  queue       84 bytes  number 1 of 1 that came at once
       3.0 µs  route       84 bytes  for pho\x1bne
       4.5 µs  seal       108 bytes  sealed for pho\x1bne
       6.0 µs  link       108 bytes  sent to 192.0.2.7:1194
03:04:05.000000  #2 inbound  10.8.0.6 → 10.8.0.1 ICMP EchoRequest
       0.0 µs  link       108 bytes  received from 192.0.2.7:1194
       1.5 µs  queue      108 bytes  number 2 of 3 that came at once
       3.0 µs  open        84 bytes  opened, from pho\x1bne
       4.5 µs  route       84 bytes  for tun0
       6.0 µs  adapter     84 bytes  written to tun0
`
	if got != want || end.Lost != 0 {
		t.Errorf("got\n%swant\n%s%d lost", got, want, end.Lost)
	}
}

// TestDropped: the last line has the reason, and the size that was known last.
func TestDropped(t *testing.T) {
	for want, stops := range map[string][]tunnel.Sight{
		"1.5 µs  route       84 bytes  dropped: no route\n": {{Stop: tunnel.AtAdapter, Bytes: echo}, {Stop: tunnel.AtRoute, Bytes: echo, To: new(tunnel.Receivers), Drop: tunnel.NoRoute}},
		"1.5 µs  open       108 bytes  dropped: replayed\n": {{Stop: tunnel.AtLink, Bytes: sealed, Inbound: true}, {Stop: tunnel.AtOpen, Peer: phone, Drop: tunnel.Replayed}},
		"3.0 µs  adapter     84 bytes  dropped: larger than the MTU: message too long\n": {{Stop: tunnel.AtLink, Bytes: sealed, Inbound: true},
			{Stop: tunnel.AtOpen, Bytes: echo, Peer: phone}, {Stop: tunnel.AtAdapter, Bytes: echo, Drop: tunnel.TooLarge, Err: syscall.EMSGSIZE}},
	} {
		got, _ := ask(t, "count=1", func(r *road) { r.pass(stops[0].Inbound, stops...) })
		if !strings.HasSuffix(got, want) {
			t.Errorf("got\n%swant the last line %s", got, want)
		}
	}
}

// TestDroppedByALine names what a line of a file drops.
func TestDroppedByALine(t *testing.T) {
	var r road
	w := newTracer(nil, "tun0", 0)
	defer watch.New(&r.Watched).Add(w)()
	r.pass(true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed}, tunnel.Sight{Stop: tunnel.AtOpen, Bytes: echo, Peer: phone},
		tunnel.Sight{Stop: tunnel.AtRoute, Bytes: echo, To: &tunnel.Receivers{Why: "line 3 of policy (deny ...)"}, Drop: tunnel.Denied})
	p := w.queue.Next(t.Context())[0]
	if got := p.Stops[2].Decision; got != "dropped: not allowed by the policy: line 3 of policy (deny ...)" || p.Dropped != "not allowed by the policy" {
		t.Errorf("%q, %q", got, p.Dropped)
	}
}

// TestOwnPackets: what the ends tell each other is named, where it has a name.
func TestOwnPackets(t *testing.T) {
	reset := []byte{wire.Head(wire.PControlHardResetClientV2, 0), 0}
	data := []byte{wire.Head(wire.PDataV2, 0), 0}
	got, _ := ask(t, "count=4", func(r *road) {
		r.pass(true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: reset}, tunnel.Sight{Stop: tunnel.AtControl, Bytes: reset})
		r.pass(true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: data}, tunnel.Sight{Stop: tunnel.AtOpen, Bytes: []byte{0x2a}}, tunnel.Sight{Stop: tunnel.AtControl, Bytes: []byte{0x2a}})
		r.pass(true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: data}, tunnel.Sight{Stop: tunnel.AtOpen}, tunnel.Sight{Stop: tunnel.AtControl})
		r.pass(false, tunnel.Sight{Stop: tunnel.AtControl, Bytes: reset}, tunnel.Sight{Stop: tunnel.AtLink, Bytes: reset})
	})
	for _, want := range []string{"#1 inbound  P_CONTROL_HARD_RESET_CLIENT_V2\n", "#2 inbound  keep-alive or exit notice\n", "waits for the rest", "#4 outbound  P_CONTROL_HARD_RESET_CLIENT_V2\n", "of this end itself\n"} {
		if !strings.Contains(got, want) {
			t.Errorf("got\n%swant %q in it", got, want)
		}
	}
}

// TestFilter: packets of other kinds are not told of, nor counted, nor those
// whose inside was never seen.
func TestFilter(t *testing.T) {
	udp := packettest.UDP("10.8.0.6:40000", "10.8.0.1:53", 4)
	got, _ := ask(t, "filter=udp+port+53&count=2", func(r *road) {
		r.outbound(echo)
		r.inbound(echo)
		r.pass(true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed}, tunnel.Sight{Stop: tunnel.AtOpen, Drop: tunnel.Forged})
		r.inbound(udp)
		r.outbound(udp)
		r.outbound(udp)
	})
	if strings.Count(got, "10.8.0.6:40000 → 10.8.0.1:53 UDP") != 2 || strings.Count(got, "#") != 2 {
		t.Errorf("got\n%s", got)
	}
}

func TestRefusals(t *testing.T) {
	for query, want := range map[string]string{"filter=hots": "no word of the filter's", "count=0": "count: expected", "count=x": "count: expected"} {
		if got, _ := ask(t, query, nil); !strings.Contains(got, want) {
			t.Errorf("%s: %q", query, got)
		}
	}
}

// TestSlowReader: what was lost is told at the end.
func TestSlowReader(t *testing.T) {
	tr := newTracer(nil, "tun0", 0)
	var r road
	defer watch.New(&r.Watched).Add(tr)()
	const passed = 20000
	for range passed {
		r.outbound(echo)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	tr.tell(ctx, w, 0, func(*Packet) {})
	told := 0
	end, err := Read(w.Body, func(*Packet) error { told++; return nil })
	if err != nil || end.Lost == 0 || told == 0 || uint64(told)+end.Lost != passed {
		t.Errorf("%d told, %d lost of %d; %v", told, end.Lost, passed, err)
	}
}

func TestReadFails(t *testing.T) {
	if _, err := Read(strings.NewReader(`{"packet":1}`+"\n"), func(*Packet) error { return nil }); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("without an end: %v", err)
	}
	full := errors.New("full")
	if _, err := Read(strings.NewReader(`{"packet":1}`), func(*Packet) error { return full }); !errors.Is(err, full) {
		t.Errorf("a full disk: %v", err)
	}
}

func TestSummary(t *testing.T) {
	for want, c := range map[string]struct {
		packet []byte
		link   filter.Link
	}{
		"10.8.0.6 → 10.8.0.1 ICMP EchoRequest":      {echo, filter.IP},
		"fd00:8::6 → fd00:8::1 ICMPv6 EchoRequest":  {packettest.Echo("fd00:8::6", "fd00:8::1", 104), filter.IP},
		"[fd00:8::6]:1 → [fd00:8::1]:2 TCP":         {packettest.TCP("[fd00:8::6]:1", "[fd00:8::1]:2", "S", 0), filter.IP},
		"02:00:00:00:00:01 → ff:ff:ff:ff:ff:ff ARP": {packettest.ARP("02:00:00:00:00:01", "10.8.0.6", "10.8.0.1"), filter.Ethernet},
		"10.8.0.6 → 10.8.0.1 ICMP EchoRequest ":     {packettest.Frame("02:00:00:00:00:01", "02:00:00:00:00:02", 7, echo), filter.Ethernet},
		"": {nil, filter.IP},
	} {
		if got := summary(c.packet, c.link); got != strings.TrimSpace(want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func FuzzSummary(f *testing.F) {
	f.Add(echo)
	f.Add(packettest.TCP("[fd00:8::6]:1", "[fd00:8::1]:2", "S", 0))
	f.Add(packettest.Frame("02:00:00:00:00:01", "02:00:00:00:00:02", 7, echo))
	f.Fuzz(func(t *testing.T, packet []byte) {
		before := bytes.Clone(packet)
		summary(packet, filter.IP)
		summary(packet, filter.Ethernet)
		if !bytes.Equal(packet, before) {
			t.Error("the packet was changed")
		}
	})
}
