package lease

import (
	"context"
	"log/slog"
	"strings"
	"sync"
	"time"

	"culvert/nic/lan"
)

// guests leases to clients the addresses that the LAN's DHCP server gives them, each
// under a name and a MAC address of its own (`proxy-lan` without a pool). It is a
// lessor.
type guests struct {
	// dhcp asks the LAN's DHCP server for an address for a name.
	dhcp func(ctx context.Context, name string) (*granted, error)
	log  *slog.Logger

	mu     sync.Mutex
	byName map[string]*guest
}

// guest is a client as the LAN's DHCP server knows it. It outlives the client's
// session if another client of the same name takes its place.
type guest struct {
	name  string
	users map[*Holder]bool
	lease *granted      // nil before there is one
	err   error         // why there is none
	asked chan struct{} // closed when lease or err is set
}

// granted is a lease of the LAN's DHCP server, which is renewed until release. wait
// returns when it has ended, and reports whether it was lost.
type granted struct {
	lan.Offered
	release func()
	wait    func() (lost bool)
}

func newGuests(on *proxy) *guests {
	return &guests{dhcp: on.dhcp, log: on.log, byName: make(map[string]*guest)}
}

// leaseTimeout is how long a client waits for the LAN's DHCP server.
const leaseTimeout = 20 * time.Second

// ask makes a client a user of the guest of its name, and asks for an address for it
// if it has none.
func (g *guests) ask(h *Holder) <-chan struct{} {
	g.mu.Lock()
	defer g.mu.Unlock()
	name := h.host()
	one := g.byName[name]
	if one == nil {
		one = &guest{name: name, users: make(map[*Holder]bool), asked: make(chan struct{})}
		g.byName[name] = one
		go g.keep(one)
	}
	one.users[h] = true
	h.guest = one
	return one.asked
}

// keep gets a guest its lease, and ends its clients' sessions if that is lost.
func (g *guests) keep(one *guest) {
	ctx, stop := context.WithTimeout(context.Background(), leaseTimeout)
	defer stop()
	lease, err := g.dhcp(ctx, one.name)
	g.mu.Lock()
	one.lease, one.err = lease, err
	abandoned := len(one.users) == 0
	if err != nil && g.byName[one.name] == one {
		delete(g.byName, one.name) // the next client asks again
	}
	g.mu.Unlock()
	close(one.asked)
	switch {
	case err != nil:
		g.log.Warn("no address for a client", "client", one.name, "error", err)
	case abandoned:
		lease.release()
	default:
		g.log.Info("the segment's DHCP server leased an address to a client", "client", one.name, "address", lease.Address)
		if lease.wait() {
			g.lost(one)
		}
	}
}

// lost makes a guest's clients connect again.
func (g *guests) lost(one *guest) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byName[one.name] == one {
		delete(g.byName, one.name)
	}
	connectAnew(one.users)
}

// connectAnew makes clients come back for another address.
func connectAnew(users map[*Holder]bool) {
	for h := range users {
		h.Lost()
	}
}

// take implements lessor.
func (g *guests) take(h *Holder) (*Lease, error) {
	if h.guest.err != nil {
		return nil, h.guest.err
	}
	return &Lease{IPv4: h.guest.lease.Address.Addr(), index: noIndex}, nil
}

// giveBack implements lessor: the last client of a name gives the address back to the
// DHCP server.
func (g *guests) giveBack(h *Holder) {
	one := h.guest
	if one == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(one.users, h)
	if len(one.users) == 0 && g.byName[one.name] == one {
		delete(g.byName, one.name)
		if one.lease != nil {
			one.lease.release()
		}
	}
}

// push implements lessor: it returns what the LAN's DHCP server says about names.
func (g *guests) push(h *Holder) (options []string) {
	lease := h.guest.lease
	for _, a := range lease.DNS {
		options = append(options, "dhcp-option DNS "+a.String())
	}
	if lease.Domain != "" && !strings.ContainsAny(lease.Domain, " ,\"\\\t\r\n") {
		options = append(options, "dhcp-option DOMAIN "+lease.Domain)
	}
	return options
}

// end gives back every lease.
func (g *guests) end() {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, one := range g.byName {
		if one.lease != nil {
			one.lease.release()
		}
	}
	clear(g.byName)
}
