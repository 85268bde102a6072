package lease

import (
	"errors"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/config"
)

// bookOf is a book of 10.8.0.0/24 and fd00:8::/64.
func bookOf(t *testing.T, change func(*config.Config)) *Book {
	t.Helper()
	c := &config.Config{
		Adapter: config.Adapter{Topology: config.TopologySubnet},
		Server:  config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), NetworkIPv6: netip.MustParsePrefix("fd00:8::/64")},
	}
	if change != nil {
		change(c)
	}
	b, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestOwnAddresses: a client has the addresses of its own file, nobody else is
// leased them, and it is told what the file says of them.
func TestOwnAddresses(t *testing.T) {
	b := bookOf(t, nil)
	h := &Holder{Name: "anna", Unique: true,
		IPv4: &config.Ifconfig{Local: addr("10.8.0.7"), Bits: 24}, IPv6: &config.IfconfigIPv6{Local: netip.MustParsePrefix("fd00:8::7/64")}}
	if err := b.Lease(t.Context(), h); err != nil || h.Lease.IPv4 != addr("10.8.0.7") || h.Lease.IPv6 != addr("fd00:8::7") {
		t.Fatalf("%+v, %v", h.Lease, err)
	}
	if got, want := b.Ifconfig(h), []string{"ifconfig 10.8.0.7 255.255.255.0", "ifconfig-ipv6 fd00:8::7/64 fd00:8::1"}; !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
	if got, want := b.Push(h, false, nil), []string{"route-gateway 10.8.0.1", "topology subnet"}; !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
	for n := range uint64(20) {
		other := &Holder{Name: "other", Number: n}
		if err := b.Lease(t.Context(), other); err != nil || other.Lease.IPv4 == h.Lease.IPv4 {
			t.Fatalf("%+v, %v", other.Lease, err)
		}
	}
	if b.Leased() != 21 || b.OnLAN() || b.Changed() != nil || b.Routes() != nil || b.Ask(h) != nil {
		t.Errorf("%d are leased, or a LAN is there", b.Leased())
	}
}

// TestOwnPeer: the other end that a client's own file names is told, too.
func TestOwnPeer(t *testing.T) {
	b := bookOf(t, nil)
	h := &Holder{IPv4: &config.Ifconfig{Local: addr("10.8.0.7"), Remote: addr("10.8.0.1")},
		IPv6: &config.IfconfigIPv6{Local: netip.MustParsePrefix("fd00:8::7/64"), Remote: addr("fd00:8::9")}}
	if err := b.Lease(t.Context(), h); err != nil {
		t.Fatal(err)
	}
	if got, want := b.Ifconfig(h), []string{"ifconfig 10.8.0.7 10.8.0.1", "ifconfig-ipv6 fd00:8::7/64 fd00:8::9"}; !slices.Equal(got, want) {
		t.Errorf("told %q", got)
	}
}

// TestNamesAreRemembered only where no two clients can have one, over a restart.
func TestNamesAreRemembered(t *testing.T) {
	persist := filepath.Join(t.TempDir(), "ipp.txt")
	kept := func(c *config.Config) {
		c.Server.PoolPersist, c.Server.PoolPersistInterval = persist, time.Minute
	}
	b := bookOf(t, kept)
	b.Load()
	for _, h := range []*Holder{{Name: "carl"}, {Name: "anna", Unique: true}, {Name: "bert", Unique: true}} {
		if err := b.Lease(t.Context(), h); err != nil {
			t.Fatal(err)
		}
		b.Return(h)
	}
	b.Close()
	b = bookOf(t, kept)
	b.Load()
	defer b.Close()
	h := &Holder{Name: "bert", Unique: true}
	if err := b.Lease(t.Context(), h); err != nil || h.Lease.IPv4 != addr("10.8.0.4") {
		t.Errorf("%+v, %v", h.Lease, err)
	}
	if text, _ := b.pool.dump(); strings.Contains(string(text), "carl") || !strings.Contains(string(text), "anna") {
		t.Errorf("the book has %q", text)
	}
}

// TestNoPoolSaysSo: without a pool only addresses of one's own are leased.
func TestNoPoolSaysSo(t *testing.T) {
	c := &config.Config{Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), NoPool: true, ClientConfigDir: "ccd"}}
	b, err := New(c, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	anna := &Holder{Name: "anna", Unique: true, IPv4: &config.Ifconfig{Local: addr("10.8.0.7")}}
	if err := b.Lease(t.Context(), anna); err != nil || anna.Lease.IPv6.IsValid() {
		t.Errorf("%+v, %v", anna.Lease, err)
	}
	bert := &Holder{Name: "bert", Unique: true}
	if err := b.Lease(t.Context(), bert); !errors.Is(err, ErrNoLease) || !strings.Contains(err.Error(), "no ifconfig-push for this client") {
		t.Errorf("%v", err)
	}
	c.Server.ClientConfigDir = "" // as with OpenVPN, programs may give addresses
	if _, err := New(c, nil); err != nil {
		t.Error(err)
	}
}
