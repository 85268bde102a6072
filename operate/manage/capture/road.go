package capture

import (
	"bytes"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"culvert/internal/buf"
	"culvert/internal/printable"
	"culvert/link"
	"culvert/operate/backend/watch"
	"culvert/operate/manage/filter"
	"culvert/tunnel"
)

// Road finds the places of a tunnel: `nic`, the adapter of that name, with packets
// that begin as kind says, and `link`, the sockets.
func Road(eyes *watch.Eyes, process, adapter string, kind filter.Link) func(at string) (*Source, error) {
	return func(at string) (*Source, error) {
		s := &Source{Name: adapter, Link: kind, Description: "virtual adapter of the " + process + ": packets before they are sealed and after they are opened"}
		stop := tunnel.AtAdapter
		switch at {
		case "nic":
		case "link":
			stop = tunnel.AtLink
			s = &Source{Name: "link", Link: filter.IP, Description: "sockets of the " + process + " on " + adapter + ": sealed packets, with IP headers made from their addresses"}
		default:
			return nil, fmt.Errorf("this process can be captured at nic or link, not at %q", at)
		}
		s.Open = func(f *filter.Filter, keep func(Record)) func() {
			return eyes.Add(&capturer{stop: stop, filter: f, keep: keep})
		}
		return s, nil
	}
}

// capturer copies packets at one stop.
type capturer struct {
	stop   tunnel.Stop
	filter *filter.Filter
	keep   func(Record)
	locals sync.Map // of netip.AddrPort: the netip.Addr that packets there are from
}

// Begin is watch.Watcher's.
func (c *capturer) Begin(uint64, *tunnel.Sight) watch.Follower { return &follower{capturer: c} }

// follower is one packet on its way, of which there may be copies and pieces.
// It is kept at its end, when its fate is known.
type follower struct {
	*capturer
	started bool
	records []Record // each with its peer as Comment
	from    string
	to      map[*buf.Packet]string // copies and pieces, sealed
	fate    string
}

// See is watch.Follower's.
func (f *follower) See(s *tunnel.Sight) bool {
	arriving := s.Inbound && !f.started
	f.started = true
	if s.Drop != tunnel.Kept {
		f.fate = fmt.Sprintf("dropped at %v: %v", s.Stop, s.Drop)
	}
	switch s.Stop {
	case tunnel.AtEnd:
		f.end()
		return false
	case tunnel.AtControl:
		f.fate = "of the session itself"
	case tunnel.AtOpen:
		if s.Peer != nil {
			f.from = s.Peer.Name()
		}
	case tunnel.AtSeal:
		f.sealed(s)
	}
	if s.Stop != f.stop {
		return true
	}
	f.take(s, arriving)
	return len(f.records) > 0 || f.stop == tunnel.AtLink // where copies and pieces may follow
}

// sealed notes which peer a packet is sealed for.
func (f *follower) sealed(s *tunnel.Sight) {
	if f.to == nil {
		f.to = make(map[*buf.Packet]string)
	}
	f.to[s.Packet] = s.Peer.Name()
}

func (f *follower) take(s *tunnel.Sight, arriving bool) {
	r := Record{Time: s.Time, Bytes: bytes.Clone(s.Bytes), Inbound: s.Inbound}
	seen := r.Bytes
	if f.stop == tunnel.AtLink {
		r.Inbound, r.outer = arriving, f.outer(s, arriving)
		if f.filter != nil {
			seen = r.outer.packet(r.Bytes, new(streams))
		}
		r.Comment = f.to[s.Packet]
	}
	if f.filter.Match(seen) {
		f.records = append(f.records, r)
	}
}

func (f *follower) end() {
	for _, r := range f.records {
		r.Comment = f.comment(r)
		f.keep(r)
	}
}

// comment says which peer a packet belongs to, and what became of it if it was not
// sent on.
func (f *follower) comment(r Record) string {
	var parts []string
	switch to := slices.Sorted(maps.Values(f.to)); {
	case r.Inbound && f.from != "":
		parts = append(parts, "from "+f.from)
	case !r.Inbound && r.Comment != "":
		parts = append(parts, "to "+r.Comment)
	case !r.Inbound && len(to) > 0:
		parts = append(parts, "to "+strings.Join(slices.Compact(to), ", "))
	}
	if f.fate != "" {
		parts = append(parts, f.fate)
	}
	return printable.Name(strings.Join(parts, "; "))
}

// outer is how a packet crosses the network.
func (f *follower) outer(s *tunnel.Sight, arriving bool) *outer {
	remote, local := s.Packet.Path.Remote, s.Link.LocalAddr()
	if here := s.Packet.Path.Local; here.IsValid() {
		local = netip.AddrPortFrom(here, local.Port())
	}
	if !local.Addr().IsValid() || local.Addr().IsUnspecified() {
		local = netip.AddrPortFrom(f.local(remote), local.Port())
	}
	tcp := link.IsStream(s.Link)
	remote = netip.AddrPortFrom(remote.Addr().Unmap().WithZone(""), remote.Port())
	local = netip.AddrPortFrom(local.Addr().Unmap().WithZone(""), local.Port())
	if arriving {
		return &outer{remote, local, tcp}
	}
	return &outer{local, remote, tcp}
}

// local is this host's address towards a remote one.
func (f *follower) local(remote netip.AddrPort) netip.Addr {
	if known, ok := f.locals.Load(remote); ok {
		return known.(netip.Addr)
	}
	addr := localAddr(remote)
	f.locals.Store(remote, addr)
	return addr
}

var _ interface{ Stream() bool } = (*link.TCP)(nil)
