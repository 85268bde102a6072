package server

import (
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"culvert/config"
	"culvert/host/process"
)

// anyClient is the file of client-config-dir for clients without their own.
const anyClient = "DEFAULT"

// refusedHere is what a client is told whose settings keep it out.
const refusedHere = "this client is not admitted here"

// SettingsError is why a client's settings keep it out.
type SettingsError struct {
	Text string
	Err  error // nil: nothing is wrong, it is to be so
}

// Error is the reason in words.
func (e *SettingsError) Error() string {
	if e.Err == nil {
		return e.Text
	}
	return e.Text + ": " + e.Err.Error()
}

// Unwrap returns what is wrong with them, if anything.
func (e *SettingsError) Unwrap() error { return e.Err }

// readPerClient reads what client-config-dir has of a client. The error is a
// SettingsError where that keeps it out. A file with a fault keeps its client out
// too: half of it could let in more than its author meant.
func (s *Server) readPerClient(c *client) (own *config.PerClient, err error) {
	if s.cfg.Server.ClientConfigDir == "" {
		return new(config.PerClient), nil
	}
	path, text, err := s.perClientFile(c.name)
	switch {
	case errors.Is(err, fs.ErrNotExist) && s.cfg.Server.CCDExclusive:
		return nil, &SettingsError{Text: "ccd-exclusive: the client has no file in client-config-dir"}
	case errors.Is(err, fs.ErrNotExist):
		return new(config.PerClient), nil
	case err != nil:
		return nil, &SettingsError{"client-config-dir cannot be read", err}
	}
	if own, err = config.ParsePerClient(s.cfg, path, text); err != nil {
		return nil, &SettingsError{"the client's file in client-config-dir has faults; it is refused until they are mended", err}
	}
	if own.Disable {
		return nil, &SettingsError{Text: "the client's file in client-config-dir has `disable`"}
	}
	return own, nil
}

// perClientFile reads the file named like a client, else DEFAULT. A name that
// would lead out of the directory has no file of its own.
func (s *Server) perClientFile(name string) (path string, text []byte, err error) {
	dir := s.cfg.Server.ClientConfigDir
	names := []string{name, anyClient}
	if name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		names = names[1:]
	}
	err = fs.ErrNotExist
	for _, n := range names {
		path = filepath.Join(dir, n)
		if text, err = process.ReadFile(path); !errors.Is(err, fs.ErrNotExist) {
			return path, text, err
		}
	}
	return path, nil, err
}

// lease leases a client the addresses of its own file, and others from the
// pool. Who has a client's own address meanwhile has to leave it.
func (s *Server) lease(c *client, name string) (*Lease, error) {
	var fixed4, fixed6 netip.Addr
	if i := c.own.Ifconfig; i != nil {
		fixed4 = i.Local
	}
	if i := c.own.IfconfigIPv6; i != nil {
		fixed6 = i.Local.Addr()
	}
	lease, err := s.freeLease(c, name, fixed4)
	if err != nil {
		return nil, err
	}
	if fixed4.IsValid() {
		lease.IPv4 = fixed4
	}
	if fixed6.IsValid() {
		lease.IPv6 = fixed6
	}
	for _, a := range []netip.Addr{fixed4, fixed6} {
		if holder := s.table.route(a); a.IsValid() && holder != nil && holder != c {
			s.happened(AddressClaimed{About: holder.about(time.Now()), Address: a, Owner: c.name})
			holder.evict()
		}
	}
	return lease, nil
}

// freeLease is of the pool, or of the segment's DHCP server.
func (s *Server) freeLease(c *client, name string, near netip.Addr) (lease *Lease, err error) {
	if c.station != nil {
		lease = &Lease{IPv4: c.station.lease.Address.Addr(), index: noIndex}
	} else if lease, err = s.pool.acquireNear(name, near); err != nil {
		return nil, err
	}
	if s.lan != nil {
		lease.IPv6 = s.lan.ipv6(s.stationName(c), s.layout.network6)
	}
	return lease, nil
}

// acquireNear leases the index that has an address, whoever holds it, or any
// where it has none. Where there is no pool, an address of its own takes none.
func (p *pool) acquireNear(name string, a netip.Addr) (*Lease, error) {
	if p.size() == 0 && a.IsValid() {
		return &Lease{index: unpooled}, nil
	}
	index, ok := p.layout.pool.index(a)
	if !a.IsValid() || !ok {
		return p.acquire(name)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	lease := p.lease(index)
	p.take(lease, name)
	return lease, nil
}

// unpooled is the index of leases that no pool knows of.
const unpooled = -1

// ownIfconfig is what a client is told of the addresses in its own file, in
// place of those of its lease.
func (s *Server) ownIfconfig(c *client) []string {
	options := s.layout.ifconfig(c.lease)
	if i := c.own.Ifconfig; i != nil {
		second := mask(i.Bits)
		if i.Remote.IsValid() {
			second = i.Remote.String()
		}
		options = replaceOption(options, fmt.Sprintf("ifconfig %v %s", i.Local, second))
	}
	if i := c.own.IfconfigIPv6; i != nil {
		remote := i.Remote
		if !remote.IsValid() {
			remote = s.layout.server6
		}
		option := fmt.Sprintf("ifconfig-ipv6 %v", i.Local)
		if remote.IsValid() {
			option += " " + remote.String()
		}
		options = replaceOption(options, option)
	}
	return options
}

func replaceOption(options []string, option string) []string {
	name, _, _ := strings.Cut(option, " ")
	options = slices.DeleteFunc(options, func(o string) bool { return strings.HasPrefix(o, name+" ") })
	return append(options, option)
}

// ownPush applies push-reset, push-remove and push of a client's own file to
// what all are pushed. ifconfig can only be removed by its whole name.
func ownPush(own *config.PerClient, general, ifconfig []string) []string {
	if own.PushReset {
		general = nil
	}
	for _, remove := range own.PushRemove {
		general = slices.DeleteFunc(slices.Clone(general), func(o string) bool { return strings.Contains(o, remove) })
		ifconfig = slices.DeleteFunc(slices.Clone(ifconfig), func(o string) bool { return strings.HasPrefix(o, remove+" ") })
	}
	return slices.Concat(general, own.Push, ifconfig)
}
