package profile

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"

	"culvert/config"
	"culvert/internal/domain"
)

var errNoIPv4 = errors.New("the name has no IPv4 address")

// PushedNames puts addresses in place of the names in pushed `ifconfig` and
// `route-gateway`, where c allows them (`allow-pull-fqdn`); names in routes are looked up
// when those are made. A name that cannot be looked up stays, and an error says why.
func PushedNames(ctx context.Context, c *config.Config, options []string, resolve Resolver) (list []string, errs []error) {
	if !c.Routing.AllowPullFQDN {
		return options, nil
	}
	for _, option := range options {
		words := strings.Fields(option)
		if len(words) < 2 || words[0] != "ifconfig" && words[0] != "route-gateway" {
			list = append(list, option)
			continue
		}
		for i, name := range words[1:] {
			if _, err := netip.ParseAddr(name); err == nil || !domain.Valid(name) || name == "dhcp" {
				continue
			}
			a, err := firstIPv4(ctx, name, resolve)
			if err != nil {
				errs = append(errs, fmt.Errorf("pushed %s %s: %w", words[0], name, err))
				continue
			}
			words[1+i] = a.String()
		}
		list = append(list, strings.Join(words, " "))
	}
	return list, errs
}

func firstIPv4(ctx context.Context, name string, resolve Resolver) (netip.Addr, error) {
	ctx, cancel := context.WithTimeout(ctx, resolveTime)
	defer cancel()
	addrs, err := resolve(ctx, "ip4", name)
	if err != nil {
		return netip.Addr{}, err
	}
	for _, a := range addrs {
		if a = a.Unmap(); a.Is4() {
			return a, nil
		}
	}
	return netip.Addr{}, errNoIPv4
}
