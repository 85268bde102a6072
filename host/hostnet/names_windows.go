package hostnet

import (
	"context"
	"errors"
	"net/netip"
	"slices"

	"golang.zx2c4.com/wireguard/windows/tunnel/winipcfg"
)

// nameService returns the DNS client, which has servers and search domains per
// adapter.
func (windowsKernel) nameService(context.Context, []byte) nameService {
	return nameService{name: "Windows"}
}

func (windowsKernel) setLinkDNS(_ context.Context, device string, d DNS) error {
	_, luid, err := byName(device)
	if err != nil {
		return err
	}
	var servers []netip.Addr
	for _, s := range d.Servers {
		servers = append(servers, s.Addr())
	}
	return perFamily(func(f winipcfg.AddressFamily) error {
		return luid.SetDNS(f, servers, slices.Concat(d.Search, d.Domains))
	})
}

func (windowsKernel) revertLinkDNS(_ context.Context, device string) error {
	_, luid, err := byName(device)
	if err != nil {
		return err
	}
	return perFamily(luid.FlushDNS)
}

// perFamily leaves out a family that the adapter lacks.
func perFamily(do func(winipcfg.AddressFamily) error) error {
	var errs []error
	for _, f := range families {
		if err := meaning(do(f)); err != nil && !errors.Is(err, errGone) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
