package hostnet

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Resolvers say how this host found names before a State was applied: the servers to
// ask if the question must not go through the tunnel.
type Resolvers struct {
	Servers  []NameServer  // in the order to ask them
	Search   []string      // domains that are appended to short names
	Dots     int           // a name with fewer dots is short
	Timeout  time.Duration // how long a server has to answer; a second or more
	Attempts int           // how often each server is asked; 1 or more
	// Changed says that the State changed how names are found.
	Changed bool
}

// NameServer is one that answers DNS questions.
type NameServer struct {
	Addr netip.AddrPort
	// TLS says to ask by DNS over TLS (RFC 7858) alone. Name is in the server's
	// certificate; "": its address.
	TLS  bool
	Name string
}

// Resolvers returns the resolvers for a name. They are read again each time, since the
// host may have moved to another network. On macOS and Windows they are not known, and
// it returns an error.
func (a *Applied) Resolvers(ctx context.Context, name string) (Resolvers, error) {
	files, changed, err := a.resolverFiles()
	if err != nil {
		return Resolvers{}, err
	}
	var r Resolvers
	if s := a.host.kernel.nameService(ctx, files[0]); s.name != "" {
		r, err = a.host.kernel.linkResolvers(ctx, a.j.Device, name)
	} else {
		r = parseResolvConf(files[0])
		for _, f := range files[1:] {
			r.Servers = append(r.Servers, parseResolvConf(f).Servers...)
		}
		r.Servers = unique(r.Servers)
	}
	r.Changed = changed
	return r, err
}

// PresentResolvers returns the resolvers for a name as this host has them now. On macOS and
// Windows they are not known, and it returns an error.
func PresentResolvers(ctx context.Context, name string) (Resolvers, error) {
	h, err := newHost(Options{})
	if err != nil {
		return Resolvers{}, err
	}
	return h.resolvers(ctx, name)
}

// DividesNames reports whether this host's resolver can ask for some domains alone through a
// tunnel, so that nobody else needs to.
func DividesNames(ctx context.Context) bool {
	h, err := newHost(Options{})
	if err != nil {
		return false
	}
	file, _, err := h.kernel.readFile(h.opts.ResolvConf)
	return err == nil && h.kernel.nameService(ctx, file).split
}

func (h *host) resolvers(ctx context.Context, name string) (Resolvers, error) {
	file, _, err := h.kernel.readFile(h.opts.ResolvConf)
	if err != nil {
		return Resolvers{}, err
	}
	if s := h.kernel.nameService(ctx, file); s.name != "" {
		return h.kernel.linkResolvers(ctx, "", name)
	}
	return parseResolvConf(file), nil
}

func unique(servers []NameServer) (list []NameServer) {
	for _, s := range servers {
		if !slices.Contains(list, s) {
			list = append(list, s)
		}
	}
	return list
}

// resolverFiles returns what the resolver's file may say without this State, the most
// likely first, and whether the State changed how names are found. A file that
// somebody else wrote meanwhile may be from another network that the host has moved
// to, or from a DHCP client on the tunnel's own adapter.
func (a *Applied) resolverFiles() (files [][]byte, changed bool, err error) {
	now, _, err := a.host.kernel.readFile(a.host.opts.ResolvConf)
	if err != nil {
		return nil, false, err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	before, ours := a.before, false
	for _, c := range a.j.changes {
		switch c := c.(type) {
		case *linkDNSChange:
			changed = true
		case *fileChange:
			if c.Path == a.host.opts.ResolvConf {
				before, ours, changed = a.inherited(c), bytes.Equal(now, c.Set), true
			}
		}
	}
	if !ours && !bytes.Equal(now, before) {
		files = append(files, now)
	}
	return append(files, before), changed, nil
}

// inherited returns what a file would say without c: what another tunnel that is up
// wrote, or what was there before.
func (a *Applied) inherited(c *fileChange) []byte {
	if heir, ok := heirOf(c, heirs(a.host.living(a.j))).(*fileChange); ok {
		return heir.Set
	}
	return c.Was
}

// The defaults and limits of resolv.conf(5).
const (
	defaultDots, maxDots         = 1, 15
	defaultTimeout, maxTimeout   = 5, 30 // seconds
	defaultAttempts, maxAttempts = 2, 5
)

// parseResolvConf reads resolv.conf(5). It leaves out what makes no sense, as the C
// library does.
func parseResolvConf(content []byte) Resolvers {
	r := Resolvers{Dots: defaultDots, Timeout: defaultTimeout * time.Second, Attempts: defaultAttempts}
	for line := range strings.Lines(string(content)) {
		f := strings.Fields(line)
		if len(f) < 2 {
			continue
		}
		switch f[0] {
		case "nameserver":
			if len(r.Servers) < maxServers {
				r.add(f[1])
			}
		case "domain":
			r.Search = f[1:2]
		case "search":
			r.Search = f[1:]
		case "options":
			for _, o := range f[1:] {
				r.option(o)
			}
		case "#":
			if f[1] == "ExtServers:" {
				r.behindDocker(f[2:])
			}
		}
	}
	return r
}

// FileResolvers returns what a resolver's file says now; no servers if it cannot be read.
func FileResolvers(file string) Resolvers {
	content, _ := os.ReadFile(file)
	return parseResolvConf(content)
}

// NameServers returns those that a resolver's file names now; none if it cannot be
// read.
func NameServers(file string) (list []netip.AddrPort) {
	for _, s := range FileResolvers(file).Servers {
		list = append(list, s.Addr)
	}
	return list
}

func (r *Resolvers) add(server string) {
	if a, err := netip.ParseAddr(server); err == nil {
		r.Servers = append(r.Servers, NameServer{Addr: netip.AddrPortFrom(a.Unmap(), dnsPort)})
	}
}

// behindDocker adds the servers that Docker's resolver in a container, at 127.0.0.11,
// asks from the container's own network. Docker Engine notes them in the file. Those
// in host(), which it asks from its host's network, are of no use here.
func (r *Resolvers) behindDocker(servers []string) {
	for _, s := range servers {
		if len(r.Servers) < 2*maxServers {
			r.add(strings.Trim(s, "[]"))
		}
	}
}

const dnsPort, dnsOverTLSPort = 53, 853

func (r *Resolvers) option(o string) {
	name, value, _ := strings.Cut(o, ":")
	n, err := strconv.Atoi(value)
	if err != nil || n < 0 {
		return
	}
	switch name {
	case "ndots":
		r.Dots = min(n, maxDots)
	case "timeout":
		r.Timeout = time.Duration(min(max(n, 1), maxTimeout)) * time.Second
	case "attempts":
		r.Attempts = min(max(n, 1), maxAttempts)
	}
}
