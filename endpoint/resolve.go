package endpoint

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"culvert/config"
)

// Resolver finds the addresses of a host; network is "ip", "ip4" or "ip6".
// SystemResolver is one.
type Resolver func(ctx context.Context, network, host string) ([]netip.Addr, error)

// SystemResolver asks as this system is set up to.
func SystemResolver(ctx context.Context, network, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, network, host)
}

// resolveTime is how long a name may take: with the tunnel down and names
// resolved through it, nobody answers.
const resolveTime = 5 * time.Second

// LookupHost finds the outer addresses of a remote under a name, one or more.
func LookupHost(ctx context.Context, resolve Resolver, remote config.Remote, name string) ([]netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := resolve(ctx, remote.Proto.Network(), name)
	if err == nil && len(addrs) > 0 {
		return addrs, nil
	}
	hint := ""
	if host, port, ok := strings.Cut(remote.Host, ":"); ok && !strings.Contains(port, ":") {
		hint = fmt.Sprintf(" (write the port after a blank: `remote %s %s`)", host, port)
	}
	return nil, fmt.Errorf("remote %s: the name has no address%s: %w", remote.Host, hint, cmp.Or(err, errors.New("the answer is empty")))
}

// LookupPort finds the number of a remote's port.
func LookupPort(ctx context.Context, remote config.Remote) (uint16, error) {
	n, err := net.DefaultResolver.LookupPort(ctx, remote.Proto.Transport(), remote.Port)
	if err != nil {
		return 0, fmt.Errorf("remote %s: port %q: %w", remote.Host, remote.Port, err)
	}
	return uint16(n), nil
}
