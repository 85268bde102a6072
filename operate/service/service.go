// Package service is a process at work: it runs the server, client or host of a
// configuration, does what signals ask for, writes the log, and gives up rights
// it does not need.
package service

import (
	"context"
	"log/slog"

	"culvert/config"
	"culvert/host/process"
)

// Options are the settings that OpenVPN's language has no word for.
type Options struct {
	// UserSpace uses no device and needs no root.
	UserSpace bool
	// StateDir is where undo journals are kept and the local interface's
	// socket is; "" for hostnet's default and manage's.
	StateDir string
	// Name is this process's name for the local interface; "" for its role and
	// adapter, with a number where another process has that name.
	Name string
	// Stranger is the file of a configuration that may be a stranger's; "" where
	// whoever wrote it could as well start programs here.
	Stranger string
	// AllowScripts allows a stranger's configuration everything it would otherwise
	// be asked about.
	AllowScripts bool
	// Unprivileged gives up root's rights if the configuration names no user.
	Unprivileged bool
	// KeysDir is where a server keeps keys over a restart, sealed; "" for StateDir
	// if that is not the default, and otherwise for a directory that outlives a
	// restart of the machine.
	KeysDir string
	// AuditLog is the file in which a server records who is let in and who is refused; "":
	// none.
	AuditLog string
	// Dir is a server's directory, which has the store of its users; "" for none.
	Dir string
	// Forward makes a server's host a router that masquerades.
	Forward bool
	// Invite is logged when clients can connect: how to make one.
	Invite string
	// SOCKS and HTTP are the addresses of the proxies that offer a tunnel without a
	// device; with neither, there is one at DefaultSOCKS.
	SOCKS, HTTP string
	// Show is what a user at the terminal sees of a client.
	Show Show
	// Examine, if not nil, is called beside a server, in the process that has the most
	// rights, until ctx ends: it looks for what keeps the server from working. now
	// returns the configuration that was read last.
	Examine func(ctx context.Context, now func() *config.Config, log *slog.Logger)
}

// Show is what a user at the terminal sees of a client.
type Show int

const (
	// ShowLog writes the log.
	ShowLog Show = iota
	// ShowLive writes stages and a live line, with the warnings of the log, if the
	// standard error output is a terminal and the log goes there; otherwise the log.
	ShowLive
	// ShowJSON writes each event to the standard output, a line of JSON each, and the
	// warnings of the log where that goes.
	ShowJSON
)

// Proxies reports whether proxies are asked for, which only a tunnel without a
// device has.
func (o Options) Proxies() bool { return o.SOCKS != "" || o.HTTP != "" }

// Run carries out a configuration until it ends, a signal asks for its end, or ctx
// ends, and what it says about the process: in the background, with less rights.
// me is from WhoAmI. Signals are Run's, one by one, so ctx should not end by one.
// The error is in its log, too, where that is not the standard error output.
func Run(ctx context.Context, me Self, load func() (*config.Config, error), o Options) error {
	defer process.SurviveBrokenPipes()()
	defer showTyping()
	events, stop := me.events()
	defer stop()
	return newLife(me, load, o).run(ctx, events)
}
