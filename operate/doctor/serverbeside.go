package doctor

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"culvert/host/process"
	"culvert/operate/setup"
	"culvert/operate/web"
)

// beside is an address at which a server answers beside the VPN.
type beside struct {
	*server
	endpoint
	// again: another one shows the same certificate, and is looked at before.
	again bool
}

// besidesOf are those that the configuration asks for.
func besidesOf(s *server) (all []beside) {
	if s.cfg == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, l := range endpointsOf(s.cfg, place{"server", s.File, "restart the server", s.running.get}) {
		b := beside{s, l, false}
		if l.HTTPS {
			cert, _ := b.files()
			b.again, seen[cert] = seen[cert], true
		}
		all = append(all, b)
	}
	return all
}

// besideChecks are all checks of them.
func besideChecks(s *server) (list []inspection) {
	for _, b := range besidesOf(s) {
		list = append(list, b.portCheck())
		if b.HTTPS {
			list = append(list, b.certificateCheck())
		}
	}
	return list
}

// besideCertificates are the checks of their certificates.
func besideCertificates(s *server) (list []inspection) {
	for _, b := range besidesOf(s) {
		if b.HTTPS {
			list = append(list, b.certificateCheck())
		}
	}
	return list
}

// files are those of the certificate and its key.
func (b beside) files() (cert, key string) {
	if b.Cert != "" {
		return b.Cert, b.Key
	}
	return setup.WebFiles(b.Dir)
}

// certificateCheck looks at what browsers and programs are shown.
func (b beside) certificateCheck() inspection {
	about := "the certificate of " + b.Directive + ": its key, its dates, and whether it is for the name by which it is asked for"
	return inspection{name: besides[b.Directive].short + " certificate", about: about, look: func(_ context.Context, n *notes) {
		certPath, keyPath := b.files()
		own := b.Cert == ""
		certText, err := process.ReadFile(certPath)
		var keyText []byte
		if err == nil {
			keyText, err = process.ReadFile(keyPath)
		}
		switch {
		case err == nil:
			b.judge(n, own, certPath, certText, keyPath, keyText)
		case b.again: // it is said there
		case own:
			n.note("there is no certificate for "+b.what()+" yet: the server makes one of its own authority when it starts", err.Error(), b.serve())
		default:
			n.problem("the certificate of "+b.what()+" cannot be read, and nothing is served there", err.Error(), "name the files of a certificate and its key in "+b.Names+", or leave them out for one of the server's own authority")
		}
	}}
}

func (b beside) judge(n *notes, own bool, certPath string, certText []byte, keyPath string, keyText []byte) {
	what, renew := "the certificate of "+b.what(), "have the certificate issued again, for "+cmp.Or(b.Host, "the name by which programs ask")
	if own {
		renew = b.serve()
	}
	pair, err := web.Pair(certPath, certText, keyPath, keyText)
	if err != nil {
		if !b.again {
			n.problem(what+" cannot be used", err.Error(), renew)
		}
		return
	}
	if !b.again {
		dated{what, pair.Leaf, renew}.check(n, b.Now())
	}
	if b.Host != "" && pair.Leaf.VerifyHostname(b.Host) != nil {
		n.problem(fmt.Sprintf("%s is not for %s, which %s names, and browsers refuse it", what, b.Host, b.HostBy),
			fmt.Sprintf("%s is for %v %v until %s", certPath, pair.Leaf.DNSNames, pair.Leaf.IPAddresses, pair.Leaf.NotAfter.Format(time.DateOnly)), renew)
	}
	if own {
		b.ownAuthority(n, certPath)
	}
}

// ownAuthority says who does not trust a certificate of the server's own authority. Programs
// that ask the API are told which authority to trust.
func (b beside) ownAuthority(n *notes, certPath string) {
	const name = "have a public authority issue one (ACME), and name its files: "
	switch b.Directive {
	case "web-listen":
		n.note("web pages have a certificate of the server's own authority, which browsers, phones and OpenVPN Connect do not trust", certPath, name+"web-listen ADDRESS:PORT CERT KEY; see docs/web.md")
	case "dashboard-listen":
		n.note("the dashboard has a certificate of the server's own authority, which browsers warn of, and with which passkeys do not work", certPath, name+"dashboard-listen ADDRESS:PORT CERT KEY; see docs/dashboard.md")
	}
}
