package doctor

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"time"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/operate/backend"
	"culvert/operate/manage"
)

// server is a server that is examined.
type server struct {
	Options
	cfg *config.Config // nil: the file cannot be used
	// running is the process that serves this configuration.
	running *shared[runner]
	held    *shared[map[port][]holder] // who has its ports
	router  *shared[hostnet.Router]    // what packet filters do to its clients' packets
}

// port is one of a host.
type port struct {
	tcp    bool
	number int
}

// runner is who runs a server, or a profile's tunnel.
type runner struct {
	by     string          // "culvert", "openvpn", or "" for nobody
	pid    int             // 0: not known
	name   string          // by which `culvert status` knows it
	status *backend.Status // nil: it is not Culvert, or does not answer
	may    string          // why it may run though by is "": what would say so is hidden
}

// holder is a process that has a port.
type holder struct {
	pid  int // 0: not known, as without root's rights
	name string
	at   netip.Addr
}

func (h holder) String() string {
	if h.pid == 0 {
		return "a process that this user may not look at"
	}
	return fmt.Sprintf("%s (process %d)", h.name, h.pid)
}

// serverChecks are the checks of a server, in the order in which they are shown.
func serverChecks(ctx context.Context, o Options, cfg *config.Config) []inspection {
	s := &server{Options: o, cfg: cfg}
	s.held = share(ctx, s.whoHolds)
	s.running = share(ctx, s.whoRuns)
	s.router = share(ctx, s.lookAtRouter)
	keys, host := serverKeys{s}, serverHost{s}
	return append([]inspection{
		s.processCheck(), newRemains(ctx, o, cfg, true).check(), keys.certificateCheck(), keys.listCheck(), keys.clientsCheck(),
		clockCheck(o.Now, s.latest), keys.permissionCheck(), keys.userCheck(),
		host.deviceCheck(), host.capabilityCheck(), host.portCheck(), host.answerCheck(),
		host.forwardingCheck(), host.natCheck(), host.policyCheck(), host.networkCheck(),
		s.poolCheck(), host.filesCheck(), host.bufferCheck(), s.profilesCheck(), s.recordsCheck(),
	}, append(besideChecks(s), s.admissionChecks(ctx)...)...)
}

// holding is how long it may take to find out who has ports.
const holding = 3 * time.Second

func (s *server) whoHolds(ctx context.Context) (map[port][]holder, error) {
	ctx, cancel := context.WithTimeout(ctx, holding)
	defer cancel()
	var ports []port
	for _, l := range s.cfg.Listens() {
		ports = append(ports, port{l.Proto.TCP, l.Port})
	}
	if s.cfg.Server.Names != "" {
		ports = append(ports, port{tcp: true, number: namesPort}, port{number: namesPort})
	}
	return holders(ctx, ports)
}

// holders returns who has a port of the server.
func (s *server) holders(ctx context.Context, l config.Listen) ([]holder, error) {
	all, err := s.held.get(ctx)
	return all[port{l.Proto.TCP, l.Port}], err
}

// whoRuns finds the process that serves the configuration: the one that has its port.
func (s *server) whoRuns(ctx context.Context) (runner, error) {
	for _, l := range s.cfg.Listens() {
		list, err := s.holders(ctx, l)
		if err != nil {
			return s.asked(ctx, runner{}), nil
		}
		for _, h := range list {
			if h.name == "culvert" || h.name == "openvpn" {
				return s.asked(ctx, runner{by: h.name, pid: h.pid}), nil
			}
		}
	}
	return s.asked(ctx, runner{}), nil
}

// asked asks the local interfaces of running servers. Without rights to see who has the
// port, a server that answers is the one.
func (s *server) asked(ctx context.Context, r runner) runner {
	names, err := manage.Names(s.StateDir)
	if err != nil || r.by == "openvpn" {
		return r
	}
	for _, name := range names {
		client, err := manage.Dial(s.StateDir, "", name)
		if err != nil {
			continue
		}
		status, err := client.Status(ctx)
		if err != nil || status.Role != "server" || !s.is(status) {
			continue
		}
		r.by, r.name, r.status = "culvert", name, &status
		return r
	}
	return r
}

// is reports whether a running server may be the one of this configuration: it reads
// the same revocation list, or neither has one.
func (s *server) is(status backend.Status) bool {
	list := s.cfg.Trust.CRLVerify
	if list == nil || list.Inline {
		return len(status.Lists) == 0
	}
	return slices.Contains(status.Lists, s.cfg.Path(list.Name)) || slices.Contains(status.Lists, list.Name)
}

// serve is the command that starts the server.
func (s *server) serve() string {
	if s.Dir != "" {
		return "culvert serve --dir " + shell(s.Dir)
	}
	return "culvert serve " + shell(s.File)
}

func (s *server) processCheck() inspection {
	return inspection{name: "process", about: "whether the server runs, and answers here", look: func(ctx context.Context, n *notes) {
		r, err := s.running.get(ctx)
		switch {
		case err != nil:
			n.unknown("%v", err)
		case r.status != nil:
			n.saw("%s: up since %s, %d peers", r.name, day(r.status.Since), len(r.status.Peers))
			drops(n, r.status.Drops)
		case r.by != "":
			n.saw("%s runs it (process %d)", r.by, r.pid)
		default:
			n.note("the server does not run, so that it is looked at as it would start", "", s.serve())
		}
	}}
}

// manyDrops is from how many packets on losses are said.
const manyDrops = 1000

func drops(n *notes, all map[string]uint64) {
	for reason, count := range all {
		if count >= manyDrops {
			n.note(fmt.Sprintf("%d packets were dropped: %s", count, reason), "", "culvert trace")
		}
	}
}

// device is the adapter's name, as far as it is known; a server that does not run would
// have the first.
func (s *server) device(r runner) string {
	switch {
	case r.status != nil && r.status.Adapter != "":
		return r.status.Adapter
	case s.cfg.Adapter.Dev == "tun" || s.cfg.Adapter.Dev == "tap":
		return s.cfg.Adapter.Dev + "0"
	}
	return s.cfg.Adapter.Dev
}

// inKernel reports whether the server's adapter is a device of the kernel. A server
// that does not run would have one.
func (s *server) inKernel(r runner) bool {
	if s.cfg.Adapter.DevType == config.DevNull {
		return false
	}
	if r.status == nil {
		return true
	}
	_, err := net.InterfaceByName(r.status.Adapter)
	return err == nil
}

// networks are those of the server's clients.
func (s *server) networks() (list []netip.Prefix) {
	for _, p := range []netip.Prefix{s.cfg.Server.Network, s.cfg.Server.NetworkIPv6} {
		if p.IsValid() {
			list = append(list, p.Masked())
		}
	}
	return list
}

// latest is the latest time that is known to be past: when a certificate began.
func (s *server) latest() (at time.Time, whence string) {
	if own, _ := s.own(); own != nil {
		return own.NotBefore.Add(time.Hour), "the beginning of the server's certificate" // `culvert init` dates it an hour back
	}
	return at, ""
}
