package main

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/config"
	"culvert/operate/conffile"
	"culvert/operate/console"
	"culvert/operate/dashboard"
	"culvert/operate/dashboard/pages"
	"culvert/operate/manage"
	"culvert/operate/people"
)

func dashboardCommand() *cobra.Command {
	var r running
	var l dashboardLink
	var link, quiet bool
	listen := "127.0.0.1:0"
	c := &cobra.Command{
		Use:        "dashboard [NAME]",
		Example:    "  culvert dashboard\n  culvert dashboard --link --dir /etc/culvert",
		SuggestFor: []string{"web", "gui", "ui", "panel"},
		Short:      "See and steer a running process in a browser",
		Long: `Serve the dashboard of a running process on this machine alone, and open it in a
browser, or print a link to it. The link works once, for ten minutes, for whoever has it.
Ctrl-C ends it. NAME is the process's, such as server-tun0; it is needed where several run.

With --link, print such a link to the dashboard that a server serves itself
(dashboard-listen, or culvert serve --dashboard): by it, whoever may write to the server's
directory signs in, and enrols a passkey.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if link {
				if l.listen = ""; c.Flags().Changed("listen") {
					l.listen = listen
				}
				return l.print(c, args)
			}
			if err := r.named(args); err != nil {
				return err
			}
			return openDashboard(c, &r, listen, quiet)
		},
	}
	c.Flags().StringVar(&listen, "listen", listen, "where to listen: `address`:port of this machine alone; with --link, what culvert serve --dashboard was given")
	c.Flags().BoolVar(&quiet, "no-browser", false, "print the link, and open no browser")
	c.Flags().BoolVar(&link, "link", false, "print a link to the dashboard that the server of --dir serves")
	c.Flags().StringVar(&l.dir, "dir", "", "with --link: the server's directory")
	c.Flags().StringVar(&l.user, "user", "", "with --link: sign in as this user of the server (default: with all rights)")
	r.flags(c)
	r.farFlags(c)
	return c
}

// openDashboard serves the dashboard of a running process until Ctrl-C.
func openDashboard(c *cobra.Command, r *running, listen string, quiet bool) error {
	client, err := r.dial()
	if err != nil {
		return err
	}
	if _, err := client.Process(c.Context()); err != nil {
		return err
	}
	board, err := dashboard.OpenLocal(dashboard.LocalOptions{Listen: listen, Socket: manage.TransportTo(client), Name: client.Name(), By: people.By(), Pages: pages.FS(), Log: slog.Default()})
	if err != nil {
		return fmt.Errorf("--listen: %w", err)
	}
	ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	out := c.OutOrStdout()
	if !quiet && console.Browse(board.Link) {
		fmt.Fprintf(out, "The dashboard of %s opens in your browser. If it does not, open:\n  %s\n", client.Name(), board.Link)
	} else {
		fmt.Fprintf(out, "Open the dashboard of %s by this link, which works once, for ten minutes:\n  %s\n", client.Name(), board.Link)
	}
	if os.Getenv("SSH_CONNECTION") != "" {
		host, _ := os.Hostname()
		fmt.Fprintf(out, "If your browser is on another machine, run this there first:\n  ssh -N -L %d:127.0.0.1:%[1]d %s\n", board.Port(), host)
	}
	fmt.Fprintln(out, "Ctrl-C ends it.")
	return board.Run(ctx)
}

// dashboardLink is a link to a server's own dashboard.
type dashboardLink struct{ dir, user, listen string }

func (l *dashboardLink) print(c *cobra.Command, args []string) error {
	if l.dir == "" || len(args) > 0 {
		return misused("--link: expected --dir D, the directory of the server, and no name")
	}
	file := filepath.Join(l.dir, "server.conf")
	cfg, err := conffile.Load(file, "the configuration of the server in "+l.dir)
	if err == nil && l.listen != "" {
		err = config.AddDashboard(cfg, l.listen)
	}
	if err != nil {
		return err
	}
	if !cfg.Server.Dashboard.Yes() {
		return fmt.Errorf("--link: the server serves no dashboard; add these lines to %s, with its public name, and restart it:\n  setenv opt dashboard-listen *:8444\n  setenv opt dashboard-url https://NAME:8444", file)
	}
	at, err := url.Parse(cfg.Server.DashboardURL())
	if err != nil {
		return err
	}
	s, err := people.Open(l.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	if l.user != "" {
		u, groups, err := users.NewBook(s, time.Now).User(c.Context(), l.user)
		if err != nil {
			return err
		}
		if !admits(cfg.Server.Dashboard, groups) {
			return fmt.Errorf("%s is in no group that may use the dashboard; name one of theirs in %s, as: setenv opt dashboard-admit GROUP administer", u.Name, file)
		}
	}
	link, err := dashboard.MakeLink(context.WithoutCancel(c.Context()), s, time.Now(), at, l.user, people.By())
	if err != nil {
		return err
	}
	fmt.Fprintf(c.OutOrStdout(), "Open the dashboard by this link, which works once, until %s:\n  %s\n", time.Now().Add(dashboard.LinkTime).Local().Format("15:04 MST"), link)
	return nil
}

// admits reports whether a dashboard lets one of some groups in.
func admits(d config.Dashboard, groups []*users.Group) bool {
	return slices.ContainsFunc(d.Admit, func(a config.DashboardAdmit) bool {
		return slices.ContainsFunc(groups, func(g *users.Group) bool { return g.Name == a.Group })
	})
}
