package session

import (
	"container/heap"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	mrand "math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/session/negotiate"
	"culvert/session/wrap"
)

// path is what happens to packets between two ends, in virtual time.
type path struct {
	delay, jitter   time.Duration
	loss, duplicate float64
	mtu             int // drop longer packets; 0: none
}

// flight is a packet on its way.
type flight struct {
	at     time.Time
	to     *end
	packet []byte
	order  int
}

type flights []flight

func (f flights) Len() int { return len(f) }
func (f flights) Less(i, j int) bool {
	return f[i].at.Before(f[j].at) || f[i].at.Equal(f[j].at) && f[i].order < f[j].order
}
func (f flights) Swap(i, j int) { f[i], f[j] = f[j], f[i] }
func (f *flights) Push(x any)   { *f = append(*f, x.(flight)) }
func (f *flights) Pop() any {
	old := *f
	last := old[len(old)-1]
	*f = old[:len(old)-1]
	return last
}

// end is one side of a pair: a session and what it reported.
type end struct {
	*Session
	addr    netip.AddrPort
	events  []Event
	largest int // control packet sent
}

// pair is a client and a server over a path, run in virtual time by one
// goroutine.
type pair struct {
	t       testing.TB
	now     time.Time
	path    path
	rand    *mrand.Rand
	flights flights
	order   int

	greeter        *Greeter
	serverConfig   Config
	client, server *end
	// admit answers a Hello; nil admits with a fixed push.
	admit func(*Hello)
	// meddle, if any, may change an end before it sends.
	meddle func(*end)
	// tap, if any, sees every packet that is sent.
	tap func(from *end, packet []byte)
	// drop, if any, says which packets are lost beside what path loses.
	drop func(from *end, packet []byte) bool
	// packet, if any, gets what comes out of the tunnel.
	packet func(at *end, packet []byte)
}

var (
	clientAddr = netip.MustParseAddrPort("192.0.2.2:5000")
	serverAddr = netip.MustParseAddrPort("192.0.2.1:1194")
)

func newPair(t testing.TB, p path, tune func(client, server *Config, armour *wrap.Armour)) *pair {
	t.Helper()
	client, server := testConfig(t, false), testConfig(t, true)
	var armour wrap.Armour
	if tune != nil {
		tune(&client, &server, &armour)
	}
	sim := &pair{
		t: t, now: time.Unix(1_800_000_000, 0), path: p,
		rand:    mrand.New(mrand.NewPCG(1, 2)),
		greeter: NewGreeter(armour, Rate{}), serverConfig: server,
	}
	sim.client = &end{Session: NewClient(client, sim.now), addr: clientAddr}
	sim.server = &end{addr: serverAddr}
	t.Cleanup(func() {
		sim.client.Close()
		if sim.server.Session != nil {
			sim.server.Close()
		}
	})
	return sim
}

func testConfig(t testing.TB, server bool) Config {
	return Config{
		Server: server, TLS: testTLS(t, server), Wrapper: wrap.None{},
		Ciphers:  []string{"AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305"},
		Options:  negotiate.OptionsString(server, "tun", 1500, "UDPv4", ""),
		PeerInfo: negotiate.LocalPeerInfo("test", "linux", []string{"CHACHA20-POLY1305", "AES-256-GCM"}, 1600, nil),

		HandWindow: 60 * time.Second, TranWindow: time.Hour, TLSTimeout: time.Second,
		ReplayWindow: 64, ReplayTime: 15 * time.Second,
	}
}

// run works until done says so; it fails the test after limit of virtual time.
func (p *pair) run(limit time.Duration, done func() bool) {
	p.t.Helper()
	end := p.now.Add(limit)
	p.turn(p.client)
	p.turn(p.server)
	for !done() {
		next := p.next()
		if next.IsZero() || next.After(end) {
			p.t.Fatalf("not done after %v: client %q %v, server %v", limit, p.client.Stage(), p.client.Err(), p.server.err())
		}
		if next.After(p.now) {
			p.now = next
		}
		for len(p.flights) > 0 && !p.flights[0].at.After(p.now) {
			p.arrive(heap.Pop(&p.flights).(flight))
		}
		p.turn(p.client)
		p.turn(p.server)
	}
}

// pass lets time go by.
func (p *pair) pass(d time.Duration) {
	p.t.Helper()
	end, turns := p.now.Add(d), 0
	p.run(d, func() bool {
		if turns++; turns > 1_000_000 {
			p.t.Fatal("there is always something to do at once")
		}
		next := p.next()
		return next.IsZero() || next.After(end)
	})
	p.now = end
}

func (e *end) err() error {
	if e.Session == nil {
		return nil
	}
	return e.Err()
}

// next is when something happens next.
func (p *pair) next() time.Time {
	var first time.Time
	by := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if len(p.flights) > 0 {
		by(p.flights[0].at)
	}
	by(p.client.Deadline())
	if p.server.Session != nil {
		by(p.server.Deadline())
	}
	return first
}

// turn advances one end, acts on what it reports, as a tunnel does, and then sends
// what it has to say.
func (p *pair) turn(e *end) {
	if e.Session == nil {
		return
	}
	e.Advance(p.now)
	for events := e.Events(); len(events) > 0; events = e.Events() {
		for _, event := range events {
			e.events = append(e.events, event)
			if hello, ok := event.(*Hello); ok {
				p.decide(hello)
			}
		}
	}
	if p.meddle != nil {
		p.meddle(e)
	}
	emit := func(b []byte) {
		e.largest = max(e.largest, len(b))
		p.transmit(e, b)
	}
	e.Output(p.now, emit)
	e.Path.Output(p.now, emit)
	e.events = append(e.events, e.Events()...)
}

func (p *pair) decide(hello *Hello) {
	if p.admit != nil {
		p.admit(hello)
		return
	}
	p.admitHello(hello, []string{"ifconfig 10.8.0.2 255.255.255.0", "topology subnet"})
}

func (p *pair) admitHello(hello *Hello, options []string) {
	p.t.Helper()
	cipher, err := negotiate.ChooseCipher(p.serverConfig.Ciphers, "", hello.PeerInfo, hello.Options)
	if err != nil {
		p.t.Fatal(err)
	}
	if err := p.server.Admit(p.now, negotiate.ServerParams(cipher, 7, hello.PeerInfo), options); err != nil {
		p.t.Fatal(err)
	}
}

// transmit puts a packet on the path, or loses it.
func (p *pair) transmit(from *end, b []byte) {
	to := p.server
	if from == p.server {
		to = p.client
	}
	if p.tap != nil {
		p.tap(from, b)
	}
	if p.drop != nil && p.drop(from, b) {
		return
	}
	if p.path.mtu > 0 && len(b) > p.path.mtu || p.rand.Float64() < p.path.loss {
		return
	}
	copies := 1
	if p.rand.Float64() < p.path.duplicate {
		copies = 2
	}
	for range copies {
		delay := p.path.delay
		if p.path.jitter > 0 {
			delay += time.Duration(p.rand.Int64N(int64(p.path.jitter)))
		}
		p.order++
		heap.Push(&p.flights, flight{p.now.Add(delay), to, append([]byte(nil), b...), p.order})
	}
}

func (p *pair) arrive(f flight) {
	if f.to == p.server && p.server.Session == nil {
		p.greet(f.packet)
		return
	}
	if op := f.packet[0] >> 3; op == 6 || op == 9 {
		packet := buf.New(2000)
		packet.Set(f.packet)
		switch kind, err := f.to.data.Open(p.now, packet); {
		case err == nil && kind == KindExit:
			f.to.PeerExited()
		case err == nil && kind == KindPacket && p.packet != nil:
			p.packet(f.to, packet.Bytes())
		}
		return
	}
	_ = f.to.Input(p.now, f.packet) // lossy paths make stray packets
}

func (p *pair) greet(packet []byte) {
	reply, in, err := p.greeter.Greet(p.now, clientAddr, packet)
	if err != nil {
		return
	}
	if reply != nil {
		p.transmit(p.server, reply)
	}
	if in != nil {
		p.server.Session = Accept(p.serverConfig, in, p.now)
		if err := p.server.Input(p.now, packet); err != nil {
			p.t.Fatal(err)
		}
	}
}

func (p *pair) established() bool {
	return p.client.Established() && p.server.Session != nil && p.server.Established() && p.server.keys.active.sending
}

// exchange seals a packet at one end and opens it at the other.
func (p *pair) exchange(from, to *end) {
	p.t.Helper()
	packet := buf.New(1500)
	packet.Set([]byte("an IP packet"))
	if err := from.data.Seal(p.now, packet); err != nil {
		p.t.Fatal(err)
	}
	kind, err := to.data.Open(p.now, packet)
	if err != nil || kind != KindPacket || string(packet.Bytes()) != "an IP packet" {
		p.t.Fatalf("opened %v %q: %v", kind, packet.Bytes(), err)
	}
}

// testTLS is one side's TLS settings with a certificate of its own that the
// other takes unseen: who is who is not this package's affair.
func testTLS(t testing.TB, server bool) *tls.Config {
	t.Helper()
	if server {
		return namedTLS(t, "server", 0)
	}
	return namedTLS(t, "client", 0)
}

// namedTLS is testTLS with a certificate that is longer by padding.
func namedTLS(t testing.TB, name string, padding int) *tls.Config {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name, Organization: []string{strings.Repeat("x", padding)}},
		NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return &tls.Config{
		Certificates:           []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}},
		InsecureSkipVerify:     true,
		ClientAuth:             tls.RequireAnyClientCert,
		SessionTicketsDisabled: true, DynamicRecordSizingDisabled: true,
		MinVersion: tls.VersionTLS12,
	}
}
