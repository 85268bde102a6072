// Package service is a process at work: it runs the server, client or host of a
// configuration, does what signals ask for, writes the log, and gives up rights
// it does not need.
package service

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync/atomic"

	"culvert/access/crl"
	"culvert/config"
	"culvert/host/bringup"
	"culvert/host/hostnet"
	"culvert/host/privsep"
	"culvert/host/process"
	"culvert/nic/userstack"
	"culvert/nic/userstack/proxy"
	"culvert/role/client"
	"culvert/role/p2p"
	"culvert/role/profile"
	"culvert/role/server"
	"culvert/tunnel"
)

// Options are the settings that OpenVPN's language has no word for.
type Options struct {
	// UserSpace uses no device and needs no root.
	UserSpace bool
	// StateDir is where undo journals are kept and the local interface's
	// socket is; "" for hostnet's default and manage's.
	StateDir string
	// Name is the process's for the local interface; "" for its role and
	// adapter's.
	Name string
	// Stranger is the file of a configuration that may be a stranger's; "" where
	// whoever wrote it could as well start programs here.
	Stranger string
	// AllowScripts allows a stranger's configuration what it would otherwise be
	// asked about.
	AllowScripts bool
	// Unprivileged gives up root's rights where the configuration does not say
	// as whom to go on.
	Unprivileged bool
	// KeysDir is where a server keeps keys over a restart, sealed; "" for StateDir
	// where that is another than by default, and else for a directory that
	// outlives a restart of the machine.
	KeysDir string
	// Forward makes a server's host a router that masquerades.
	Forward bool
	// Invite is said when clients can connect: how to make one.
	Invite string
	// SOCKS and HTTP are where a tunnel without a device is offered by
	// proxies; with neither, DefaultSOCKS.
	SOCKS, HTTP string
}

// Proxies is whether proxies are asked for, which only a tunnel without a
// device has.
func (o Options) Proxies() bool { return o.SOCKS != "" || o.HTTP != "" }

// tunnel is a server, a client or one of two hosts at work.
type role interface {
	Run(ctx context.Context) error
	Restart()
	Road() *tunnel.Road
	Adapter() *bringup.Adapter // nil before it is up
}

// life is one process from its start to its end, over any number of
// configurations read one after the other.
type life struct {
	Self
	Options
	load func() (*config.Config, error)
	log  *log
	// failed ends the present service for a reason of its own.
	failed context.CancelCauseFunc
	local  local
	config atomic.Pointer[config.Config] // that was read last, of a keeper
	// allowed are the lines that the user allows a stranger's configuration.
	allowed []string
	// pidFile is where this process's number goes (`writepid`); never nil but
	// in a worker.
	pidFile atomic.Pointer[string]
}

// Run carries out a configuration until it ends, and what it says about the
// process: in the background, with less rights. The error is in its log, too,
// where that is not the standard error output.
func Run(ctx context.Context, load func() (*config.Config, error), o Options) error {
	defer process.SurviveBrokenPipes()()
	defer showTyping()
	l := &life{Self: thisProcess(ctx), Options: o, load: checked(load)}
	c, err := await(ctx, l.load)
	stays := ""
	if err == nil {
		stays = o.chooseUser(c)
	}
	if ctx.Err() != nil {
		return errors.New("stopped by a signal, while the configuration was being read")
	}
	if err == nil {
		err = l.consent(ctx, c, AskTerminal)
	}
	ctx = context.WithoutCancel(ctx) // signals are obeyed one by one
	boundMemory()
	var jail process.Jail
	if err == nil {
		jail, err = giveUp(c)
	}
	switch {
	case err != nil:
		c = understood(c, err)
	case c.Process.Daemon && !l.background.Yes() && l.worker == nil:
		return process.Daemonize()
	default:
		err = l.inJail(ctx, c, jail, stays)
	}
	if err != nil {
		l.lastWords(c, err)
	}
	return err
}

// inJail opens the log, and divides the process in two where rights are to be
// given up.
func (l *life) inJail(ctx context.Context, c *config.Config, jail process.Jail, stays string) (err error) {
	l.log = newLog(c, l.worker != nil)
	if l.worker != nil {
		return l.serve(ctx, c, jail)
	}
	if stays != "" {
		l.log.Warn(stays)
	}
	l.programs(c)
	if err := process.CheckPIDFile(c.Process.WritePID); err != nil {
		return err
	}
	l.pidFile.Store(&c.Process.WritePID)
	defer func() {
		if err := process.PIDFile.Remove(); err != nil {
			l.log.Warn(err.Error())
		}
	}()
	if !jail.Empty() && process.Privileged() {
		l.config.Store(c)
		return l.keep()
	}
	if !jail.Empty() {
		l.log.Warn("user, group and chroot have no effect: this is not root, which alone can change them")
	}
	return l.serve(ctx, c, process.Jail{Identity: process.Identity{UID: -1, GID: -1}})
}

// keep stays root for another process that does not.
func (l *life) keep() error {
	return privsep.Run(privsep.Options{
		Log:   l.log.Logger,
		Apply: bringup.Options{Log: l.log.Logger, StateDir: l.StateDir}.Here,
		Check: func() error { _, err := l.reload(); return err },
		Ready: l.isUp,
		Reads: func() privsep.Reads { return reads(l.config.Load()) }, Forget: l.forget,
	})
}

// reload reads the configuration again, for this process or its worker.
func (l *life) reload() (*config.Config, error) {
	c, err := l.load()
	if err == nil {
		err = l.stillAllowed(c)
	}
	if err == nil {
		err = process.CheckPIDFile(c.Process.WritePID)
	}
	if err == nil {
		l.pidFile.Store(&c.Process.WritePID)
		l.config.Store(c)
	}
	return c, err
}

// serve runs one configuration after the other, until there is no next one.
func (l *life) serve(ctx context.Context, c *config.Config, jail process.Jail) error {
	events, stop := l.events()
	defer stop()
	for c != nil {
		l.log.notes(c)
		next, err := l.once(ctx, c, jail, events)
		if err != nil {
			return err
		}
		c = next
	}
	return nil
}

func statusOf(s role, version int) []byte {
	switch s := s.(type) {
	case *server.Server:
		return s.Status(version)
	case interface{ Status() []byte }:
		return s.Status()
	}
	return nil
}

// open makes the service of a configuration.
func (l *life) open(c *config.Config, jail process.Jail) (s role, stop func(), err error) {
	if l.UserSpace {
		if err := profile.CheckUserSpace(c); err != nil {
			return nil, nil, err
		}
	}
	if c.Mode == config.ModeServer {
		s, err = l.openServer(c, jail)
		return s, func() {}, err
	}
	if !c.Pull {
		return l.openHost(c, jail)
	}
	return l.openClient(c, jail)
}

// kernel opens a device, whose host the keeper changes if there is one.
func (l *life) kernel(c *config.Config) bringup.Opener { return bringup.Kernel(l.deviceOptions(c)) }

func (l *life) deviceOptions(c *config.Config) bringup.Options {
	o := bringup.Options{Log: l.log.Logger, StateDir: l.StateDir, Node: c.Adapter.DevNode, Kind: profile.Kind(c), Queues: profile.Queues(c), Profile: profile.Profile(c)}
	if l.worker != nil {
		o.Apply = l.worker.Apply
	}
	return o
}

func (l *life) openServer(c *config.Config, jail process.Jail) (*server.Server, error) {
	var s *server.Server
	open := l.watched(c, l.adapter(c, profile.UserSpaceForward(c, l.log.Logger)), func() role { return s })
	o := server.Options{Log: l.log.Logger, Ask: AskTerminal, Open: open, Forward: l.Forward && !l.UserSpace, Opened: l.opened(jail), KeysDir: l.keysDir()}
	o.Lists = l.lists(c)
	o.Ready = func(s *server.Server) {
		l.describe(s)
		if l.Invite != "" {
			l.log.Info(l.Invite)
		}
		l.tell()
	}
	s, err := server.New(c, o)
	return s, err
}

// lists is where revocation lists are read from again; nil: from their files.
func (l *life) lists(c *config.Config) crl.Source {
	if l.worker == nil || c.Process.Chroot != "" {
		return nil
	}
	return l.worker.Lists
}

// describe says how clients are carried, and that this host gets back what
// hostnet says it took.
func (l *life) describe(s *server.Server) {
	if l.UserSpace {
		l.log.Info("serving in user space: no device, no root; TCP, UDP and ping of clients go out by ordinary sockets of this process; they reach what this host reaches, but for cloud metadata and, without allow-lan or a pushed route, the networks of its own interfaces")
		return
	}
	if len(s.Adapter().Changes) > 0 {
		l.log.Info("this host's changes above are undone on exit, or by `culvert cleanup` after a crash", "device", s.Adapter().Name())
	}
}

func (l *life) openClient(c *config.Config, jail process.Jail) (s role, stop func(), err error) {
	var cl *client.Client
	open, show, err := l.clientAdapter(c, func() role { return cl })
	if err != nil {
		return nil, nil, err
	}
	o := client.Options{Log: l.log.Logger, Network: hostnet.Network{}, Ask: AskTerminal, Open: open, Opened: l.opened(jail), Lists: l.lists(c)}
	if c.Process.Chroot != "" {
		o.Opened, o.Ready = nil, l.whenUp(jail)
	}
	if cl, err = client.New(c, o); err != nil {
		return nil, nil, err
	}
	show()
	stop, err = l.offer(cl)
	return cl, stop, err
}

// openHost is one of two hosts without server mode.
func (l *life) openHost(c *config.Config, jail process.Jail) (s role, stop func(), err error) {
	var h *p2p.Host
	open := l.watched(c, l.adapter(c, nil), func() role { return h })
	h, err = p2p.New(c, p2p.Options{Log: l.log.Logger, Ask: AskTerminal, Open: open, Opened: l.opened(jail), Lists: l.lists(c)})
	if err != nil {
		return nil, nil, err
	}
	stop, err = l.offer(h)
	return h, stop, err
}

// adapter opens what carries packets to and from this host. In user space,
// forward says how a server's clients go on from there.
func (l *life) adapter(c *config.Config, forward *userstack.ForwardOptions) bringup.Opener {
	switch {
	case c.Adapter.DevType == config.DevNull:
		return bringup.Null
	case l.UserSpace:
		return bringup.UserSpace(forward)
	}
	return l.kernel(c)
}

// offer lets programs use a tunnel that has no device, and tells that all is
// set up: the other side may be out of reach for long.
func (l *life) offer(d proxy.Dialer) (stop func(), err error) {
	stop = func() {}
	if l.UserSpace {
		if stop, err = serveProxies(d, l.Options, l.log.Logger); err != nil {
			return nil, err
		}
	}
	l.tell()
	return stop, nil
}

// lines logs a text, whatever `verb` is.
func (l *log) lines(text []byte) {
	level := max(l.level.Level(), slog.LevelInfo)
	for line := range bytes.Lines(text) {
		l.Log(context.Background(), level, strings.TrimSpace(string(line)))
	}
}
