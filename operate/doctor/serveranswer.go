package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/config"
	"culvert/role/profile/reach"
)

// mostOwn is how many of its own addresses a host is asked at.
const mostOwn = 8

// answerCheck sends the server a client's first packet, to each of its own addresses.
// What a packet filter does with packets from outside is not seen from here.
func (s serverHost) answerCheck() inspection {
	return inspection{name: "answer", about: "whether the server answers a client's first packet, at each of its own addresses", budget: 2*holding + 2*time.Second, look: func(ctx context.Context, n *notes) {
		r, err := s.running.get(ctx)
		switch {
		case err != nil:
			n.unknown("%v", err)
			return
		case r.by == "":
			n.skip("the server does not run")
			return
		}
		ctx, cancel := context.WithTimeout(ctx, 3*time.Second)
		defer cancel()
		type asked struct {
			l config.Listen
			a netip.Addr
			f reach.First
		}
		var all []*asked
		for _, l := range s.cfg.Listens() {
			taken, _ := s.holders(ctx, l)
			for _, a := range ownAddresses(l, s.device(r)) {
				if !hears(at(l, taken), a) {
					continue
				}
				all = append(all, &asked{l: l, a: a})
			}
		}
		var wait sync.WaitGroup
		for _, q := range all {
			wait.Go(func() {
				w, err := visitor(s.cfg, s.Now())
				if err != nil {
					q.f = reach.First{Err: err}
					return
				}
				q.f = knock(ctx, q.l.Proto.TCP, netip.AddrPortFrom(q.a, uint16(q.l.Port)), w)
			})
		}
		wait.Wait()
		for _, q := range all {
			s.judgeAnswer(n, q.l, q.a, q.f)
		}
	}}
}

func (s serverHost) judgeAnswer(n *notes, l config.Listen, a netip.Addr, f reach.First) {
	where := fmt.Sprintf("%s %v", l.Proto.Transport(), netip.AddrPortFrom(a, uint16(l.Port)))
	switch {
	case f.Answered:
		n.saw("%s in %v", where, f.Took.Round(100*time.Microsecond))
	case f.Strange > 0:
		n.problem("another program than this server answers at "+where, fmt.Sprintf("it begins %q", f.Foreign), "culvert doctor "+shell(s.File)+" says under ports who it is")
	case f.Err != nil:
		n.problem("nothing answers at "+where, f.Err.Error(), s.serve())
	default:
		n.problem("the server does not answer at "+where+": a packet filter drops what comes there, or the server runs with other keys than the file has (tls-crypt-v2, tls-crypt, tls-auth)",
			"a client's first packet got no answer", fmt.Sprintf("nft list ruleset | grep -n drop; nft insert rule inet filter input %s dport %d accept; systemctl restart the server if its keys were changed", l.Proto.Transport(), l.Port))
	}
}

// ownAddresses are this host's addresses at which a socket takes packets, but for those
// inside the tunnel.
func ownAddresses(l config.Listen, tunnel string) (list []netip.Addr) {
	if a, err := netip.ParseAddr(l.Host); err == nil && !a.IsUnspecified() {
		return []netip.Addr{a}
	}
	all, _ := net.Interfaces()
	for _, i := range all {
		if i.Name == tunnel || i.Flags&net.FlagUp == 0 || strings.HasPrefix(i.Name, "docker") {
			continue
		}
		addrs, _ := i.Addrs()
		for _, a := range addrs {
			p, err := netip.ParsePrefix(a.String())
			if err != nil || p.Addr().IsLinkLocalUnicast() || (l.Proto.Family == 4) && p.Addr().Is6() || (l.Proto.Family == 6 && p.Addr().Is4()) {
				continue
			}
			list = append(list, p.Addr())
		}
	}
	slices.SortFunc(list, func(a, b netip.Addr) int { return a.Compare(b) })
	return list[:min(len(list), mostOwn)]
}

// hears reports whether one of a port's sockets takes packets to an address. A socket
// of IPv6 takes those of IPv4, too, as servers have it. Where nobody is seen to have the
// port, it is asked all the same.
func hears(sockets []holder, a netip.Addr) bool {
	return len(sockets) == 0 || slices.ContainsFunc(sockets, func(h holder) bool {
		return h.at.Unmap() == a || h.at.IsUnspecified() && (h.at.Is6() || a.Is4())
	})
}
