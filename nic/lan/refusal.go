package lan

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/insomniacslk/dhcp/dhcpv4"

	"culvert/nic/frame"
)

// minLease is the shortest lease that is accepted. With a shorter one each client
// would make us ask the segment every few seconds.
const minLease = 30 * time.Second

// accept claims what a server has acknowledged. An error says why it cannot be
// used. If that is because of the address, accept also tells the server.
func (l *lessee) accept(ctx context.Context, got answer, lost func()) (release func(), err error) {
	if got.MessageType() == dhcpv4.MessageTypeNak {
		return nil, errors.New("the DHCP server refused what it had offered")
	}
	if err := l.fitting(got.DHCPv4); err != nil {
		return nil, err
	}
	release, err = l.Claim(ctx, address(got.YourIPAddr), lost)
	if errors.Is(err, ErrTaken) {
		l.decline(got)
	}
	if err == nil {
		l.server = got
	}
	return release, err
}

// fitting returns why a client cannot use an offer or an acknowledgement.
func (l *lessee) fitting(m *dhcpv4.DHCPv4) error {
	given, term := offered(m), m.IPAddressLeaseTime(0)
	a := given.Address.Addr()
	switch {
	case !given.Address.IsValid():
		return errors.New("the DHCP server gives no address, or none with a netmask")
	case m.ServerIdentifier() == nil:
		return errors.New("the DHCP server does not say who it is")
	case term < minLease:
		return fmt.Errorf("the DHCP server leases %v for %v: less than %v cannot be kept up; give it a longer lease time", a, term, minLease)
	case a == address(m.ServerIdentifier()):
		return fmt.Errorf("the DHCP server offers its own address, %v", a)
	}
	for _, r := range m.Router() {
		if a == address(r) {
			return fmt.Errorf("the DHCP server offers the address of the router, %v", a)
		}
	}
	if l.has(a) {
		return fmt.Errorf("the DHCP server offers %v, which is another client's: %w", a, ErrTaken)
	}
	if err := l.fit(a); err != nil {
		return fmt.Errorf("the DHCP server offers what no client can use: %w", err)
	}
	return nil
}

// refusal counts how often in a row a station got no lease, though there is a
// server.
type refusal struct {
	count int
	until time.Time // when to ask again
	err   error     // the last time
}

// Times until we ask again after a refusal: the repetitions of RFC 2131 section
// 4.1, give or take a second, and at least what section 3.1 asks for after a
// conflict.
const (
	firstRetry   = 4 * time.Second
	lastRetry    = 64 * time.Second
	declineRetry = 10 * time.Second
)

// useless notes an offer or lease that a station cannot use.
func (l *lessee) useless(err error) {
	if l.refused(l.mac, err, time.Now()) {
		l.log.Warn("the segment's DHCP server offers nothing that a client can use; it is asked again, less and less often", "interface", l.Name, "error", err)
	}
}

// refused makes a station wait before it asks again, also for another lease. It
// reports whether the refusal is news.
func (s *Proxy) refused(mac frame.MAC, err error, now time.Time) (news bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for m, r := range s.refusals {
		if now.Sub(r.until) > lastRetry {
			delete(s.refusals, m)
		}
	}
	r := s.refusals[mac]
	if r == nil {
		r = new(refusal)
		s.refusals[mac] = r
	}
	wait := min(firstRetry<<min(r.count, 8), lastRetry)
	if errors.Is(err, ErrTaken) {
		wait = max(wait, declineRetry)
	}
	r.count++
	r.err, r.until = err, now.Add(wait+rand.N(2*time.Second)-time.Second)
	return r.count == 1
}

// accepted ends the waiting.
func (s *Proxy) accepted(mac frame.MAC) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.refusals, mac)
}

// cooled waits until a station may ask. If ctx ends before that, it returns why the
// station had to wait.
func (s *Proxy) cooled(ctx context.Context, mac frame.MAC) error {
	s.mu.RLock()
	r := s.refusals[mac]
	var until time.Time
	var err error
	if r != nil {
		until, err = r.until, r.err
	}
	s.mu.RUnlock()
	if sleep(ctx, time.Until(until)) {
		return nil
	}
	return err
}
