package doctor

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"

	"culvert/config"
	"culvert/link"
	"culvert/nic/tuntap"
	"culvert/role/profile"
)

// serverHost is the host of a server.
type serverHost struct{ *server }

// deviceCheck looks at the driver and its node. A control group that forbids the node
// is told apart from its permissions, and both from the missing right to make a device
// (capabilityCheck).
func (s serverHost) deviceCheck() inspection {
	return inspection{name: "device", about: "the TUN driver and its node", look: func(ctx context.Context, n *notes) {
		r, _ := s.running.get(ctx)
		switch {
		case s.cfg.Adapter.DevType == config.DevNull:
			n.skip("the configuration has no device (dev null)")
			return
		case r.status != nil && s.inKernel(r):
			n.saw("the server has the device %s", r.status.Adapter)
			return
		case r.status != nil:
			n.saw("the server runs in user space, without a device")
			return
		}
		nodeOf(n, s.cfg, s.serve()+" --userspace")
	}}
}

// nodeOf is node for the device of a configuration.
func nodeOf(n *notes, c *config.Config, without string) {
	node(n, tuntap.Options{Kind: profile.Kind(c.Adapter), Name: c.Adapter.Dev, Node: c.Adapter.DevNode}, without)
}

// tunNode is the driver's node.
const tunNode = "/dev/net/tun"

// node looks at the driver's node. without is the command that needs none.
func node(n *notes, o tuntap.Options, without string) {
	name := o.Node
	if name == "" {
		name = tunNode
	}
	err := tuntap.CheckRights(o)
	switch {
	case errors.Is(err, tuntap.ErrNoDriver):
		missingDriver(n, name, err, without)
	case errors.Is(err, tuntap.ErrNodeDenied):
		info, statErr := os.Stat(name)
		if statErr == nil && (os.Geteuid() == 0 || info.Mode().Perm()&0o006 == 0o006) {
			n.problem("a control group (cgroup) of this container or service forbids the device node "+name, err.Error(),
				"container: add --device "+name+"; systemd: DeviceAllow="+name+" rw; or without a device: "+without)
			return
		}
		n.problem("the permissions of "+name+" keep this user from opening it", err.Error(), "chmod 666 "+name+"; or without a device: "+without)
	case errors.Is(err, tuntap.ErrDenied), err == nil:
		n.saw("%s can be opened", name)
	default:
		n.problem("a device cannot be made", err.Error(), "or without a device: "+without)
	}
}

func missingDriver(n *notes, name string, err error, without string) {
	f := Finding{Severity: Problem, Text: "there is no TUN driver (" + name + ")", Evidence: err.Error(), Mend: "modprobe tun"}
	if name == tunNode && os.Geteuid() == 0 {
		f.fix = func() (string, string, error) {
			return "modprobe tun", "modprobe -r tun", loadTUN(context.Background())
		}
	}
	if _, seen := os.Stat("/sys/class/misc/tun"); seen == nil {
		f.Text, f.fix = "the TUN driver is there, but its node is not ("+name+")", nil
		f.Mend = "mkdir -p /dev/net && mknod " + name + " c 10 200; container: add --device " + name + "; or without a device: " + without
	}
	n.found(f)
}

// capabilityCheck looks at the right to make and configure a device.
func (s serverHost) capabilityCheck() inspection {
	return inspection{name: "capability", about: "the right to make a device and change this host (NET_ADMIN)", look: func(ctx context.Context, n *notes) {
		r, _ := s.running.get(ctx)
		switch {
		case r.by != "":
			n.skip("the server runs, and has what it needs")
		case mayNetAdmin():
			n.saw("this user has it")
		case os.Geteuid() == 0:
			n.problem("root here has no right to make network devices (NET_ADMIN)", "capget(2)", "container: add --cap-add NET_ADMIN; systemd: AmbientCapabilities=CAP_NET_ADMIN; or without a device: "+s.serve()+" --userspace")
		default:
			n.note("this user has no right to make network devices, so the server would run in user space", fmt.Sprintf("user %d", os.Geteuid()), "sudo "+s.serve())
		}
	}}
}

// portCheck looks at who has the ports of the server.
func (s serverHost) portCheck() inspection {
	return inspection{name: "ports", about: "whether each port is the server's, or free for it", look: func(ctx context.Context, n *notes) {
		r, _ := s.running.get(ctx)
		for _, l := range s.cfg.Listens() {
			if l.Port == 0 {
				continue
			}
			list, err := s.holders(ctx, l)
			if err != nil {
				n.unknown("%v", err)
				return
			}
			s.judgePort(n, r, l, at(l, list))
		}
		if s.cfg.Server.Names != "" && s.inKernel(r) {
			all, _ := s.held.get(ctx) // looked at above
			for _, tcp := range []bool{false, true} {
				judgeNames(n, shell(s.File), tcp, all[port{tcp, namesPort}])
			}
		}
	}}
}

// namesPort is where a server answers for the names of its clients, at its own addresses in
// the tunnel.
const namesPort = 53

// judgeNames looks for another program that answers there for all addresses.
func judgeNames(n *notes, file string, tcp bool, list []holder) {
	where := map[bool]string{false: "UDP", true: "TCP"}[tcp] + " port 53"
	for _, h := range list {
		if h.at.IsUnspecified() {
			n.warning(where+" is another program's at all addresses, and the names of clients are not answered", fmt.Sprintf("held by %v", h),
				"have it listen at its own addresses only (dnsmasq: bind-dynamic and except-interface; named: listen-on); or leave `names` out of "+file)
			return
		}
	}
	n.saw("%s is free for the names of clients", where)
}

// at returns the holders of a port that are in the way of a socket.
func at(l config.Listen, all []holder) (list []holder) {
	own, err := netip.ParseAddr(l.Host)
	for _, h := range all {
		if err != nil || h.at.IsUnspecified() || h.at.Unmap() == own || own.IsUnspecified() {
			list = append(list, h)
		}
	}
	return list
}

func (s serverHost) judgePort(n *notes, r runner, l config.Listen, list []holder) {
	where := fmt.Sprintf("%s port %d", strings.ToUpper(l.Proto.Transport()), l.Port)
	ours := func(h holder) bool { return h.name == "culvert" || h.name == "openvpn" || h.pid == 0 && r.by != "" }
	if i := slices.IndexFunc(list, ours); i >= 0 {
		n.saw("%s: %v", where, list[i])
		return
	}
	if len(list) > 0 {
		h, stop := list[0], fmt.Sprintf("choose another port in %s: port %d", shell(s.File), l.Port+1)
		if h.pid != 0 {
			stop = fmt.Sprintf("kill %d; or %s", h.pid, stop)
		}
		n.problem(where+" is another program's, and clients do not reach the server", fmt.Sprintf("held by %v", h), stop)
		return
	}
	if r.by != "" {
		again := "have it read its configuration again where it runs, as by systemctl reload; in another network namespace, look from there"
		if r.pid != 0 {
			again = fmt.Sprintf("kill -HUP %d", r.pid)
		}
		n.problem(fmt.Sprintf("the server runs and does not listen at %s", where), "", again)
		return
	}
	n.saw("%s is free", where)
}

// networkCheck looks for networks of this host that are the clients', too.
func (s serverHost) networkCheck() inspection {
	return inspection{name: "networks", about: "whether the clients' networks are this host's already", look: func(ctx context.Context, n *notes) {
		r, _ := s.running.get(ctx)
		device := s.device(r)
		if r.by == "" {
			device = ""
		}
		near, err := nearby(device)
		if err != nil {
			n.unknown("%v", err)
			return
		}
		for _, p := range s.networks() {
			clash := false
			for dev, list := range near {
				for _, q := range list {
					switch {
					case !p.Overlaps(q), r.by != "" && tunnels(dev) && isOwn(dev, p):
					case tunnels(dev):
						clash = true
						n.warning(fmt.Sprintf("the clients' network %v is that of the tunnel %s too (%v), which is up", p, dev, q), "", "end that tunnel; or choose another network in `server`, such as: server 10.73.0.0 255.255.255.0")
					default:
						clash = true
						n.problem(fmt.Sprintf("the clients' network %v is that of %s too (%v): packets for one go to the other", p, dev, q), "", "choose another network in `server`, such as: server 10.73.0.0 255.255.255.0")
					}
				}
			}
			if !clash {
				n.saw("%v is nobody else's here", p)
			}
		}
	}}
}

// fewFiles is how many open files a server has beside its clients' connections.
const fewFiles = 64

func (s serverHost) filesCheck() inspection {
	return inspection{name: "open files", about: "the limit of open files against max-clients", look: func(ctx context.Context, n *notes) {
		r, _ := s.running.get(ctx)
		pid := r.pid
		if pid == 0 {
			pid = os.Getpid()
		}
		limit, err := openFiles(pid)
		if err != nil {
			n.unknown("%v", err)
			return
		}
		need := fewFiles
		for _, l := range s.cfg.Listens() {
			if l.Proto.TCP {
				need += s.cfg.Server.MaxClients
				break
			}
		}
		if limit < need {
			n.problem(fmt.Sprintf("the server may have %d files open, which is too few for %d clients over TCP", limit, s.cfg.Server.MaxClients), fmt.Sprintf("it needs %d", need), "systemd: LimitNOFILE=65536; shell: ulimit -n 65536")
			return
		}
		n.saw("%d allowed, %d needed at most", limit, need)
	}}
}

func (s serverHost) bufferCheck() inspection {
	return inspection{name: "socket buffers", about: "what the kernel gives against what is asked for", look: func(ctx context.Context, n *notes) {
		buffers(n, s.cfg, mayNetAdmin())
	}}
}

// buffers compares what a configuration asks for with the kernel's limit, which root
// may exceed.
func buffers(n *notes, c *config.Config, root bool) {
	for _, b := range []struct {
		name, directive string
		asked           int
	}{{"net/core/rmem_max", "rcvbuf", c.Link.ReceiveBuffer}, {"net/core/wmem_max", "sndbuf", c.Link.SendBuffer}} {
		text, err := setting(b.name)
		var limit int
		if _, scanErr := fmt.Sscan(text, &limit); err != nil || scanErr != nil {
			n.unknown("%s is not known: %v", b.name, errors.Join(err, scanErr))
			return
		}
		explicit := b.asked > 0
		if b.asked == 0 {
			b.asked = link.DefaultBuffer
		}
		dotted := strings.ReplaceAll(b.name, "/", ".")
		switch {
		case limit >= b.asked, root:
			n.saw("%s: %d bytes, as asked for", b.directive, b.asked)
		case explicit:
			n.found(Finding{Severity: Warning, Text: fmt.Sprintf("the kernel gives %d bytes instead of the %d of `%s`, and bursts are lost", limit, b.asked, b.directive),
				Evidence: fmt.Sprintf("%s = %d", dotted, limit), Mend: fmt.Sprintf("sysctl -w %s=%d", dotted, b.asked), fix: sysctl(b.name, fmt.Sprint(b.asked))})
		default:
			n.note(fmt.Sprintf("the kernel gives at most %d bytes of socket buffer, where %d carry full speed", limit, b.asked), fmt.Sprintf("%s = %d", dotted, limit), fmt.Sprintf("sysctl -w %s=%d", dotted, b.asked))
		}
	}
}
