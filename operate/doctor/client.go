package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
	"culvert/operate/backend"
	"culvert/operate/manage"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// caller is a client's profile that is examined.
type caller struct {
	Options
	cfg     *config.Config
	began   time.Time
	resolve profile.Resolver
	dialer  reach.Dialer
	looks   []*shared[resolved] // of each remote that is looked at
	pick    *pick
	knocked *shared[[]knocking]
	running *shared[runner]
	tried   *shared[*trial]
	remains *remains
}

// some reports whether a second connection could end the tunnel.
func (r runner) some() bool { return r.by != "" || r.may != "" }

// clientChecks are the checks of a profile, in the order in which they are shown.
func clientChecks(ctx context.Context, o Options, cfg *config.Config) []inspection {
	return newCaller(ctx, o, cfg).checks()
}

func (c *caller) checks() []inspection {
	on := callerTrial{c}
	list := []inspection{
		c.processCheck(), c.remains.check(), c.certificateCheck(), c.permissionCheck(), c.resolveCheck(), c.reachCheck(),
		c.armourCheck(), c.clockCheck(), on.tlsCheck(), on.loginCheck(), on.cipherCheck(),
		on.addressCheck(), on.routeCheck(), on.dnsCheck(), on.ipv6Check(), on.mtuCheck(), on.speedCheck(), c.deviceCheck(),
	}
	for _, l := range endpointsOf(c.cfg, place{"client", c.File, "connect again", c.running.get}) {
		list = append(list, l.portCheck())
	}
	return list
}

func newCaller(ctx context.Context, o Options, cfg *config.Config) *caller {
	c := &caller{Options: o, cfg: cfg, began: time.Now(), remains: newRemains(ctx, o, cfg, false)}
	c.resolve = reach.NewNames(cfg, nil, func() reach.Tunnel { return nil }, slog.New(slog.DiscardHandler)).Lookup // as the client does
	base := share(ctx, func(context.Context) (*config.Config, error) { return c.parse() })
	for i := range min(len(cfg.Link.Remotes), mostRemotes) {
		c.looks = append(c.looks, share(ctx, func(ctx context.Context) (resolved, error) {
			own, err := base.get(ctx)
			if err != nil {
				return resolved{remote: cfg.Link.Remotes[i]}, err
			}
			ctx, cancel := context.WithTimeout(ctx, lookup)
			defer cancel()
			return c.lookUp(ctx, own, own.Link.Remotes[i]), nil
		}))
	}
	c.pick = newPick(len(c.looks) * mostAddresses)
	c.knocked = share(ctx, c.knockAll)
	c.running = share(ctx, c.whoRuns)
	c.tried = share(ctx, c.try)
	return c
}

// names are the addresses of all remotes, once they are known.
func (c *caller) names(ctx context.Context) (list []resolved, err error) {
	for _, l := range c.looks {
		go l.get(ctx)
	}
	for _, l := range c.looks {
		r, err := l.get(ctx)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

// parse reads the profile once more, for whoever changes what was read, and leaves out
// what runs programs or writes files.
func (c *caller) parse() (*config.Config, error) {
	text, err := process.ReadFile(c.File)
	if err != nil {
		return nil, err
	}
	cfg, err := config.ParseFile(c.File, text, process.ReadFile)
	if err != nil {
		return nil, err
	}
	harmless(cfg)
	for i := range cfg.Link.Remotes {
		if s := cfg.Link.Remotes[i].Settings; s != nil {
			harmless(s)
		}
	}
	return cfg, nil
}

// harmless has a configuration run no program and write no file: it may be a
// stranger's.
func harmless(c *config.Config) {
	c.Hooks = config.Hooks{}
	c.Management = config.Management{ExternalKey: c.Management.ExternalKey, ExternalCert: c.Management.ExternalCert}
	c.Process.Status, c.Process.WritePID, c.Process.Log, c.Process.RemapUSR1 = "", "", "", ""
	c.Trust.TLSVerify, c.Trust.ExportCert, c.Trust.ReplayPersist = nil, "", ""
	c.Link.NoBind, c.Link.LocalPort = true, 0
}

// whoRuns finds the profile's tunnel if it runs: one of Culvert's that has one of the
// profile's servers as its peer, or a process of Culvert or OpenVPN with this file.
func (c *caller) whoRuns(ctx context.Context) (runner, error) {
	ctx, cancel := context.WithTimeout(ctx, askingRuns)
	defer cancel()
	r := c.managed(ctx)
	if r.by != "" {
		return r, nil
	}
	list, others, err := tunnelProcesses(c.File)
	switch {
	case err == nil && len(list) > 0:
		return runner{by: list[0].name, pid: list[0].pid, name: list[0].String()}, nil
	case r.may == "" || err != nil:
		return r, nil
	case len(others) == 0: // what is hidden is left from one that ended, or is a server's
		return runner{}, nil
	}
	return runner{may: fmt.Sprintf("%v runs, and this user may not see with which profile", others[0])}, nil
}

// askingRuns is how long those who run may take to say who they are.
const askingRuns = 3 * time.Second

// managed finds the profile's tunnel among those of Culvert that can be asked.
func (c *caller) managed(ctx context.Context) (r runner) {
	names, err := manage.Names(c.StateDir)
	if err != nil {
		return c.hidden(err)
	}
	if len(names) == 0 {
		return r
	}
	servers := c.servers(ctx)
	for _, name := range names {
		var status backend.Status
		m, err := manage.Dial(c.StateDir, "", name)
		if err == nil {
			status, err = m.Status(ctx)
		}
		if err != nil {
			if h := c.hidden(err); h.some() {
				r = h
			} else if ctx.Err() != nil {
				r.may = name + " runs, and does not say what"
			}
			continue
		}
		if status.Role != "client" {
			continue
		}
		for _, p := range status.Peers {
			if servers[remoteOf(p.Remote)] {
				return runner{by: "culvert", name: name, status: &status}
			}
		}
	}
	return r
}

// hidden says that the tunnel may run, if an error is that this user may not see.
func (c *caller) hidden(err error) (r runner) {
	if errors.Is(err, fs.ErrPermission) {
		r.may = "this user may not see which tunnels run (" + err.Error() + ")"
	}
	return r
}

// remoteOf is the address in a peer's remote, as status shows it.
func remoteOf(text string) netip.AddrPort {
	text = text[strings.LastIndexByte(text, ' ')+1:]
	at, _ := netip.ParseAddrPort(strings.Trim(text, "()"))
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}

// servers are the addresses of the profile's servers, as far as they are known soon.
func (c *caller) servers(ctx context.Context) map[netip.AddrPort]bool {
	all := map[netip.AddrPort]bool{}
	ctx, cancel := context.WithTimeout(ctx, slow)
	defer cancel()
	for _, l := range c.looks {
		go l.get(ctx)
	}
	for _, l := range c.looks {
		r, _ := l.get(ctx)
		for _, t := range r.targets {
			all[t.Addr] = true
		}
	}
	return all
}

func (c *caller) processCheck() inspection {
	return inspection{name: "process", about: "whether the profile's tunnel runs already", look: func(ctx context.Context, n *notes) {
		r, err := c.running.get(ctx)
		switch {
		case err != nil:
			n.unknown("%v", err)
		case r.status != nil:
			n.saw("%s runs; no second connection is made, since it would end that one", r.name)
			if err := r.status.Health(); err != nil {
				n.problem("the tunnel runs, and is not up: "+err.Error(), "", "culvert status "+shell(r.name)+" --follow")
			}
			drops(n, r.status.Drops)
		case r.by != "":
			n.saw("%s has this profile; no second connection is made, since it would end that one", r.name)
		case r.may != "":
			n.note("the tunnel may run, and no second connection is made, since it would end that one: "+r.may, "", "sudo culvert doctor "+shell(c.File))
		default:
			n.saw("it does not run")
		}
	}}
}

func (c *caller) certificateCheck() inspection {
	return inspection{name: "certificates", about: "the profile's own certificate, key and authority", look: func(_ context.Context, n *notes) {
		identity(n, c.cfg, "the profile's own", pki.ClientUsage, c.Options, "on the server: culvert client renew NAME --dir DIR -o NEW.ovpn; or ask whoever runs the server for a new profile")
		if c.cfg.Trust.Cert == nil {
			n.saw("the profile has no certificate of its own")
		}
	}}
}

func (c *caller) permissionCheck() inspection {
	return inspection{name: "permissions", about: "who may read keys and passwords", look: func(_ context.Context, n *notes) {
		open(n, c.cfg)
		if c.cfg.Trust.Key != nil && c.cfg.Trust.Key.Inline {
			closed(n, c.File, "the profile with its private key")
		}
		n.well("keys are their owner's alone")
	}}
}

// deviceCheck says what keeps a device from being made, if the profile is to be used
// with one.
func (c *caller) deviceCheck() inspection {
	return inspection{name: "device", about: "the TUN driver, its node, and the right to make a device", look: func(ctx context.Context, n *notes) {
		r, _ := c.running.get(ctx)
		switch {
		case r.by != "":
			n.skip("the tunnel runs, and has what it needs")
		case os.Geteuid() != 0 && !mayNetAdmin():
			n.note("this user may not make network devices", fmt.Sprintf("user %d", os.Geteuid()), "sudo culvert connect "+shell(c.File)+"; or without a device: culvert connect --userspace "+shell(c.File))
		case !mayNetAdmin():
			n.problem("root here has no right to make network devices (NET_ADMIN)", "capget(2)", "container: add --cap-add NET_ADMIN; or without a device: culvert connect --userspace "+shell(c.File))
		default:
			nodeOf(n, c.cfg, "culvert connect --userspace "+shell(c.File))
		}
	}}
}
