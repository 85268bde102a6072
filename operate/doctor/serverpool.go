package doctor

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"strings"

	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
	"culvert/operate/backend"
	"culvert/operate/setup"
)

// poolCheck looks at how many addresses are left for clients.
func (s *server) poolCheck() inspection {
	return inspection{name: "addresses", about: "how full the clients' network is", look: func(ctx context.Context, n *notes) {
		size := s.poolSize()
		if size == 0 {
			n.skip("the configuration has no pool of IPv4 addresses")
			return
		}
		most := min(size, s.cfg.Server.MaxClients)
		what, directive := fmt.Sprintf("%d addresses", size), "a larger network in `server`, such as: server 10.64.0.0 255.255.0.0"
		if most < size {
			what, directive = fmt.Sprintf("max-clients %d", most), fmt.Sprintf("max-clients %d", 2*most)
		}
		r, _ := s.running.get(ctx)
		used := 0
		if r.status != nil {
			used = inUse(r.status.Peers)
		}
		seen := fmt.Sprintf("%d of %d in use", used, most)
		switch {
		case used >= most:
			n.problem("no further client gets in: "+what+" are all in use", seen, "write "+directive)
		case used*10 >= most*9:
			n.warning("the addresses for clients are nearly used up: "+what, seen, "write "+directive)
		default:
			n.saw("%s", seen)
		}
		if listed := s.known(); listed > most {
			n.warning(fmt.Sprintf("there are %d clients in the directory, and %s", listed, what), "", "write "+directive)
		}
	}}
}

// inUse is how many of a server's peers have an address: those that are in.
func inUse(peers []backend.Peer) (n int) {
	for _, p := range peers {
		if !p.Connecting {
			n++
		}
	}
	return n
}

// poolSize is how many IPv4 addresses there are for clients.
func (s *server) poolSize() int {
	v := s.cfg.Server
	if p := v.Pool; p != nil && p.Start.Is4() {
		a, b := p.Start.As4(), p.End.As4()
		count := 0
		for i := range a {
			count = count<<8 + int(b[i]) - int(a[i])
		}
		return s.perClient(count + 1)
	}
	if !v.Network.IsValid() || v.NoPool {
		return 0
	}
	return s.perClient(1<<(32-v.Network.Bits()) - 3) // without network, broadcast and the server's own
}

// perClient divides addresses among clients: with topology net30, four each.
func (s *server) perClient(n int) int {
	if s.cfg.Adapter.DevType == config.DevTun && s.cfg.Adapter.Topology == config.TopologyNet30 {
		return n / 4
	}
	return n
}

// known is how many valid clients the server's directory has.
func (s *server) known() (n int) {
	if s.Dir == "" {
		return 0
	}
	list, _, _ := setup.Clients(s.Dir, s.Now())
	for _, c := range list {
		if c.State == setup.Valid || c.State == setup.Expiring {
			n++
		}
	}
	return n
}

// profilesCheck compares the profiles in the server's directory with the server.
func (s *server) profilesCheck() inspection {
	return inspection{name: "profiles", about: "whether the profiles in the directory lead to this server", look: func(_ context.Context, n *notes) {
		if s.Dir == "" {
			n.skip("there is no directory of a server (--dir D)")
			return
		}
		var files []string
		for _, pattern := range []string{"*.ovpn", "*/*.ovpn"} {
			found, _ := filepath.Glob(filepath.Join(s.Dir, pattern))
			files = append(files, found...)
		}
		for _, name := range files {
			text, err := process.ReadFile(name)
			var c *config.Config
			if err == nil {
				c, err = config.ParseFile(name, text, process.ReadFile)
			}
			if err != nil {
				n.warning("a profile in the directory cannot be read", err.Error(), "culvert check "+shell(name))
				continue
			}
			if c.Pull {
				s.compare(n, name, c)
			}
		}
		if len(files) == 0 {
			n.skip("there are no profiles (.ovpn) in %s", s.Dir)
			return
		}
		n.saw("%d profiles", len(files))
	}}
}

// compare notes what in a profile does not lead to this server.
func (s *server) compare(n *notes, name string, c *config.Config) {
	client := strings.TrimSuffix(filepath.Base(name), ".ovpn")
	device, authorities, _ := ownOf(c)
	anew := setup.RenewCommand(s.Dir, client, device != nil && pki.IsDevice(device))
	wrong := func(text, evidence string) { n.problem("profile "+name+": "+text, evidence, anew) }
	if !s.leadsHere(c) {
		var to []string
		for _, r := range c.Link.Remotes {
			to = append(to, fmt.Sprintf("%s port %s", r.Proto.Transport(), r.Port))
		}
		var here []string
		for _, l := range s.cfg.Listens() {
			here = append(here, fmt.Sprintf("%s port %d", l.Proto.Transport(), l.Port))
		}
		wrong("no `remote` of it has the protocol and port at which the server listens, or which culvert.json names", strings.Join(to, ", ")+"; the server: "+strings.Join(here, ", "))
	}
	if ours, theirs := armourOf(s.cfg), armourOf(c); !fits(ours, theirs) {
		wrong("its control channel is protected by "+theirs+", and the server takes "+ours, "")
	}
	own, _ := s.own()
	if own != nil && len(authorities) > 0 && !issued(authorities, own) {
		wrong("its authority has not signed the server's certificate", fmt.Sprintf("authority %q, server's issuer %q", authorities[0].Subject, own.Issuer))
	}
	if v := c.Trust.VerifyX509Name; own != nil && v != nil {
		if err := pki.CheckName(own, v.Name, v.Type); err != nil {
			wrong("it expects another name of the server (verify-x509-name)", err.Error())
		}
	}
}

// leadsHere reports whether a remote has the server's protocol and port, or the port
// that a router maps to it.
func (s *server) leadsHere(c *config.Config) bool {
	outside, proto := setup.Outside(s.Dir)
	for _, r := range c.Link.Remotes {
		port, err := net.LookupPort(r.Proto.Transport(), r.Port)
		if err != nil {
			continue
		}
		if port == outside && r.Proto.Transport() == proto {
			return true
		}
		if slices.ContainsFunc(s.cfg.Listens(), func(l config.Listen) bool { return l.Port == port && l.Proto.TCP == r.Proto.TCP }) {
			return true
		}
	}
	return false
}

// The ways to protect the control channel.
func armourOf(c *config.Config) string {
	var all []string
	if c.Trust.TLSCryptV2 != nil {
		all = append(all, "tls-crypt-v2")
	}
	if c.Trust.TLSCrypt != nil {
		all = append(all, "tls-crypt")
	}
	if c.Trust.TLSAuth != nil {
		all = append(all, "tls-auth")
	}
	if len(all) == 0 {
		return "nothing"
	}
	return strings.Join(all, " or ")
}

func fits(server, client string) bool { return slices.Contains(strings.Split(server, " or "), client) }
