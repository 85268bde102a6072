package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/godbus/dbus/v5"
	"golang.org/x/sys/unix"
)

// The names are of org.freedesktop.resolve1(5).
const (
	resolvedName    = "org.freedesktop.resolve1"
	resolvedPath    = "/org/freedesktop/resolve1"
	resolvedManager = resolvedName + ".Manager."
	busTimeout      = 5 * time.Second
)

// nameService returns systemd-resolved if the resolver's file names its stub.
func (linux) nameService(ctx context.Context, file []byte) nameService {
	if !isStub(file) || !(linux{}).hasResolved(ctx) {
		return nameService{}
	}
	return resolvedService
}

// hasResolved reports whether systemd-resolved answers and is in the same network
// namespace; otherwise its links are not ours.
func (linux) hasResolved(ctx context.Context) bool {
	mine, err1 := os.Readlink("/proc/thread-self/ns/net")
	init, err2 := os.Readlink("/proc/1/ns/net")
	if err1 == nil && err2 == nil && mine != init {
		return false
	}
	return resolvedCall(ctx, "", 0) == nil
}

// resolvedCall calls the manager with a link's index before args, or, without
// a method, only asks whether it is there.
func resolvedCall(ctx context.Context, method string, index int, args ...any) error {
	ctx, cancel := context.WithTimeout(ctx, busTimeout)
	defer cancel()
	bus, err := dbus.ConnectSystemBus(dbus.WithContext(ctx))
	if err != nil {
		return fmt.Errorf("%w: D-Bus: %w", errGone, err)
	}
	defer bus.Close()
	o := bus.Object(resolvedName, resolvedPath)
	if method == "" {
		return o.CallWithContext(ctx, "org.freedesktop.DBus.Peer.Ping", 0).Err
	}
	args = slices.Insert(args, 0, any(int32(index)))
	return meaningBus(method, o.CallWithContext(ctx, resolvedManager+method, 0, args...).Err)
}

func meaningBus(method string, err error) error {
	var e dbus.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &e) && (e.Name == resolvedName+".NoSuchLink" || e.Name == "org.freedesktop.DBus.Error.ServiceUnknown"):
		return errGone
	}
	return fmt.Errorf("systemd-resolved, %s: %w", method, err)
}

// resolvedServer is a server in SetLinkDNS: a(iay).
type resolvedServer struct {
	Family int32
	Addr   []byte
}

// resolvedServerEx is one in SetLinkDNSEx, of systemd 246: a(iayqs).
type resolvedServerEx struct {
	Family int32
	Addr   []byte
	Port   uint16
	Name   string // for DNS over TLS
}

// resolvedDomain is a domain in SetLinkDomains: a(sb).
type resolvedDomain struct {
	Name      string
	RouteOnly bool // not for search
}

func (linux) setLinkDNS(ctx context.Context, device string, d DNS) error {
	l, err := net.InterfaceByName(device)
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	n := namesOfLink(d)
	err = setServers(ctx, l.Index, d.Servers)
	if err == nil {
		err = askPlainly(ctx, l.Index)
	}
	if err == nil {
		err = resolvedCall(ctx, "SetLinkDomains", l.Index, resolvedDomains(n))
	}
	if err == nil {
		err = resolvedCall(ctx, "SetLinkDefaultRoute", l.Index, n.normal)
	}
	if err != nil {
		return errors.Join(err, linux{}.revertLinkDNS(context.WithoutCancel(ctx), device))
	}
	return nil
}

// askPlainly has a link's servers asked without TLS where this host wants all servers to be
// asked by TLS alone: nobody says that those of a tunnel can do it, and the tunnel has a
// cipher of its own.
func askPlainly(ctx context.Context, index int) error {
	links, _ := readLinks(ctx, func(of int32) bool { return int(of) == index }) // not known: as it is
	for _, l := range links {
		if slices.ContainsFunc(l.servers, func(s NameServer) bool { return s.TLS }) {
			return resolvedCall(ctx, "SetLinkDNSOverTLS", index, "no")
		}
	}
	return nil
}

// setServers uses the older call unless a port asks for the newer one.
func setServers(ctx context.Context, index int, servers []netip.AddrPort) error {
	plain, withPort := []resolvedServer{}, []resolvedServerEx{}
	ports := false
	for _, s := range servers {
		family := int32(unix.AF_INET)
		if s.Addr().Is6() {
			family = unix.AF_INET6
		}
		plain = append(plain, resolvedServer{family, s.Addr().AsSlice()})
		withPort = append(withPort, resolvedServerEx{Family: family, Addr: s.Addr().AsSlice(), Port: s.Port()})
		ports = ports || s.Port() != 0 && s.Port() != 53
	}
	if ports {
		return resolvedCall(ctx, "SetLinkDNSEx", index, withPort)
	}
	return resolvedCall(ctx, "SetLinkDNS", index, plain)
}

func resolvedDomains(n linkNames) []resolvedDomain {
	out := []resolvedDomain{}
	for _, s := range n.domains {
		name, only := strings.CutPrefix(s, "~")
		out = append(out, resolvedDomain{name, only})
	}
	return out
}

func (linux) linkNames(ctx context.Context, device string) (n linkNames, err error) {
	l, err := net.InterfaceByName(device)
	if err != nil {
		return n, fmt.Errorf("%w: %w", errGone, err)
	}
	links, err := readLinks(ctx, func(index int32) bool { return int(index) == l.Index })
	if err != nil {
		return n, fmt.Errorf("systemd-resolved: %w", err)
	}
	for _, l := range links {
		n.normal = l.normal
		for _, s := range l.servers {
			n.servers = append(n.servers, serverText(netip.AddrPortFrom(s.Addr.Addr().WithZone(""), s.Addr.Port())))
		}
		for _, d := range l.domains {
			n.domains = append(n.domains, map[bool]string{true: "~"}[d.RouteOnly]+d.Name)
		}
	}
	return n, nil
}

func (linux) revertLinkDNS(ctx context.Context, device string) error {
	l, err := net.InterfaceByName(device)
	if err != nil {
		return fmt.Errorf("%w: %w", errGone, err)
	}
	return resolvedCall(ctx, "RevertLink", l.Index)
}
