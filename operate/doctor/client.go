package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"strings"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
	"culvert/operate/backend"
	"culvert/operate/manage"
)

// caller is a client's profile that is examined.
type caller struct {
	Options
	cfg     *config.Config
	names   *shared[[]resolved]
	knocked *shared[[]knocking]
	running *shared[tunnelRun]
	tried   *shared[*trial]
}

// tunnelRun is the profile's tunnel that runs already.
type tunnelRun struct {
	by     string // "culvert", "openvpn", or "" for none
	name   string
	status *backend.Status
	may    string // why it may run though by is "": what would say so is hidden
}

// some reports whether a second connection could end the tunnel.
func (r tunnelRun) some() bool { return r.by != "" || r.may != "" }

// clientChecks are the checks of a profile, in the order in which they are shown.
func clientChecks(ctx context.Context, o Options, cfg *config.Config) []inspection {
	c := &caller{Options: o, cfg: cfg}
	c.names = share(ctx, c.lookUp)
	c.knocked = share(ctx, c.knockAll)
	c.running = share(ctx, c.whoRuns)
	c.tried = share(ctx, c.try)
	on := callerTrial{c}
	return []inspection{
		c.processCheck(), c.certificateCheck(), c.permissionCheck(), c.resolveCheck(), c.reachCheck(),
		c.armourCheck(), c.clockCheck(), on.tlsCheck(), on.loginCheck(), on.cipherCheck(),
		on.addressCheck(), on.routeCheck(), on.dnsCheck(), on.ipv6Check(), on.mtuCheck(), on.speedCheck(), c.deviceCheck(),
	}
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
func (c *caller) whoRuns(ctx context.Context) (tunnelRun, error) {
	r := c.managed(ctx)
	if r.by != "" {
		return r, nil
	}
	if list, err := processesNaming(c.File); err == nil && len(list) > 0 {
		return tunnelRun{by: list[0].name, name: list[0].String()}, nil
	}
	return r, nil
}

// managed finds the profile's tunnel among those of Culvert that can be asked.
func (c *caller) managed(ctx context.Context) (r tunnelRun) {
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
			}
			continue
		}
		if status.Role != "client" {
			continue
		}
		for _, p := range status.Peers {
			if servers[remoteOf(p.Remote)] {
				return tunnelRun{by: "culvert", name: name, status: &status}
			}
		}
	}
	return r
}

// hidden says that the tunnel may run, if an error is that this user may not see.
func (c *caller) hidden(err error) (r tunnelRun) {
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

// servers are the addresses of the profile's servers.
func (c *caller) servers(ctx context.Context) map[netip.AddrPort]bool {
	all := map[netip.AddrPort]bool{}
	list, _ := c.names.get(ctx)
	for _, r := range list {
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
