package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/audit"
	"culvert/access/users"
	"culvert/config"
	"culvert/host/hostnet"
	"culvert/operate/conffile"
	"culvert/operate/doctor"
	"culvert/operate/manage/records/registrar"
	"culvert/operate/orders"
	"culvert/operate/people"
	"culvert/operate/renewals"
	"culvert/operate/service"
	"culvert/operate/setup"
	"culvert/store"
)

func serveCommand(me service.Self) *cobra.Command {
	var dir, board string
	var allowLAN bool
	o := service.Options{Forward: true, Unprivileged: true}
	c := &cobra.Command{
		Use:     "serve {--dir D | FILE}",
		Example: "  culvert serve --dir /etc/culvert",
		Short:   "Run a server, as a router for its clients",
		Long: `Run a server, until interrupted. As root, it makes a TUN device, switches
forwarding on and masquerades for its clients with nftables, and undoes all of that
on exit. Without root it needs no device: it forwards the clients' connections
through ordinary sockets.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file, err := serverFile(dir, args)
			if err != nil {
				return err
			}
			if os.Geteuid() != 0 && !c.Flags().Changed("userspace") {
				o.UserSpace = true
			}
			if dir != "" {
				keptIn(&o, dir)
			}
			o.Examine = attending(dir, doctor.Options{Dir: dir, StateDir: o.StateDir, Forward: o.Forward && !o.UserSpace})
			return service.Run(unsignalled(c.Context()), me, withDashboard(serverLoader(file, dir, allowLAN), board), o)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the server's directory, as made by culvert init")
	c.Flags().BoolVar(&o.UserSpace, "userspace", false, "use no device (default if not root)")
	c.Flags().BoolVar(&allowLAN, "allow-lan", false, "in user space: let clients reach the networks this host is on")
	c.Flags().BoolVar(&o.Forward, "forward", true, "forward and masquerade for the clients")
	c.Flags().StringVar(&board, "dashboard", "", "serve the dashboard for browsers at this `address`:port, as 127.0.0.1:8444 (docs/dashboard.md)")
	c.SetFlagErrorFunc(notDirective)
	c.Flags().StringVar(&o.StateDir, "state-dir", "", "where to note changes to undo, and to put the socket of status, trace and capture (default "+hostnet.DefaultStateDir+")")
	c.Flags().StringVar(&o.Name, "name", "", "name of this process in status, trace and capture (default: role and adapter)")
	return c
}

// attending has a doctor look at a running server each minute, and what ends of its
// directory renewed.
func attending(dir string, o doctor.Options) func(context.Context, func() *config.Config, *slog.Logger) {
	return func(ctx context.Context, now func() *config.Config, log *slog.Logger) {
		var beside sync.WaitGroup
		defer beside.Wait()
		if dir != "" {
			beside.Go(func() { lookingAfter(ctx, o, now, log) })
		}
		doctor.Watch(ctx, o, now, log)
	}
}

// lookingAfter keeps what a server's directory holds from ending, and carries out what the
// server may not do itself.
func lookingAfter(ctx context.Context, o doctor.Options, now func() *config.Config, log *slog.Logger) {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { carryingOut(ctx, o, log) })
	renewing(ctx, o.Dir, now, log)
}

// renewing renews what ends of a server's directory, and announces what clients need.
func renewing(ctx context.Context, dir string, now func() *config.Config, log *slog.Logger) {
	renewals.Watch(ctx, renewals.Options{Dir: dir, Config: now, Log: log, Now: time.Now, Open: func() (store.Store, error) { return people.Running(dir) }})
}

// carryingOut carries out orders of the server: it signs the next certificates of clients
// that ask for them over their sessions, and does what callers of the API want of the
// directory.
func carryingOut(ctx context.Context, o doctor.Options, log *slog.Logger) {
	if !setup.IsMade(o.Dir) {
		return // another program has its authority
	}
	for ctx.Err() == nil {
		s, err := people.Running(o.Dir)
		if err == nil {
			err = desk(o, s, log).Run(ctx)
			s.Close()
		}
		log.Debug("orders of the server are not carried out for a moment", "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(2 * time.Second):
		}
	}
}

// desk carries out what is ordered by a store.
func desk(o doctor.Options, s store.Store, log *slog.Logger) *orders.Desk {
	authority := &renewals.Authority{Dir: o.Dir, Log: log, Now: time.Now, Barred: func(commonName string) error {
		v, err := users.NewBook(s, time.Now).ViewByCommonName(context.Background(), commonName, func(error) {})
		if err != nil {
			return err
		}
		return v.Standing(commonName, "").Barred(time.Now())
	}}
	r := &registrar.Registrar{Dir: o.Dir, Store: s, Log: log, Now: time.Now, Audit: audit.In(o.Dir), Examine: examining(o)}
	kinds := r.Kinds()
	kinds[renewals.OrderKind] = authority.Work(registrar.SigningLane)
	return &orders.Desk{Store: s, Log: log, Kinds: kinds}
}

// examining returns what has the doctor look at the server of a directory.
func examining(o doctor.Options) func(context.Context) (*registrar.Health, error) {
	return func(ctx context.Context) (*registrar.Health, error) {
		report, err := doctor.Examine(ctx, doctor.Options{Dir: o.Dir, StateDir: o.StateDir, NoConnect: true}, func(doctor.Result) {})
		if err != nil {
			return nil, err
		}
		h := &registrar.Health{At: time.Now().UTC(), Outcome: map[int]string{doctor.ExitHealthy: "well", doctor.ExitUnwell: "unwell"}[report.Exit()], Checks: []registrar.Check{}}
		if h.Outcome == "" {
			h.Outcome = "unknown"
		}
		for _, c := range report.Results {
			one := registrar.Check{Name: c.Check, About: c.About, Outcome: string(c.Outcome), Seen: c.Seen, Why: c.Why}
			for _, f := range c.Findings {
				one.Findings = append(one.Findings, registrar.Finding{Severity: string(f.Severity), Text: f.Text, Evidence: f.Evidence, Mend: f.Mend})
			}
			h.Checks = append(h.Checks, one)
		}
		return h, nil
	}
}

// keptIn sets what a server's directory is for besides its configuration.
func keptIn(o *service.Options, dir string) {
	o.Dir, o.KeysDir, o.AuditLog = dir, dir, filepath.Join(dir, audit.Name)
	o.Invite = "to connect a device, make a profile for it: culvert client add NAME --dir " + dir +
		" -o NAME.ovpn; use it there with culvert connect NAME.ovpn or any OpenVPN client"
}

// serverLoader loads a server's configuration, which is that of a directory unless dir
// is "".
func serverLoader(file, dir string, allowLAN bool) func() (*config.Config, error) {
	return func() (*config.Config, error) {
		cfg, err := conffile.Load(file, "a server's configuration, such as server.conf; for a directory made by `culvert init`, use --dir D")
		if err == nil && cfg.Mode != config.ModeServer {
			err = fmt.Errorf("%s is not a server's configuration: it has no `server` line; to connect as a client, use: culvert connect %[1]s", file)
		}
		if err != nil {
			return nil, err
		}
		if allowLAN {
			config.AllowLAN(cfg)
		}
		if advice := setup.Advice(dir); dir != "" && advice != "" {
			cfg.Notes = append(cfg.Notes, config.Note{Pos: config.Pos{File: dir}, Text: advice})
		}
		return cfg, nil
	}
}

// withDashboard loads a server's configuration with a dashboard at an address; "": as it is.
func withDashboard(load func() (*config.Config, error), address string) func() (*config.Config, error) {
	if address == "" {
		return load
	}
	return func() (*config.Config, error) {
		cfg, err := load()
		if err == nil {
			err = config.AddDashboard(cfg, address)
		}
		if err != nil {
			return nil, err
		}
		return cfg, nil
	}
}

func serverFile(dir string, args []string) (string, error) {
	switch {
	case dir != "" && len(args) == 0:
		file := filepath.Join(dir, "server.conf")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s is not a server's directory: it has no server.conf; to make one, run: culvert init --dir %s --host NAME", dir, dir)
		}
		return file, nil
	case dir == "" && len(args) == 1:
		return args[0], nil
	}
	return "", misused("expected either --dir D or a configuration file")
}
