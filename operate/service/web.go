package service

import (
	"maps"
	"time"

	"culvert/access/oidc"
	"culvert/config"
	"culvert/operate/handover"
	"culvert/operate/setup"
	"culvert/operate/web"
	"culvert/role/server"
)

// webFiles are the certificate and the key of a server's web pages: those that its
// configuration names, or those of its own authority.
func webFiles(c *config.Config, dir string) (cert, key string) {
	return filesOf(dir, c.Server.Web)
}

// apiFiles are those of a server's API for programs: its own, or else those of its pages or of
// its dashboard.
func apiFiles(c *config.Config, dir string) (cert, key string) {
	return filesOf(dir, c.Server.API, c.Server.Web, c.Server.Dashboard.Web)
}

// filesOf are the certificate and the key that the first of some listeners names, or else those
// of the server's own authority.
func filesOf(dir string, listeners ...config.Web) (cert, key string) {
	for _, l := range listeners {
		if l.Cert != "" {
			return l.Cert, l.Key
		}
	}
	return setup.WebFiles(dir)
}

// prepare sees to it that a certificate is there, if it is one of the server's own authority.
func prepare(c *config.Config, dir, cert string) error {
	if own, _ := setup.WebFiles(dir); cert != own {
		return nil
	}
	return setup.PrepareWeb(dir, c.Server.OwnWebHost(), time.Now())
}

// websiteOf opens the web pages of a server, before rights are given up; nil: there are none.
// A server whose pages cannot be served serves its clients all the same.
func websiteOf(c *config.Config, r roles, know acquainted) *web.Server {
	if !c.Server.Web.Yes() {
		return nil
	}
	s, err := openWeb(c, r)
	if err != nil {
		r.log.Error("no web pages are served: links to profiles, and signing in by a browser, do not work", "error", err)
		return nil
	}
	if r.people != nil {
		pages := handover.Handler(handover.Options{Store: r.people, Base: s.URL(), Log: r.log, Fetched: fetched(r)})
		s.Handle(handover.PagePath, pages)
		s.Handle(handover.ImportPath, pages)
	}
	if know.browser != nil {
		s.Handle(oidc.Path, know.browser.Handler())
	}
	return s
}

func openWeb(c *config.Config, r roles) (*web.Server, error) {
	o := web.Options{Web: c.Server.Web, Log: r.log}
	o.Cert, o.Key = webFiles(c, r.Dir)
	if err := prepare(c, r.Dir, o.Cert); err != nil {
		return nil, err
	}
	return web.Open(o)
}

// answering returns what to do when a server is ready: its pages are served from then on.
func answering(s *web.Server, ready func(*server.Server)) func(*server.Server) {
	if s == nil {
		return ready
	}
	return func(of *server.Server) {
		ready(of)
		s.Start()
	}
}

// readAgain are the files that a worker may have its keeper read: names, and those of the
// certificates of web pages, the dashboard and the API, which are renewed while it runs.
func readAgain(c *config.Config, dir string, names map[string]bool) map[string]bool {
	if c.Mode != config.ModeServer {
		return names
	}
	more := map[string]bool{}
	maps.Copy(more, names)
	if c.Server.Web.Yes() {
		cert, key := webFiles(c, dir)
		more[cert], more[key] = true, true
	}
	if d := c.Server.Dashboard; d.Yes() && !d.Plain() {
		cert, key := dashboardFiles(c, dir)
		more[cert], more[key] = true, true
	}
	if c.Server.API.Yes() {
		cert, key := apiFiles(c, dir)
		more[cert], more[key] = true, true
	}
	if len(more) == len(names) {
		return names
	}
	return more
}
