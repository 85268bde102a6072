package doctor

import (
	"context"
	"fmt"
	"time"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/setup"
	"culvert/operate/web"
)

// serverWeb is the pages that a server has for people.
type serverWeb struct{ *server }

// checks are those of the pages; none where there are none.
func (s serverWeb) checks() []inspection {
	if s.cfg == nil || !s.cfg.Server.Web.Yes() {
		return nil
	}
	return []inspection{s.portCheck(), s.certificateCheck()}
}

// listen is where the pages are served.
func (s serverWeb) listen() config.Listen {
	at := s.cfg.Server.Web.Listen
	return config.Listen{Host: at.Addr().String(), Port: int(at.Port()), Proto: config.Proto{TCP: true}}
}

// files are those of the certificate and its key.
func (s serverWeb) files() (cert, key string) {
	if w := s.cfg.Server.Web; w.Cert != "" {
		return w.Cert, w.Key
	}
	return setup.WebFiles(s.Dir)
}

// portCheck looks at who has the port of the pages.
func (s serverWeb) portCheck() inspection {
	return inspection{name: "web port", about: "whether the port of web-listen is the server's, or free for it", look: func(ctx context.Context, n *notes) {
		r, _ := s.running.get(ctx)
		l := s.listen()
		all, err := holders(ctx, []port{{true, l.Port}})
		if err != nil {
			n.unknown("%v", err)
			return
		}
		where := fmt.Sprintf("TCP port %d (web-listen)", l.Port)
		s.judgePort(n, r, where, at(l, all[port{true, l.Port}]))
	}}
}

func (s serverWeb) judgePort(n *notes, r runner, where string, list []holder) {
	for _, h := range list {
		if h.name != "culvert" && (h.pid != 0 || r.by == "") {
			n.problem(where+" is another program's, and the server's pages are not served", fmt.Sprintf("held by %v", h),
				fmt.Sprintf("end that program; or write another port in web-listen and web-url of %s, and restart the server", shell(s.File)))
			return
		}
	}
	switch {
	case len(list) > 0:
		n.saw("%s: %v", where, list[0])
	case r.by == "culvert":
		n.problem("the server runs and does not serve web pages", where+" is nobody's", "see the server's log for why; if web-listen was written after its start, restart it")
	default:
		n.saw("%s is free", where)
	}
}

// certificateCheck looks at what browsers are shown.
func (s serverWeb) certificateCheck() inspection {
	return inspection{name: "web certificate", about: "the certificate of web-listen: its key, its dates, and whether it is for the name in web-url", look: func(_ context.Context, n *notes) {
		certPath, keyPath := s.files()
		own := s.cfg.Server.Web.Cert == ""
		certText, err := process.ReadFile(certPath)
		if err == nil {
			var keyText []byte
			if keyText, err = process.ReadFile(keyPath); err == nil {
				s.judge(n, own, certPath, certText, keyPath, keyText)
				return
			}
		}
		if own {
			n.note("there is no certificate for web pages yet: the server makes one of its own authority when it starts", err.Error(), s.serve())
			return
		}
		n.problem("the certificate of web pages cannot be read, and they are not served", err.Error(), "name the files of a certificate and its key in web-listen, or leave them out for one of the server's own authority")
	}}
}

func (s serverWeb) judge(n *notes, own bool, certPath string, certText []byte, keyPath string, keyText []byte) {
	renew := "have the certificate issued again, for " + s.cfg.Server.Web.Host()
	if own {
		renew = s.serve()
	}
	pair, err := web.Pair(certPath, certText, keyPath, keyText)
	if err != nil {
		n.problem("the certificate of web pages cannot be used", err.Error(), renew)
		return
	}
	now := s.Now()
	dated{"the certificate of web pages", pair.Leaf, renew}.check(n, now)
	if host := s.cfg.Server.Web.Host(); pair.Leaf.VerifyHostname(host) != nil {
		n.problem(fmt.Sprintf("the certificate of web pages is not for %s, which web-url names, and browsers refuse it", host),
			fmt.Sprintf("%s is for %v %v until %s", certPath, pair.Leaf.DNSNames, pair.Leaf.IPAddresses, pair.Leaf.NotAfter.Format(time.DateOnly)), renew)
	}
	if own {
		n.note("web pages have a certificate of the server's own authority, which browsers, phones and OpenVPN Connect do not trust", certPath,
			"have a public authority issue one (ACME), and name its files: web-listen ADDRESS:PORT CERT KEY; see docs/web.md")
	}
}
