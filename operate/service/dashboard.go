package service

import (
	"context"
	"fmt"
	"net/url"
	"sync"
	"time"

	"culvert/access/audit"
	"culvert/access/users"
	"culvert/config"
	"culvert/operate/dashboard"
	"culvert/operate/dashboard/pages"
	"culvert/operate/manage/api"
	"culvert/operate/setup"
	"culvert/operate/web"
	"culvert/store"
	"culvert/store/memory"
)

// board is a server's dashboard at work.
type board struct {
	site    *web.Server
	end     context.CancelFunc
	running sync.WaitGroup
}

// server is where it answers; nil: there is none.
func (b *board) server() *web.Server {
	if b == nil {
		return nil
	}
	return b.site
}

// close ends it: who is signed in is not any more.
func (b *board) close() {
	if b == nil {
		return
	}
	b.end()
	b.running.Wait()
	b.site.Close()
}

// dashboardOf opens the dashboard of a server, before rights are given up; nil: there is none.
// A server whose dashboard cannot be served serves its clients all the same. Call it before
// the people are followed.
func dashboardOf(c *config.Config, r roles, know acquainted, note func(audit.Entry)) *board {
	if !c.Server.Dashboard.Yes() {
		return nil
	}
	b, err := openBoard(c, r, know, note)
	if err != nil {
		r.log.Error("no dashboard is served; everything else works", "error", err)
		return nil
	}
	return b
}

func openBoard(c *config.Config, r roles, know acquainted, note func(audit.Entry)) (*board, error) {
	if know.Accounts == nil {
		return nil, fmt.Errorf("nobody could sign in, since this server has no store of users and asks no directory; serve it by culvert serve --dir D")
	}
	d := c.Server.Dashboard
	at, err := url.Parse(c.Server.DashboardURL())
	if err != nil {
		return nil, fmt.Errorf("dashboard-url: %w", err)
	}
	var kept store.Store = memory.New() // has no links: nobody can make any
	if r.people != nil {
		kept = r.people
	}
	made, err := dashboard.New(dashboard.Options{
		API: r.local.api.Handler(), Pages: pages.FS(), URL: at, Names: namesOfBoard(d), Store: kept, Note: note, Log: r.log,
		People: &dashboard.People{Directory: know.Directory, Checker: know.SignIn(), Admit: admitted(d)},
	})
	if err != nil {
		return nil, err
	}
	o := web.Options{Web: d.Web, Log: r.log, Directive: "dashboard-listen", Own: made, Proxied: d.Plain() && at.Scheme == "https"}
	o.Web.URL = at.String()
	if !d.Plain() {
		if c.Server.OwnWebHost() != "" && d.Cert == "" {
			if err := setup.PrepareWeb(r.Dir, at.Hostname(), time.Now()); err != nil {
				return nil, err
			}
		}
		o.Cert, o.Key = dashboardFiles(c, r.Dir)
	}
	b := new(board)
	if b.site, err = web.Open(o); err != nil {
		return nil, err
	}
	know.Directory.OnChange(func(*users.View) { made.Review() })
	var ctx context.Context
	ctx, b.end = context.WithCancel(context.Background())
	b.running.Go(func() { made.Run(ctx) })
	return b, nil
}

// dashboardFiles are the certificate and the key of a server's dashboard: its own, or else
// those of web pages.
func dashboardFiles(c *config.Config, dir string) (cert, key string) {
	if d := c.Server.Dashboard; d.Cert != "" {
		return d.Cert, d.Key
	}
	return webFiles(c, dir)
}

// namesOfBoard are the names besides that of its URL by which a dashboard may be asked for.
func namesOfBoard(d config.Dashboard) []string {
	switch a := d.Listen.Addr(); {
	case a.IsLoopback():
		return []string{"localhost", "127.0.0.1", "::1"}
	case !a.IsUnspecified():
		return []string{a.String()}
	}
	return nil
}

func admitted(d config.Dashboard) (all []dashboard.Admit) {
	for _, a := range d.Admit {
		all = append(all, dashboard.Admit{Group: a.Group, Scope: api.Scope(a.Scope)})
	}
	return all
}
