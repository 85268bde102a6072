package hostnet

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"strings"
	"time"

	"culvert/host/hostnet/scutil"
)

const scutilTimeout = 10 * time.Second

// nameService returns configd, by scutil(8).
func (bsdKernel) nameService(context.Context, []byte) nameService {
	return nameService{name: "macOS", split: true}
}

func (bsdKernel) setLinkDNS(ctx context.Context, device string, d DNS) error {
	var servers []netip.Addr
	for _, s := range d.Servers {
		servers = append(servers, s.Addr())
	}
	script, err := scutil.Set(device, scutil.DNS{Servers: servers, Search: d.Search, Domains: d.Domains})
	if err != nil {
		return err
	}
	return runScutil(ctx, script)
}

func (bsdKernel) revertLinkDNS(ctx context.Context, device string) error {
	err := runScutil(ctx, scutil.Remove(device))
	if errors.Is(err, scutil.ErrGone) {
		return errGone
	}
	return err
}

func runScutil(ctx context.Context, script string) error {
	ctx, cancel := context.WithTimeout(ctx, scutilTimeout)
	defer cancel()
	c := exec.CommandContext(ctx, "/usr/sbin/scutil")
	c.Stdin = strings.NewReader(script)
	out, err := c.CombinedOutput()
	if err != nil {
		return fmt.Errorf("scutil: %w", err)
	}
	return scutil.Answer(out)
}
