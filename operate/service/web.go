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

// filesOf are the certificate and the key of what a directive has listen: those that the
// configuration names for it, or those of the server's own authority.
func filesOf(c *config.Config, dir, directive string) (cert, key string) {
	if cert, key, _ := c.Server.CertificateOf(directive); cert != "" {
		return cert, key
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
	o.Cert, o.Key = filesOf(c, r.Dir, "web-listen")
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
	for _, l := range config.Listeners(c) {
		if l.HTTPS {
			cert, key := filesOf(c, dir, l.Directive)
			more[cert], more[key] = true, true
		}
	}
	if len(more) == len(names) {
		return names
	}
	return more
}
