package doctor

import (
	"cmp"
	"context"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"time"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/setup"
	"culvert/operate/web"
)

// beside is an address at which a server answers beside the VPN.
type beside struct {
	*server
	config.Listener
	// again: another one shows the same certificate, and is looked at before.
	again bool
}

// besides are the words for each directive: for its checks, and for what is served.
var besides = map[string]struct{ short, what string }{
	"web-listen": {"web", "web pages"}, "dashboard-listen": {"dashboard", "the dashboard"}, "api-listen": {"API", "the API"}, "metrics-listen": {"metrics", "metrics"},
}

// besidesOf are those that the configuration asks for.
func besidesOf(s *server) (all []beside) {
	if s.cfg == nil {
		return nil
	}
	seen := map[string]bool{}
	for _, l := range config.Listeners(s.cfg) {
		if _, ok := besides[l.Directive]; !ok {
			continue
		}
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

func (b beside) what() string { return besides[b.Directive].what }

// files are those of the certificate and its key.
func (b beside) files() (cert, key string) {
	if b.Cert != "" {
		return b.Cert, b.Key
	}
	return setup.WebFiles(b.Dir)
}

// portCheck looks at who has the port.
func (b beside) portCheck() inspection {
	return inspection{name: besides[b.Directive].short + " port", about: "whether the port of " + b.Directive + " is the server's, or free for it", look: func(ctx context.Context, n *notes) {
		r, _ := b.running.get(ctx)
		l := config.Listen{Host: b.Listen.Addr().String(), Port: int(b.Listen.Port()), Proto: config.Proto{TCP: true}}
		all, err := holders(ctx, []port{{true, l.Port}})
		if err != nil {
			n.unknown("%v", err)
			return
		}
		b.judgePort(n, r, fmt.Sprintf("TCP port %d (%s)", l.Port, b.Directive), at(l, all[port{true, l.Port}]))
	}}
}

func (b beside) judgePort(n *notes, r runner, where string, list []holder) {
	lines := b.Directive
	if b.HostBy != "" { // which names the port, too
		lines += " and " + b.HostBy
	}
	for _, h := range list {
		if !r.has(h) {
			n.problem(where+" is another program's, and the server cannot serve "+b.what()+" there", fmt.Sprintf("held by %v", h),
				fmt.Sprintf("end that program; or write another port in %s of %s, and restart the server", lines, shell(b.File)))
			return
		}
	}
	own, known := isOwnAddress(b.Listen.Addr())
	switch {
	case len(list) > 0:
		n.saw("%s: %v", where, list[0])
	case known != "" && !own:
		n.problem(fmt.Sprintf("%v (%s) is not an address of this host, and the server cannot serve %s there", b.Listen.Addr(), b.Directive, b.what()), "this host has "+known,
			fmt.Sprintf("write one of this host's, or *, in %s of %s, and restart the server", b.Directive, shell(b.File)))
	case r.by == "culvert":
		n.problem("the server runs and does not serve "+b.what(), where+" is nobody's", "see the server's log for why; if "+b.Directive+" was written after its start, restart it")
	default:
		n.saw("%s is free", where)
	}
}

// has reports whether a process that has a port is the one that runs, or of its kin: rights are
// divided among several.
func (r runner) has(h holder) bool {
	if h.pid == 0 {
		return r.by != ""
	}
	return h.name == "culvert" && r.by == "culvert" && (r.pid == 0 || kin(h.pid, r.pid))
}

// isOwnAddress reports whether this host has an address, or may listen at one that it does not
// have. known are those that it has; "": that is not known.
func isOwnAddress(a netip.Addr) (own bool, known string) {
	list, err := net.InterfaceAddrs()
	if err != nil {
		return false, ""
	}
	a = a.Unmap()
	foreign, _ := setting(map[bool]string{true: "net/ipv4/ip_nonlocal_bind", false: "net/ipv6/ip_nonlocal_bind"}[a.Is4()])
	own = a.IsUnspecified() || a.Is4() && a.IsLoopback() || foreign == "1"
	var texts []string
	for _, one := range list {
		if p, err := netip.ParsePrefix(one.String()); err == nil {
			texts, own = append(texts, p.Addr().String()), own || p.Addr() == a
		}
	}
	return own, cmp.Or(strings.Join(texts, ", "), "none")
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
