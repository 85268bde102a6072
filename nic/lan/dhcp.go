package lan

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"culvert/nic/ether/datagram"
	"culvert/nic/frame"
)

// Ports of DHCP (RFC 2131 section 4.1).
const (
	portServer = 67
	portClient = 68
)

// Offered is what a DHCP server leased.
type Offered struct {
	Address netip.Prefix
	Router  netip.Addr // not valid: none
	DNS     []netip.Addr
	Domain  string
}

// Lease is an address that the segment's DHCP server gave to a station. It stays
// claimed and is renewed until Release, or until the server takes it away.
type Lease struct {
	Offered
	cancel context.CancelCauseFunc
	ended  chan struct{}
	lost   bool // set before ended is closed
}

// Wait returns when the lease has ended, by Release or because it is lost. If it is
// lost, the address must not be used any more.
func (l *Lease) Wait() (lost bool) {
	<-l.ended
	return l.lost
}

// Release gives the address back.
func (l *Lease) Release() {
	l.cancel(nil)
	<-l.ended
}

// ErrNoServer means that no DHCP server of the segment answered in time.
var ErrNoServer = errors.New("no DHCP server answered")

// ClientMAC returns the MAC under which to lease an address for a name: always the
// same one, locally administered, and different on every adapter.
func (s *Proxy) ClientMAC(name string) frame.MAC {
	sum := sha256.Sum256(append(s.MAC[:], name...))
	m := frame.MAC(sum[:6])
	m[0] = m[0]&^0x03 | 0x02
	return m
}

// exchange tells apart the answers to one station's questions.
type exchange struct {
	id  dhcpv4.TransactionID
	mac frame.MAC
}

// lessee is a station that asks for an address (RFC 2131 section 4.4).
type lessee struct {
	*Proxy
	exchange
	host    string
	answers chan answer
	server  answer // that leased the address
}

// answer is a server's message and the MAC it came from.
type answer struct {
	*dhcpv4.DHCPv4
	from frame.MAC
}

// Lease asks the segment's DHCP server for an address for a station, and gives host
// as the station's name. It waits for the address until ctx ends.
func (s *Proxy) Lease(ctx context.Context, mac frame.MAC, host string) (*Lease, error) {
	l := &lessee{Proxy: s, exchange: exchange{mac: mac}, host: hostName(host), answers: make(chan answer, 8)}
	for i := range l.id {
		l.id[i] = byte(rand.Uint32())
	}
	s.enter(l, true)
	keeping, cancel := context.WithCancelCause(context.Background())
	got, release, err := l.acquire(ctx, func() { cancel(ErrTaken) })
	if err != nil {
		cancel(nil)
		s.enter(l, false)
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	lease := &Lease{Offered: offered(got), cancel: cancel, ended: make(chan struct{})}
	go func() {
		defer close(lease.ended)
		lease.lost = l.keep(keeping, got)
		release()
		s.enter(l, false)
		cancel(nil)
	}()
	return lease, nil
}

func (s *Proxy) enter(l *lessee, in bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if in {
		s.exchanges[l.exchange] = l
	} else {
		delete(s.exchanges, l.exchange)
	}
}

// dhcp gives a server's message to the station that it is for. It does not check
// the checksum, which may not be filled in yet if the server is on this machine.
func (s *Proxy) dhcp(h frame.Header, packet []byte) {
	d, ok := datagram.Read(packet)
	if !ok || d.Src.Port() != portServer || d.Dst.Port() != portClient {
		return
	}
	m, err := dhcpv4.FromBytes(d.Payload)
	if err != nil || m.OpCode != dhcpv4.OpcodeBootReply || len(m.ClientHWAddr) != len(frame.MAC{}) {
		return
	}
	s.mu.RLock()
	l := s.exchanges[exchange{m.TransactionID, frame.MAC(m.ClientHWAddr)}]
	s.mu.RUnlock()
	if l == nil {
		return
	}
	select {
	case l.answers <- answer{m, h.Src}:
	default: // more than anyone waits for
	}
}

// Times between repetitions (RFC 2131 section 4.1).
const (
	firstWait = 2 * time.Second
	lastWait  = 64 * time.Second
)

// acquire goes from INIT to BOUND, with the address claimed. If that fails at the
// last step, it asks again after a while.
func (l *lessee) acquire(ctx context.Context, lost func()) (got *dhcpv4.DHCPv4, release func(), err error) {
	for {
		if refused := l.cooled(ctx, l.mac); refused != nil {
			return nil, nil, refused
		}
		offer, err := l.ask(ctx, l.discover(), frame.Broadcast, dhcpv4.MessageTypeOffer)
		if err != nil {
			if !errors.Is(err, ErrNoServer) {
				l.useless(err)
			}
			return nil, nil, err
		}
		got, err := l.ask(ctx, l.request(offer), frame.Broadcast, dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak)
		if err != nil {
			return nil, nil, err
		}
		if release, err = l.accept(ctx, got, lost); err == nil {
			l.accepted(l.mac)
			return got.DHCPv4, release, nil
		}
		l.useless(err)
	}
}

// ask sends a message again and again until an answer of one of the kinds comes, or
// ctx ends. If ctx ends, the error says what was wrong with the answers so far.
func (l *lessee) ask(ctx context.Context, m *dhcpv4.DHCPv4, to frame.MAC, kinds ...dhcpv4.MessageType) (a answer, err error) {
	wrong := ErrNoServer
	for wait := firstWait; ; wait = min(2*wait, lastWait) {
		if err := l.send(m, to); err != nil {
			return answer{}, err
		}
		a, err := l.await(ctx, wait, kinds)
		if err == nil {
			return a, nil
		}
		if !errors.Is(err, ErrNoServer) {
			wrong = err
		}
		if ctx.Err() != nil {
			return answer{}, wrong
		}
	}
}

func (l *lessee) await(ctx context.Context, wait time.Duration, kinds []dhcpv4.MessageType) (answer, error) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	wrong := ErrNoServer
	for {
		select {
		case a := <-l.answers:
			if !slices.Contains(kinds, a.MessageType()) {
				continue
			}
			if a.MessageType() != dhcpv4.MessageTypeOffer {
				return a, nil
			}
			if wrong = l.fitting(a.DHCPv4); wrong == nil {
				return a, nil
			}
		case <-timer.C:
			return answer{}, wrong
		case <-ctx.Done():
			return answer{}, wrong
		}
	}
}

func (l *lessee) send(m *dhcpv4.DHCPv4, to frame.MAC) error {
	d := datagram.Datagram{
		Src:     netip.AddrPortFrom(netip.IPv4Unspecified(), portClient),
		Dst:     netip.AddrPortFrom(netip.AddrFrom4([4]byte{255, 255, 255, 255}), portServer),
		Payload: m.ToBytes(),
	}
	if to != frame.Broadcast {
		d.Src = netip.AddrPortFrom(address(m.ClientIPAddr), portClient)
		d.Dst = netip.AddrPortFrom(address(l.server.ServerIdentifier()), portServer)
	}
	return l.port.Send(d.Append(nil, l.MAC, to))
}

func (l *lessee) message(kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	m := &dhcpv4.DHCPv4{OpCode: dhcpv4.OpcodeBootRequest, HWType: 1, TransactionID: l.id, ClientHWAddr: l.mac[:], Options: dhcpv4.Options{}}
	m.SetBroadcast() // this host does not receive frames for the station's own MAC
	m.UpdateOption(dhcpv4.OptMessageType(kind))
	m.UpdateOption(dhcpv4.OptClientIdentifier(append([]byte{1}, l.mac[:]...)))
	if l.host != "" {
		m.UpdateOption(dhcpv4.OptHostName(l.host))
	}
	m.UpdateOption(dhcpv4.OptParameterRequestList(dhcpv4.OptionSubnetMask, dhcpv4.OptionRouter,
		dhcpv4.OptionDomainNameServer, dhcpv4.OptionDomainName))
	return m
}

func (l *lessee) discover() *dhcpv4.DHCPv4 { return l.message(dhcpv4.MessageTypeDiscover) }

func (l *lessee) request(offer answer) *dhcpv4.DHCPv4 {
	m := l.message(dhcpv4.MessageTypeRequest)
	m.UpdateOption(dhcpv4.OptRequestedIPAddress(offer.YourIPAddr))
	m.UpdateOption(dhcpv4.OptServerIdentifier(offer.ServerIdentifier()))
	return m
}

// renewal makes the request for renewing and rebinding: there the address is in its
// own field of the header.
func (l *lessee) renewal(kind dhcpv4.MessageType) *dhcpv4.DHCPv4 {
	m := l.message(kind)
	m.ClientIPAddr = l.server.YourIPAddr
	return m
}

// keep renews a lease until ctx ends or the lease is lost. When ctx ends it gives
// the lease back. If another station uses the address it declines the lease, which
// is then lost, too.
func (l *lessee) keep(ctx context.Context, got *dhcpv4.DHCPv4) (lost bool) {
	for {
		term := got.IPAddressLeaseTime(0)
		slept := sleep(ctx, term/2)
		var renewed answer
		var err error
		if slept {
			renewed, err = l.renew(ctx, term)
		}
		switch {
		case errors.Is(context.Cause(ctx), ErrTaken):
			l.decline(l.server)
			return true
		case ctx.Err() != nil:
			l.giveBack()
			return false
		case err != nil:
			l.log.Warn("a client's lease on the segment ended, and was not renewed", "address", l.server.YourIPAddr, "interface", l.Name, "error", err)
			return true
		case renewed.MessageType() == dhcpv4.MessageTypeNak || !renewed.YourIPAddr.Equal(l.server.YourIPAddr):
			l.log.Warn("the segment's DHCP server took a client's address away", "address", l.server.YourIPAddr, "interface", l.Name)
			return true
		case renewed.IPAddressLeaseTime(0) < minLease:
			l.log.Warn("the segment's DHCP server renewed a client's lease for too short a time", "address", l.server.YourIPAddr,
				"interface", l.Name, "lease", renewed.IPAddressLeaseTime(0), "least", minLease)
			return true
		}
		l.server, got = renewed, renewed.DHCPv4
	}
}

// renew asks the server that leased the address (from T1), then any (from T2),
// until the lease ends.
func (l *lessee) renew(ctx context.Context, term time.Duration) (answer, error) {
	kinds := []dhcpv4.MessageType{dhcpv4.MessageTypeAck, dhcpv4.MessageTypeNak}
	renewing, stop := context.WithTimeout(ctx, term*3/8)
	defer stop()
	a, err := l.ask(renewing, l.renewal(dhcpv4.MessageTypeRequest), l.server.from, kinds...)
	if err == nil || ctx.Err() != nil {
		return a, err
	}
	rebinding, stop := context.WithTimeout(ctx, term/8)
	defer stop()
	return l.ask(rebinding, l.renewal(dhcpv4.MessageTypeRequest), frame.Broadcast, kinds...)
}

// giveBack sends a release once; it gets no answer (RFC 2131 section 4.4.6).
func (l *lessee) giveBack() {
	m := l.renewal(dhcpv4.MessageTypeRelease)
	m.UpdateOption(dhcpv4.OptServerIdentifier(l.server.ServerIdentifier()))
	if err := l.send(m, l.server.from); err != nil && !closed(err) {
		l.log.Debug("a lease was not given back", "interface", l.Name, "error", err)
	}
}

// decline tells a server that another station has the address it gave (RFC 2131
// sections 3.1 and 4.4.4).
func (l *lessee) decline(given answer) {
	m := l.request(given)
	m.UpdateOption(dhcpv4.OptMessageType(dhcpv4.MessageTypeDecline))
	m.Options.Del(dhcpv4.OptionHostName)
	m.Options.Del(dhcpv4.OptionParameterRequestList)
	if err := l.send(m, frame.Broadcast); err != nil && !closed(err) {
		l.log.Debug("a lease was not declined", "interface", l.Name, "error", err)
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
