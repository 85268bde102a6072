package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"culvert/host/hostnet"
)

// forwards reports whether the host's forwarding matters for the server now, and says
// so if not.
func (s serverHost) forwards(ctx context.Context, n *notes) (r runner, ok bool) {
	r, _ = s.running.get(ctx)
	switch {
	case !s.inKernel(r):
		n.skip("the server forwards in user space, by its own sockets")
	case len(s.networks()) == 0:
		n.skip("the configuration gives its clients no network of its own (server)")
	case r.by == "":
		n.skip("the server does not run; it switches that on when it starts (culvert serve)")
	default:
		return r, true
	}
	return r, false
}

// errRootOnly is why packet filters are not looked at.
var errRootOnly = errors.New("the packet filter is shown to root only")

// lookAtRouter looks at the packet filters, which may have very many rules.
func (s *server) lookAtRouter(ctx context.Context) (hostnet.Router, error) {
	r, _ := s.running.get(ctx)
	router, err := hostnet.LookAtRouter(s.device(r), s.networks())
	if errors.Is(err, hostnet.ErrPermission) {
		err = errRootOnly
	}
	return router, err
}

func (s serverHost) forwardingCheck() inspection {
	return inspection{name: "forwarding", about: "whether this host forwards packets, of each family", look: func(ctx context.Context, n *notes) {
		if _, ok := s.forwards(ctx, n); !ok {
			return
		}
		four, six, err := hostnet.Forwards()
		if err != nil {
			n.unknown("%v", err)
			return
		}
		for _, p := range s.networks() {
			name, on := "net/ipv4/ip_forward", four
			if p.Addr().Is6() {
				name, on = "net/ipv6/conf/all/forwarding", six
			}
			if on {
				n.saw("on for %v", p)
				continue
			}
			n.found(unforwarded(p, name))
		}
	}}
}

// unforwarded says that packets of a network are not forwarded. IPv6 is not switched on
// by the doctor: the kernel then drops what routers advertised, this host's way out with
// it, on each adapter whose accept_ra is not 2 (Linux, ip-sysctl).
func unforwarded(p netip.Prefix, name string) Finding {
	dotted := strings.ReplaceAll(name, "/", ".")
	f := Finding{Severity: Problem, Text: fmt.Sprintf("this host does not forward packets of %v: clients reach the server and nothing behind it", p),
		Evidence: dotted + " = 0", Mend: "sysctl -w " + dotted + "=1"}
	if p.Addr().Is6() {
		device := "DEVICE"
		if out, ok := (hostnet.Network{}).Default(true); ok {
			device = out.Device
		}
		f.Mend = "sysctl -w net/ipv6/conf/" + device + "/accept_ra=2 (first, or routes learnt from routers are lost); then: " + f.Mend
		return f
	}
	f.fix = sysctl(name, "1")
	return f
}

// sysctl sets a setting of the kernel.
func sysctl(name, value string) fix {
	return func() (string, string, error) {
		was, err := setSetting(name, value)
		dotted := strings.ReplaceAll(name, "/", ".")
		return "sysctl -w " + dotted + "=" + value, "sysctl -w " + dotted + "=" + strings.ReplaceAll(was, "\t", " "), err
	}
}

func (s serverHost) natCheck() inspection {
	return inspection{name: "masquerade", about: "whether clients' packets leave with this host's address", look: func(ctx context.Context, n *notes) {
		r, ok := s.forwards(ctx, n)
		if !ok {
			return
		}
		router, err := s.router.get(ctx)
		if err != nil {
			n.unknown("%v", err)
			return
		}
		for _, p := range router.Plain {
			out, ok := hostnet.Network{}.Default(p.Addr().Is6())
			if !ok {
				continue // nothing to masquerade for
			}
			family := "ip"
			if p.Addr().Is6() {
				family = "ip6"
			}
			mend := fmt.Sprintf(`nft add table %[1]s vpn; nft 'add chain %[1]s vpn post { type nat hook postrouting priority srcnat; }'; nft add rule %[1]s vpn post %[1]s saddr %[2]v oifname %[3]s masquerade`, family, p, out.Device)
			if r.by == "culvert" {
				mend = "culvert serve puts its rules back by itself within seconds unless --forward=false; otherwise: " + mend
			}
			severity, also := Warning, ""
			if router.Hidden != "" {
				severity, also = Note, "; not seen here: "+router.Hidden
			}
			n.found(Finding{Severity: severity, Text: fmt.Sprintf("no rule masquerades %v: answers to clients do not come back from networks that do not know the way to it", p),
				Evidence: "nftables: no masquerade or snat for this source" + also, Mend: mend})
		}
		n.saw("%d of %d networks masqueraded", len(s.networks())-len(router.Plain), len(s.networks()))
	}}
}

// policyCheck looks for packet filter chains that drop what is forwarded, as Docker's
// policy does. It matters before the server starts, too.
func (s serverHost) policyCheck() inspection {
	return inspection{name: "forward policy", about: "packet filter chains that drop what is forwarded, such as Docker's", look: func(ctx context.Context, n *notes) {
		r, _ := s.running.get(ctx)
		if !s.inKernel(r) {
			n.skip("the server forwards in user space, by its own sockets")
			return
		}
		router, err := s.router.get(ctx)
		if err != nil {
			n.unknown("%v", err)
			return
		}
		for _, d := range router.Drops {
			what, mend, _ := strings.Cut(d.Error(), "; allow it with: ")
			n.problem("clients reach nothing behind the server: "+what, "", mend)
		}
		if router.Hidden != "" {
			n.note("not looked at: "+router.Hidden, "", "")
		}
		if router.Hidden != "" {
			n.well("of what nftables shows, nothing drops what is forwarded from %s", s.device(r))
			return
		}
		n.well("nothing drops what is forwarded from %s", s.device(r))
	}}
}
