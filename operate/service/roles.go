package service

import (
	"context"
	"log/slog"

	"culvert/access/auth"
	"culvert/access/crl"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/privsep"
	"culvert/host/process"
	"culvert/link"
	"culvert/nic/ether"
	"culvert/nic/userstack"
	"culvert/nic/userstack/proxy"
	"culvert/operate/backend"
	"culvert/operate/console"
	"culvert/operate/history"
	"culvert/operate/logs"
	"culvert/operate/management"
	"culvert/operate/metrics"
	"culvert/operate/people"
	"culvert/operate/policing"
	"culvert/operate/traces"
	"culvert/role/client"
	"culvert/role/p2p"
	"culvert/role/profile"
	"culvert/role/server"
)

// role is a server, a client or one of two hosts, to be run.
type role interface {
	backend.Backend
	Run(ctx context.Context) error
}

// opened is a role that can run. stop ends what came with it.
type opened struct {
	role
	stop     func()
	programs *hostPrograms // for this host's adapter; nil: there are none
	chosen   *chooser      // for the proxies of user space; nil: all of theirs uses the tunnel
	policing *policing.Policing
	measured *metrics.Metrics
}

// roles makes the role of a configuration, for one run of it.
type roles struct {
	Options
	worker *privsep.Worker // nil: not in a worker
	log    *slog.Logger
	screen *console.Screen // nil: none
	queue  *logs.Queue     // before where the log goes
	jail   process.Jail
	local  *local
	// written writes the PID file before rights are given up; nil: there is a keeper for it.
	written func() error
	// isUp is called when all is set up, though the other side may be out of reach.
	isUp    func() error
	manager *process.Manager // nil: none
	tasks   tasks
	// management is the management interface; nil: none.
	management *management.Interface
	// people is the store of a server's users; nil: it has none.
	people *people.Host
	// history is the file of a server's sessions; nil: it keeps none.
	history *history.Volume
	// passing is what a server without people has in their place.
	passing *passing
	failed  func(error) // ends the run
	asked   func()      // is called when the user asks for the end
	reload  func()
	// programs are those for this host's adapter; nil: there are none.
	programs bringup.Programs
	measured *metrics.Metrics // nil: none are asked for
	traced   *traces.Tracer   // nil: the same
}

func (r roles) open(c *config.Config) (o opened, err error) {
	if r.UserSpace {
		if err := profile.CheckUserSpace(c); err != nil {
			return opened{}, err
		}
	}
	var own *hostPrograms
	if r.programs, own, err = r.watchedPrograms(c); err != nil {
		return opened{}, err
	}
	r.measured, r.traced = measuring(c, r), tracing(c, r.log)
	switch {
	case c.Mode == config.ModeServer:
		o, err = r.openServer(c)
	case c.Pull:
		o, err = r.openClient(c)
	default:
		o, err = r.openHost(c)
	}
	o.programs = own
	o, err = measured(o, r.measured, err)
	return traced(o, r.traced), err
}

// process is what a back end needs of this process.
func (r roles) process() backend.Process {
	return backend.Process{Reload: r.reload, Quit: r.quit, Opened: r.local.open, Peer: bothOf(r.management.Peer, r.measured.Peer), Client: r.management.Client}
}

// quit ends this process as SIGTERM does.
func (r roles) quit() {
	r.log.Info("stopping (culvert disconnect)")
	r.asked()
	r.manager.Stopping()
	r.failed(context.Canceled)
}

func (r roles) openServer(c *config.Config) (opened, error) {
	l, err := newLogins(r, c)
	if err != nil {
		l.stop()
		return opened{}, err
	}
	clients, note, recorded := r.recording(r.management.Client)
	if r.AuditLog != "" {
		r.local.noted(note)
	}
	stop := inTurn(recorded, l.stop)
	o := server.Options{
		Log: r.log, Ask: ask(c), Open: r.hooked(c, r.adapter(c, profile.UserSpaceForward(c.Server, r.log))), Forward: r.Forward && !r.UserSpace,
		KeysDir: r.keysDir(), Lists: r.lists(c), Plugins: l.plugins, Checkers: r.checkers(), SignedIn: r.measured.SignedIn,
	}
	know, err := r.join(c, &o, l.sources, note)
	if err != nil {
		stop()
		return opened{}, err
	}
	rules, err := rulesOf(c, r, know)
	if err != nil {
		stop()
		return opened{}, err
	}
	rules.Join(&o)
	ready, unpoliced := policed(c, r, rules)
	own := namesOf(c, r, &o)
	o.Opened = own.before(c, r.enter())
	pages, board, far := websiteOf(c, r, know), dashboardOf(c, r, know, note), farOf(c, r, note)
	ready, ends, ended := renewing(r, &o, ready)
	o.Ready, stop = answering(far.server(), answering(board.server(), answering(pages, ready))), inTurn(inTurn(ended, inTurn(inTurn(far.close, board.close), pages.Close)), inTurn(sweeping(offersOf(r), r.log), inTurn(own.close, inTurn(unpoliced, stop))))
	p, kept := r.process(), new(recordings)
	p.Records = kept.fare
	if r.traced != nil {
		kept.add(tracesFare(r.traced))
	}
	p.Client, p.Certificates = eachOf(clients, know.happened, own.happened, happenedTo(ends), r.measured.Client), certificatesOf(ends)
	s, err := backend.NewServer(c, o, p)
	if err != nil {
		stop()
		return opened{}, err
	}
	return opened{role: s, stop: inTurn(sessionsOf(r, c, s, know, l.sources, kept), inTurn(know.follow(policedServer{s, rules}), stop)), policing: rules}, nil
}

// checkers are who decides about a server's clients besides its programs.
func (r roles) checkers() (all []auth.Checker) {
	if c := r.management.Checker(); c != nil {
		all = append(all, c)
	}
	return all
}

// serving logs how clients are carried and invited, and that the changes of this host
// will be undone.
func (r roles) serving(s *server.Server) {
	r.management.Serving(s.Addresses())
	if r.UserSpace {
		r.log.Info("serving in user space: no device, no root; TCP, UDP and ping of clients go out by ordinary sockets of this process; they reach what this host reaches, except cloud metadata and, without allow-lan or a pushed route, the networks of its own interfaces")
	} else if len(s.Adapter().Changes) > 0 {
		r.log.Info("this host's changes above are undone on exit, or by `culvert cleanup` after a crash", "device", s.Adapter().Name())
	}
	if r.Invite != "" {
		r.log.Info(r.Invite)
	}
	r.tell()
	r.manager.Status(upText)
}

func (r roles) openClient(c *config.Config) (opened, error) {
	open, reserved, err := r.clientAdapter(c)
	if err != nil {
		return opened{}, err
	}
	o := client.Options{Log: r.log, Network: hostnet.Network{}, Visit: link.DialTCP, Ask: asking(r.screen, r.queue, ask(c)), Manager: managing(c, r.management), Open: r.hooked(c, open), Opened: r.enter(), Lists: r.lists(c), Programs: r.programs, Reload: r.reload, Reopens: r.worker == nil}
	if c.Process.Chroot != "" {
		o.Opened, o.Ready = nil, r.whenUp()
	}
	if r.worker != nil {
		o.Renew = r.worker.Renew
	}
	p := r.process()
	p.Reserved = reserved
	cl, err := backend.NewClient(c, o, p)
	if err != nil {
		return opened{}, err
	}
	chosen := newChooser(c, cl)
	stop, err := r.offer(chosen)
	return opened{role: cl, stop: stop, chosen: chosen}, err
}

// openHost opens one of two hosts without server mode.
func (r roles) openHost(c *config.Config) (opened, error) {
	h, err := backend.NewHost(c, p2p.Options{Log: r.log, Ask: ask(c), Asker: asker(c, r.management), Holder: holder(r.management), Open: r.hooked(c, r.adapter(c, profile.HostForward(r.log))), Opened: r.enter(), Lists: r.lists(c), Programs: r.programs, Reload: r.reload}, r.process())
	if err != nil {
		return opened{}, err
	}
	stop, err := r.offer(h)
	return opened{role: h, stop: stop}, err
}

// lists is where revocation lists are read from again; nil: from their files.
func (r roles) lists(c *config.Config) crl.Source {
	if r.worker == nil || c.Process.Chroot != "" {
		return nil
	}
	return r.worker.Lists
}

// adapter opens what carries packets to and from this host. In user space,
// forward says how peers go on from there.
func (r roles) adapter(c *config.Config, forward *userstack.ForwardOptions) bringup.Opener {
	switch {
	case c.Adapter.DevType == config.DevNull:
		return bringup.Null
	case r.UserSpace:
		return r.userSpace(bringup.UserSpace(forward))
	}
	return bringup.Kernel(r.deviceOptions(c))
}

// userSpace opens the adapter by open, and says what of the configuration has no meaning
// there.
func (r roles) userSpace(open bringup.Opener) bringup.Opener {
	return func(ctx context.Context, want bringup.State) (*bringup.Adapter, error) {
		if want.BlockOutsideDNS {
			r.log.Info("block-outside-dns has no effect in user space: only what uses the proxies and the forwarded ports is in the tunnel, and its names are asked there; " +
				"to lead this whole host into the tunnel, run as administrator with a device")
		}
		return open(ctx, want)
	}
}

// deviceOptions are the settings of a device of the kernel. If there is a keeper, it
// changes this host.
func (r roles) deviceOptions(c *config.Config) bringup.Options {
	o := bringup.Options{Log: r.log, StateDir: r.StateDir, Node: c.Adapter.DevNode, Kind: profile.Kind(c.Adapter), Queues: profile.Queues(c), Profile: profile.Profile(c)}
	if r.worker != nil {
		o.Apply = r.worker.Apply
	}
	return o
}

// clientAdapter is adapter for a client. A worker opens its device at once, since it
// has no right to later; reserved is the device's name then, as it is where there is no
// device. Other processes open it when the server has pushed; that they may is checked
// now, before a login is spent.
func (r roles) clientAdapter(c *config.Config) (open bringup.Opener, reserved string, err error) {
	if r.UserSpace || c.Adapter.DevType == config.DevNull {
		return r.adapter(c, nil), c.Adapter.Dev, nil // it has the name that is asked for
	}
	want := bringup.State{State: hostnet.State{Device: c.Adapter.Dev, MTU: c.Adapter.MTU, LLAddr: profile.LLAddr(c.Adapter)}}
	if c.Adapter.Look != config.AdapterIP {
		want.Ethernet = new(ether.Network)
	}
	if r.worker == nil || c.Process.Chroot != "" {
		return r.adapter(c, nil), "", r.deviceOptions(c).CheckRights(want)
	}
	return bringup.Reserve(r.deviceOptions(c), want)
}

// offer lets programs use a tunnel that has no device, and reports that all is set
// up, even if the other side is out of reach.
func (r roles) offer(d proxy.Dialer) (stop func(), err error) {
	stop = func() {}
	if r.UserSpace {
		if stop, err = serveProxies(d, r.Options, r.log, r.screen); err != nil {
			return nil, err
		}
	}
	r.tell()
	return stop, nil
}

// tell reports that all is set up.
func (r roles) tell() {
	if err := r.isUp(); err != nil {
		r.failed(err)
	}
}
