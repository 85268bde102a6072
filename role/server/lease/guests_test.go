package lease

import (
	"context"
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"culvert/nic/lan"
)

// dhcpServer leases one address to each name, or none.
type dhcpServer struct {
	delay    time.Duration
	err      error
	asked    int
	released []string
	lose     map[string]chan bool // true: lost, false: released
}

func (d *dhcpServer) grant(ctx context.Context, name string) (*granted, error) {
	d.asked++
	select {
	case <-time.After(d.delay):
	case <-ctx.Done():
		return nil, lan.ErrNoServer
	}
	if d.err != nil {
		return nil, d.err
	}
	over := make(chan bool, 1)
	d.lose[name] = over
	offered := lan.Offered{Address: netip.MustParsePrefix("192.0.2.150/24"), DNS: []netip.Addr{addr("192.0.2.53")}, Domain: "home.example"}
	return &granted{Offered: offered,
		release: func() { d.released = append(d.released, name); over <- false },
		wait:    func() bool { return <-over }}, nil
}

// onDHCP is a book whose addresses are a DHCP server's.
func onDHCP(t *testing.T) (*Book, *dhcpServer) {
	t.Helper()
	book, _ := onCrowded(t)
	server := &dhcpServer{delay: time.Second, lose: make(map[string]chan bool)}
	book.lessor = &guests{dhcp: server.grant, log: slog.New(slog.DiscardHandler), byName: make(map[string]*guest)}
	return book, server
}

// TestGuest: an address of the DHCP server's is waited for, shared by who takes its
// holder's place, and given back by the last.
func TestGuest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, server := onDHCP(t)
		before, after := &Holder{Name: "phone", Unique: true}, &Holder{Name: "phone", Unique: true}
		began := time.Now()
		<-book.Ask(before)
		if took := time.Since(began); took != time.Second {
			t.Errorf("answered after %v", took)
		}
		<-book.Ask(after)
		for _, h := range []*Holder{before, after} {
			if err := book.Lease(t.Context(), h); err != nil || h.Lease.IPv4 != addr("192.0.2.150") {
				t.Fatalf("%+v, %v", h.Lease, err)
			}
		}
		want := []string{"dhcp-option DNS 192.0.2.53", "dhcp-option DOMAIN home.example", "route-gateway 192.0.2.2", "topology subnet"}
		if got := book.Push(after, false, nil); !slices.Equal(got, want) {
			t.Errorf("told %q", got)
		}
		if got := book.Push(after, false, []string{"dhcp-option DNS 10.0.0.1"}); !slices.Equal(got, want[2:]) {
			t.Errorf("told %q beside names of the configuration", got)
		}
		book.Return(before)
		if len(server.released) > 0 || server.asked != 1 {
			t.Errorf("asked %d times, released %q", server.asked, server.released)
		}
		book.Return(after)
		book.Return(after)
		if !slices.Equal(server.released, []string{"phone"}) {
			t.Errorf("released %q", server.released)
		}
	})
}

// TestNoDHCPServer: a client is refused, and the next one of its name asks again.
func TestNoDHCPServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, server := onDHCP(t)
		server.delay = time.Hour
		h := &Holder{Name: "phone", Number: 1}
		began := time.Now()
		<-book.Ask(h)
		if took := time.Since(began); took != leaseTimeout {
			t.Errorf("given up after %v", took)
		}
		if err := book.Lease(t.Context(), h); err == nil || h.Lease != nil {
			t.Errorf("leased %+v, %v", h.Lease, err)
		}
		book.Return(h)
		server.delay = 0
		again := &Holder{Name: "phone", Number: 1}
		<-book.Ask(again)
		if err := book.Lease(t.Context(), again); err != nil || server.asked != 2 {
			t.Errorf("%v, asked %d times", err, server.asked)
		}
		book.Return(again)
	})
}

// TestGuestLeavesWhileAsking: nobody is left to have the address, so it goes back.
func TestGuestLeavesWhileAsking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, server := onDHCP(t)
		h := &Holder{Name: "phone", Unique: true}
		answered := book.Ask(h)
		book.Return(h)
		<-answered
		synctest.Wait()
		if len(server.released) != 1 {
			t.Errorf("released %q", server.released)
		}
	})
}

// TestGuestLosesItsLease: its clients are to connect anew, and the next asks again.
func TestGuestLosesItsLease(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, server := onDHCP(t)
		lost := 0
		h := &Holder{Name: "phone", Unique: true, Lost: func() { lost++ }}
		<-book.Ask(h)
		if err := book.Lease(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		server.lose["phone"] <- true
		synctest.Wait()
		if lost != 1 {
			t.Errorf("told %d times", lost)
		}
		next := &Holder{Name: "phone", Unique: true}
		<-book.Ask(next)
		if server.asked != 2 {
			t.Errorf("asked %d times", server.asked)
		}
		book.Return(h)
		book.lessor.(*guests).end()
		if !slices.Equal(server.released, []string{"phone"}) {
			t.Errorf("released %q", server.released)
		}
	})
}
