package check

import (
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"culvert/config"
	"culvert/internal/printable"
)

// teller puts into sentences what a configuration does.
type teller struct{ *subject }

// summary says in a few sentences what the configuration does.
func (s teller) summary() []string {
	var all []string
	if s.roleless() {
		return []string{"It does not say what it is: a client, a server, or one of two hosts. So nothing can be said of what it would do."}
	}
	switch s.role() {
	case "server":
		all = []string{s.listens(), s.leases(), s.letsIn(), s.shown(), s.tells()}
	case "client":
		all = []string{s.connects(), s.proves(), s.knows(), s.leads(), s.names()}
	default:
		all = []string{s.pairs(), s.knows(), s.leads(), s.names()}
	}
	all = append(all, s.runs(), s.managed(), s.writes(), s.rights())
	return slices.DeleteFunc(all, func(text string) bool { return text == "" })
}

// roleless reports whether nothing in the file says which end it is for.
func (s teller) roleless() bool {
	c := s.config
	return s.role() == "peer" && !c.TLSClient && !c.TLSServer && c.Trust.Secret == nil
}

// maxNamed limits how many of a kind one sentence names.
const maxNamed = 5

// listed joins words as a sentence does.
func listed(words []string, last string) string {
	if more := len(words) - maxNamed; more > 0 {
		words = append(slices.Clone(words[:maxNamed]), strconv.Itoa(more)+" more")
	}
	if n := len(words); n > 1 {
		return strings.Join(words[:n-1], ", ") + " " + last + " " + words[n-1]
	}
	return strings.Join(words, "")
}

func over(p config.Proto) string {
	text := strings.ToUpper(p.Transport())
	if p.Family != 0 {
		text += fmt.Sprintf(" on IPv%d", p.Family)
	}
	return text
}

func (s teller) remotes() (all []string) {
	for _, r := range s.config.Link.Remotes {
		all = append(all, printable.Name(net.JoinHostPort(r.Host, r.Port))+" over "+over(r.Proto))
	}
	return all
}

// connects names the servers of a client, and the way there.
func (s teller) connects() string {
	l := s.config.Link
	to := s.remotes()
	if len(to) == 0 {
		return "A client, without a server to connect to."
	}
	text := "A client. It connects to " + listed(to, "and then")
	switch {
	case len(to) > 1 && l.RemoteRandom:
		text += ", tried in random order until one answers"
	case len(to) > 1:
		text += ", tried in this order until one answers"
	}
	if l.RemoteRandomHostname {
		text += ", with random characters before each name"
	}
	if p := l.HTTPProxy; p != nil {
		text += ", through the HTTP proxy " + printable.Name(net.JoinHostPort(p.Host, p.Port))
	}
	if p := l.SOCKSProxy; p != nil {
		text += ", through the SOCKS proxy " + printable.Name(net.JoinHostPort(p.Host, p.Port))
	}
	return text + "."
}

// from says where a file's text comes from.
func from(f *config.File) string {
	if f.Inline {
		return "in this file"
	}
	return "in " + printable.Name(f.Name)
}

// named is a file's name, or says that it is a block.
func named(f *config.File) string {
	if f.Inline {
		return "the inline block"
	}
	return printable.Name(f.Name)
}

// proves says how a client shows who it is.
func (s teller) proves() string {
	t, login := s.config.Trust, s.config.Login
	var ways []string
	switch {
	case t.PKCS12 != nil:
		ways = append(ways, "the certificate and key "+from(t.PKCS12))
	case t.Cert != nil:
		ways = append(ways, "the certificate "+from(t.Cert))
	}
	for _, l := range s.lines {
		switch l.Name {
		case "pkcs11-id", "pkcs11-id-management", "cryptoapicert":
			ways = append(ways, "a key in hardware or in a store ("+l.Name+")")
		case "management-external-key":
			ways = append(ways, "a key that the management interface signs with")
		}
	}
	if f := login.UserPass; f != nil {
		switch {
		case f.Inline || f.Name != "":
			ways = append(ways, "the user name and password "+from(f))
		case login.UsernameOnly:
			ways = append(ways, "a user name that it asks for")
		default:
			ways = append(ways, "a user name and password that it asks for")
		}
	}
	if c := login.StaticChallenge; c != nil {
		ways = append(ways, "a code that it asks for")
	}
	if len(ways) == 0 {
		return "It shows the server nothing of who it is."
	}
	return "It proves who it is by " + listed(ways, "and") + "."
}

// authorities says whose certificates are taken.
func (s teller) authorities() (ways []string) {
	t := s.config.Trust
	if len(t.PeerFingerprints) > 0 {
		ways = append(ways, fmt.Sprintf("%d fingerprints", len(t.PeerFingerprints)))
		if len(t.PeerFingerprints) == 1 {
			ways[0] = "its fingerprint"
		}
	}
	switch {
	case t.CA != nil:
		ways = append(ways, "a certificate of the authority "+from(t.CA))
	case t.CAPath != "":
		ways = append(ways, "a certificate of an authority in "+printable.Name(t.CAPath))
	case t.PKCS12 != nil:
		ways = append(ways, "a certificate of the authority "+from(t.PKCS12))
	}
	return ways
}

// demands says what else the other end's certificate must have.
func (s teller) demands() (all []string) {
	t := s.config.Trust
	switch t.RemoteCertTLS {
	case config.ServerUsage:
		all = append(all, "made for a server")
	case config.ClientUsage:
		all = append(all, "made for a client")
	}
	if n := t.VerifyX509Name; n != nil {
		what := map[string]string{"name": "with the name ", "name-prefix": "with a name that begins with ", "subject": "with the subject "}[n.Type]
		all = append(all, what+strconv.Quote(printable.Name(n.Name)))
	}
	for _, name := range []string{"ns-cert-type", "remote-cert-ku", "remote-cert-eku"} {
		if s.has(name) {
			all = append(all, "as "+name+" demands")
		}
	}
	if len(t.TLSVerify) > 0 {
		all = append(all, "that the program of tls-verify accepts")
	}
	if t.CRLVerify != nil || t.CRLVerifyDir != "" {
		all = append(all, "and not on a revocation list")
	}
	return all
}

// knows says how the other end is recognized, and what protects the control channel.
func (s teller) knows() string {
	t := s.config.Trust
	if t.Secret != nil {
		return "Both hosts know each other by the static key " + from(t.Secret) + "."
	}
	ways := s.authorities()
	if len(ways) == 0 {
		return "It has nothing to know the other end by."
	}
	end := "server"
	if s.role() == "peer" {
		end = "other host"
	}
	text := "It knows the " + end + " by " + listed(ways, "and")
	if d := s.demands(); len(d) > 0 {
		text += ", " + strings.Join(d, ", ")
	}
	return text + "." + s.armoured()
}

// armoured says what protects the control channel beside TLS.
func (s teller) armoured() string {
	t := s.config.Trust
	switch {
	case t.TLSCryptV2 != nil:
		return " The control channel is encrypted with a key of this client's own (tls-crypt-v2)."
	case t.TLSCrypt != nil:
		return " The control channel is encrypted with a shared key (tls-crypt)."
	case t.TLSAuth != nil:
		return " The control channel is authenticated with a shared key (tls-auth)."
	}
	return ""
}

// leads says which traffic goes into the tunnel.
func (s teller) leads() string {
	r := s.config.Routing
	var what []string
	if g := r.RedirectGateway; g != nil && !g.Private {
		switch {
		case g.IPv6 && g.NoIPv4:
			what = append(what, "all IPv6 traffic")
		case g.IPv6:
			what = append(what, "all IPv4 and IPv6 traffic")
		default:
			what = append(what, "all IPv4 traffic")
		}
	}
	var nets []string
	for _, route := range r.Routes {
		if route.Gateway.Kind == config.GatewayVPN || route.Gateway.Kind == config.GatewayAddr {
			nets = append(nets, target(route))
		}
	}
	what = append(what, nets...)
	text := "Into the tunnel go " + listed(what, "and")
	if len(what) == 0 {
		text = "By itself it leads no traffic into the tunnel"
		if s.role() == "peer" {
			text = "Only the other host's address is reached through the tunnel"
		}
	}
	switch {
	case r.NoExec:
		return "No routes are set (route-noexec)."
	case s.role() != "client":
	case r.NoPull:
		text += "; routes and DNS that the server pushes are not taken (route-nopull)"
	default:
		text += "; the server may push more"
	}
	return text + "."
}

func target(r config.Route) string {
	if r.Net.IsValid() {
		return r.Net.String()
	}
	return printable.Name(r.Host)
}

// names says which DNS servers are used.
func (s teller) names() string {
	d := s.config.Routing.DNS
	var servers, domains []string
	for _, a := range d.Addrs {
		if len(d.Servers) == 0 {
			servers = append(servers, a.String())
		}
	}
	for _, one := range d.Servers[:min(1, len(d.Servers))] { // as profile takes them
		for _, a := range one.Addrs {
			if a.Port() == 0 || a.Port() == 53 {
				servers = append(servers, a.Addr().String())
			} else {
				servers = append(servers, a.String())
			}
		}
		domains = append(domains, one.ResolveDomains...)
	}
	search := slices.Clone(d.SearchDomains)
	if d.Domain != "" && !slices.Contains(search, d.Domain) {
		search = append([]string{d.Domain}, search...)
	}
	switch {
	case len(servers) == 0 && s.role() == "client" && !s.config.Routing.NoPull:
		return "DNS stays as it is, unless the server pushes a server for it."
	case len(servers) == 0:
		return ""
	}
	text := "DNS questions go to " + listed(servers, "and")
	if len(domains) > 0 {
		text += ", those about names in " + printable.Line(listed(domains, "and"))
	}
	if len(search) > 0 {
		text += "; short names are looked up in " + printable.Line(listed(search, "and"))
	}
	return text + "."
}
