package capture

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket"
	"github.com/gopacket/gopacket/layers"
	"github.com/gopacket/gopacket/pcapgo"

	"culvert/internal/buf"
	"culvert/link"
	"culvert/operate/backend/watch"
	"culvert/operate/manage/api"
	"culvert/operate/manage/filter"
	"culvert/operate/manage/packettest"
	"culvert/tunnel"
)

var (
	here   = netip.MustParseAddrPort("198.51.100.1:1194")
	there  = netip.MustParseAddrPort("192.0.2.7:5000")
	phone  = &tunnel.Peer{Owner: named("phone")}
	echo   = packettest.Echo("10.8.0.6", "10.8.0.1", 84)
	sealed = []byte("sealed")
)

type named string

func (n named) PeerName() string { return string(n) }

// socket is a link of UDP, stream one of TCP.
type socket struct{ link.Link }

func (socket) LocalAddr() netip.AddrPort { return netip.MustParseAddrPort("[::]:1194") }

type stream struct{ socket }

func (stream) Stream() bool { return true }

// captured is one packet of a file, as far as it matters.
type captured struct {
	interfaceName, comment string
	inbound                bool
	bytes                  []byte
}

// served is an API, and who asks may do everything.
func served(a *api.API) *httptest.Server {
	return httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a.Handler().ServeHTTP(w, r.WithContext(api.As(r.Context(), api.Caller{Name: "anna", Scope: api.Administer})))
	}))
}

// run captures while a test makes packets pass, count of them.
func run(t *testing.T, query string, passing func(*tunnel.Watched)) (packets []captured, answer *http.Response) {
	t.Helper()
	var road tunnel.Watched
	a := api.New(api.Options{})
	Add(a, Road(watch.New(&road), "server", "tun0", filter.IP))
	s := served(a)
	defer s.Close()
	answer, err := http.Get(s.URL + Path + "?" + query)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	passing(&road)
	file, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return read(t, file), answer
}

func read(t *testing.T, file []byte) (packets []captured) {
	t.Helper()
	r, err := pcapgo.NewNgReader(bytes.NewReader(file), pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for {
		b, ci, o, err := r.ReadPacketDataWithOptions()
		if errors.Is(err, io.EOF) {
			return packets
		}
		if err != nil {
			t.Fatal(err)
		}
		i, _ := r.Interface(ci.InterfaceIndex)
		packets = append(packets, captured{i.Name, strings.Join(o.Comments, "|"), o.Flags.Direction == pcapgo.NgEpbFlagDirectionInbound, b})
	}
}

func pass(road *tunnel.Watched, inbound bool, stops ...tunnel.Sight) {
	p := buf.New(2000)
	p.Path = buf.Path{Remote: there, Local: here.Addr()}
	for i, s := range append(stops, tunnel.Sight{Stop: tunnel.AtEnd}) {
		if i == 0 || p.Note != nil {
			s.Inbound, s.Packet, s.Time = inbound, p, time.Now()
			(*road.Load()).See(&s)
		}
	}
}

func inbound(road *tunnel.Watched, l link.Link) {
	pass(road, true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed, Link: l}, tunnel.Sight{Stop: tunnel.AtOpen, Bytes: echo, Peer: phone},
		tunnel.Sight{Stop: tunnel.AtAdapter, Bytes: echo})
}

func outbound(road *tunnel.Watched, l link.Link) {
	pass(road, false, tunnel.Sight{Stop: tunnel.AtAdapter, Bytes: echo}, tunnel.Sight{Stop: tunnel.AtSeal, Bytes: sealed, Peer: phone},
		tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed, Link: l})
}

func TestAtTheAdapter(t *testing.T) {
	got, answer := run(t, "at=nic&filter=icmp&count=3", func(road *tunnel.Watched) {
		inbound(road, socket{})
		pass(road, false, tunnel.Sight{Stop: tunnel.AtAdapter, Bytes: packettest.UDP("10.8.0.6:1", "10.8.0.1:2", 3)})
		outbound(road, socket{})
		pass(road, true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed, Link: socket{}}, tunnel.Sight{Stop: tunnel.AtOpen, Drop: tunnel.Forged}) // never there
		pass(road, false, tunnel.Sight{Stop: tunnel.AtAdapter, Bytes: echo}, tunnel.Sight{Stop: tunnel.AtRoute, Drop: tunnel.NoRoute, To: new(tunnel.Receivers)})
	})
	want := []captured{{"tun0", "from phone", true, echo}, {"tun0", "to phone", false, echo}, {"tun0", "dropped at route: no route", false, echo}}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got %v\nwant %v", got, want)
	}
	if answer.Trailer.Get(PacketsField) != "3" || answer.Trailer.Get(LostField) != "0" {
		t.Errorf("trailers %v", answer.Trailer)
	}
}

// dissected is a packet of the link as text.
func dissected(b []byte) string {
	p := gopacket.NewPacket(b, map[byte]gopacket.LayerType{4: layers.LayerTypeIPv4, 6: layers.LayerTypeIPv6}[b[0]>>4], gopacket.Default)
	src, dst := p.NetworkLayer().NetworkFlow().Endpoints()
	from, to := p.TransportLayer().TransportFlow().Endpoints()
	text := fmt.Sprintf("%v:%v %v:%v %q", src, from, dst, to, p.ApplicationLayer().Payload())
	p.TransportLayer().(transport).SetNetworkLayerForChecksum(p.NetworkLayer())
	if tcp, ok := p.TransportLayer().(*layers.TCP); ok {
		text += fmt.Sprintf(" %d %d", tcp.Seq, tcp.Ack)
	}
	if err, broken := p.VerifyChecksums(); err != nil || len(broken) > 0 {
		text += " bad checksums"
	}
	return text
}

func TestAtTheLink(t *testing.T) {
	got, _ := run(t, "at=link&count=5", func(road *tunnel.Watched) {
		inbound(road, socket{})
		outbound(road, socket{})
		pass(road, true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed, Link: socket{}}, tunnel.Sight{Stop: tunnel.AtOpen, Drop: tunnel.Replayed, Peer: phone})
		pass(road, false, tunnel.Sight{Stop: tunnel.AtControl, Bytes: sealed}, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed, Link: socket{}})
		// On to another client: there and back.
		pass(road, true, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed, Link: socket{}}, tunnel.Sight{Stop: tunnel.AtOpen, Bytes: echo, Peer: phone},
			tunnel.Sight{Stop: tunnel.AtSeal, Bytes: sealed, Peer: &tunnel.Peer{Owner: named("laptop")}}, tunnel.Sight{Stop: tunnel.AtLink, Bytes: sealed, Link: socket{}})
	})
	const in, out = `192.0.2.7:5000 198.51.100.1:1194 "sealed"`, `198.51.100.1:1194 192.0.2.7:5000 "sealed"`
	want := [][2]string{{in, "from phone"}, {out, "to phone"}, {in, "from phone; dropped at open: replayed"}, {out, "of the session itself"}, {in, "from phone"}}
	for i, p := range got {
		if d := dissected(p.bytes); p.interfaceName != "link" || d != want[i][0] || p.comment != want[i][1] || p.inbound != (want[i][0] == in) {
			t.Errorf("packet %d: %s %s, inbound %v, %q; want %v", i, p.interfaceName, d, p.inbound, p.comment, want[i])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d packets", len(got))
	}
}

// TestStreams: packets over TCP make two streams without a gap, each with its
// length before it.
func TestStreams(t *testing.T) {
	got, _ := run(t, "at=link&count=3&filter=tcp+port+5000", func(road *tunnel.Watched) {
		inbound(road, stream{})
		inbound(road, socket{})
		outbound(road, stream{})
		inbound(road, stream{})
	})
	want := []string{`192.0.2.7:5000 198.51.100.1:1194 "\x00\x06sealed" 1 1`, `198.51.100.1:1194 192.0.2.7:5000 "\x00\x06sealed" 1 9`, `192.0.2.7:5000 198.51.100.1:1194 "\x00\x06sealed" 9 9`}
	for i, p := range got {
		if d := dissected(p.bytes); d != want[i] {
			t.Errorf("packet %d: %s, want %s", i, d, want[i])
		}
	}
}

func TestOuterIPv6(t *testing.T) {
	o := outer{src: netip.MustParseAddrPort("[2001:db8::1]:5000"), dst: netip.MustParseAddrPort("[2001:db8::2]:1194")}
	if d := dissected(o.packet(sealed, new(streams))); d != `2001:db8::1:5000 2001:db8::2:1194 "sealed"` {
		t.Error(d)
	}
}

func TestRefusals(t *testing.T) {
	a := api.New(api.Options{})
	Add(a, Road(watch.New(new(tunnel.Watched)), "server", "tun0", filter.IP))
	s := served(a)
	defer s.Close()
	for query, want := range map[string]string{"at=wall": "at nic or link", "at=nic&filter=hots": "no word of the filter's", "at=link&count=0": "number >= 1"} {
		answer, err := http.Get(s.URL + Path + "?" + query)
		if err != nil {
			t.Fatal(err)
		}
		text, _ := io.ReadAll(answer.Body)
		answer.Body.Close()
		if answer.StatusCode/100 != 4 || !strings.Contains(string(text), want) {
			t.Errorf("%s: %s %q", query, answer.Status, text)
		}
	}
}

// TestSlowReader: what was lost is in the file too.
func TestSlowReader(t *testing.T) {
	s := &Source{Name: "x", Open: nil}
	var q watch.Queue[Record]
	for range 20 {
		q.Push(Record{Time: time.Now(), Bytes: echo}, 1<<20)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	if n, err := s.write(ctx, w, &q, "", 0); n != 8 || err != nil {
		t.Errorf("%d packets, %v", n, err)
	}
	r, err := pcapgo.NewNgReader(w.Body, pcapgo.DefaultNgReaderOptions)
	if err != nil {
		t.Fatal(err)
	}
	for err == nil {
		_, _, err = r.ReadPacketData()
	}
	i, err := r.Interface(0)
	if err != nil || i.Statistics.PacketsDropped != 12 || i.Statistics.PacketsReceived != 20 {
		t.Errorf("%+v, %v", i.Statistics, err)
	}
}
