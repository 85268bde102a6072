package service

import (
	"context"
	"fmt"
	"net/url"
	"sync"

	"culvert/access/audit"
	"culvert/access/users"
	"culvert/config"
	"culvert/operate/dashboard"
	"culvert/operate/dashboard/pages"
	"culvert/operate/manage/api"
	"culvert/operate/web"
	"culvert/store"
	"culvert/store/memory"
)

// site is a server's dashboard at work, or its API for programs.
type site struct {
	web     *web.Server
	end     context.CancelFunc
	running sync.WaitGroup
}

// openSite opens a site; run is what works for it until it is closed.
func openSite(o web.Options, run func(ctx context.Context)) (*site, error) {
	server, err := web.Open(o)
	if err != nil {
		return nil, err
	}
	ctx, end := context.WithCancel(context.Background())
	s := &site{web: server, end: end}
	s.running.Go(func() { run(ctx) })
	return s, nil
}

// server is where it answers; nil: there is none.
func (s *site) server() *web.Server {
	if s == nil {
		return nil
	}
	return s.web
}

// close ends it: who is signed in is not any more.
func (s *site) close() {
	if s == nil {
		return
	}
	s.end()
	s.running.Wait()
	s.web.Close()
}

// dashboardOf opens the dashboard of a server, before rights are given up; nil: there is none.
// A server whose dashboard cannot be served serves its clients all the same. Call it before
// the people are followed.
func dashboardOf(c *config.Config, r roles, know acquainted, note func(audit.Entry)) *site {
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

func openBoard(c *config.Config, r roles, know acquainted, note func(audit.Entry)) (*site, error) {
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
		People: &dashboard.People{Directory: know.Directory, Checker: know.SignIn(), Admit: admitted(d), Provider: know.browser},
	})
	if err != nil {
		return nil, err
	}
	o := web.Options{Web: d.Web, Log: r.log, Directive: "dashboard-listen", Own: made, What: "the dashboard", Proxied: d.Plain() && at.Scheme == "https"}
	o.Web.URL = at.String()
	if !d.Plain() {
		o.Cert, o.Key = filesOf(c, r.Dir, "dashboard-listen")
		if err := prepare(c, r.Dir, o.Cert); err != nil {
			return nil, err
		}
	}
	s, err := openSite(o, made.Run)
	if err == nil && know.browser != nil {
		r.log.Info("people sign in to the dashboard at the provider of OpenID Connect, too, once this redirect URI is registered there", "uri", dashboard.ReturnURL(at))
	}
	if err == nil {
		know.Directory.OnChange(func(*users.View) { made.Review() })
	}
	return s, err
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
