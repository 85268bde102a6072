package check

import (
	"crypto/x509"
	"fmt"
	"net/netip"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/internal/printable"
)

// listeners looks at what listens beside the VPN: with which certificate, and for whom.
func listeners(s critic) (all []Finding) {
	for _, l := range config.Listeners(s.config) {
		found := append(listening{s, l}.certificate(), listening{s, l}.admission()...)
		for i := range found { // also where the line is one of setenv opt
			found[i].Line = s.config.At(l.Directive).Line
		}
		all = append(all, found...)
	}
	return all
}

// listening is one of them.
type listening struct {
	critic
	config.Listener
}

// served are the words for what each directive serves.
var served = map[string]string{"web-listen": "web pages", "dashboard-listen": "the dashboard", "api-listen": "the API"}

// certificate looks at the certificate that a listener shows. One that it shares with another is
// looked at for its name alone.
func (s listening) certificate() []Finding {
	if !s.HTTPS {
		return nil
	}
	what := "the certificate of " + served[s.Directive]
	if s.Cert == "" {
		return s.ownAuthority(what)
	}
	leaf, found := s.leaf(what)
	if s.Names != s.Directive {
		found = nil // it is said there
	}
	if leaf == nil {
		return found
	}
	const again = "have it issued again"
	switch begins, ends := leaf.NotBefore, leaf.NotAfter; {
	case s.Names != s.Directive:
	case s.now.After(ends):
		found = s.warnAt(nil, Remark, what+" ended on "+ends.UTC().Format(time.DateOnly)+", and is refused", again)
	case s.now.Before(begins):
		found = s.warnAt(nil, Remark, what+" begins on "+begins.UTC().Format(time.DateOnly)+" only, and is refused before", again)
	case ends.Sub(s.now) < webEndsSoon:
		found = s.warnAt(nil, Remark, what+" ends on "+ends.UTC().Format(time.DateOnly), again)
	}
	switch {
	case s.Host != "" && leaf.VerifyHostname(s.Host) != nil:
		found = append(found, s.at(nil, Warn, Remark, fmt.Sprintf("%s is not for %s, which %s names, and browsers refuse it", what, printable.Name(s.Host), s.HostBy),
			again+" for that name, or write another one in "+s.HostBy))
	case s.Host == "" && len(leaf.DNSNames)+len(leaf.IPAddresses) == 0:
		found = append(found, s.at(nil, Warn, Remark, what+" is for no name and no address, and programs refuse it", again+" for the name by which programs ask (subjectAltName)"))
	}
	return found
}

// ownAuthority is what to know of a certificate that the server's own authority issues.
// Programs are told which authority to trust.
func (s listening) ownAuthority(what string) []Finding {
	const name = "have a public authority issue one, and name its files: "
	switch s.Directive {
	case "web-listen":
		return []Finding{s.at(nil, Note, Remark, what+" is one of the server's own authority, which browsers, phones and OpenVPN Connect do not trust", name+"web-listen ADDRESS:PORT CERT KEY")}
	case "dashboard-listen":
		return []Finding{s.at(nil, Note, Remark, what+" is one of the server's own authority, which browsers warn of, and with which passkeys do not work", name+"dashboard-listen ADDRESS:PORT CERT KEY")}
	}
	return nil
}

// leaf reads a certificate and its key; nil: they cannot be used, as the findings say.
func (s listening) leaf(what string) (*x509.Certificate, []Finding) {
	cert, err := s.read(s.Cert)
	var key []byte
	if err == nil {
		key, err = s.read(s.Key)
	}
	if err != nil {
		return nil, s.warnAt(nil, Remark, what+" cannot be read: "+cause(err), "without it nothing is served there: name the files of a certificate and its key, or neither")
	}
	id, err := pki.ParseIdentity(cert, key)
	if err != nil {
		return nil, s.warnAt(nil, Remark, what+" in "+printable.Name(s.Cert)+" and the key in "+printable.Name(s.Key)+" cannot be used together, and nothing is served there",
			"name a certificate, with those of its authorities, and the key that it was issued for, without a passphrase")
	}
	return id.Leaf, nil
}

// webEndsSoon is how long before its end the certificate of a listener is worth a word:
// programs of ACME renew theirs 30 days before.
const webEndsSoon = 14 * 24 * time.Hour

// admission looks at who reaches a listener, and who is admitted there.
func (s listening) admission() (found []Finding) {
	at := s.Listen.Addr()
	for _, n := range []netip.Prefix{s.config.Server.Network, s.config.Server.NetworkIPv6} {
		if s.Directive != "management" && n.IsValid() && n.Contains(at.Unmap()) {
			found = s.warnAt(nil, Remark, fmt.Sprintf("%v is an address in the tunnel (%v), which this host does not have before the server is up, so that nothing listens there", at, n.Masked()),
				"write another address of this host, or * for all of them")
		}
	}
	switch {
	case s.Directive == "dashboard-listen" && len(s.config.Server.Dashboard.Admit) == 0:
		found = append(found, s.at(nil, Note, Remark, "nobody signs in to the dashboard but by a link that is made on the server, or a passkey that was enrolled after one",
			"make a link: culvert dashboard --link --dir D; to let a group of users in, add the line: dashboard-admit GROUP read|operate|administer"))
	case s.Directive == "metrics-listen" && reachedByAll(at):
		text, instead := "metrics are served by HTTP without a password to whoever reaches this host", "write 127.0.0.1 or an address of an inner network: metrics-listen 127.0.0.1:"+fmt.Sprint(s.Listen.Port())+"; or have a packet filter admit Prometheus alone"
		if s.config.Metrics.Per != config.PerNobody || s.config.Metrics.OpenVPNNames {
			text += ", and they name clients"
		}
		found = append(found, s.at(nil, Warn, Insecure, text, instead))
	}
	return found
}

// shared is the range that providers and overlay networks give out behind their own translation.
var shared = netip.MustParsePrefix("100.64.0.0/10")

// reachedByAll reports whether an address is every one of the host, or a public one.
func reachedByAll(a netip.Addr) bool {
	a = a.Unmap()
	return a.IsUnspecified() || !a.IsLoopback() && !a.IsPrivate() && !a.IsLinkLocalUnicast() && !shared.Contains(a)
}
