package check

import (
	"strings"

	"culvert/config"
)

// old is a directive that OpenVPN gave up, or will.
type old struct {
	args    string // words its values begin with; "" for any
	text    string
	instead string
	mild    bool // not worth a warning
}

// olds are the directives that are deprecated or removed, by name. What stock versions
// do with them is in facts.
var olds = map[string][]old{
	"tls-remote":               {{text: "tls-remote was removed in OpenVPN 2.4", instead: "write verify-x509-name NAME name"}},
	"ns-cert-type":             {{text: "ns-cert-type looks at a field of Netscape's, which certificates have no more", instead: "write remote-cert-tls in place of it"}},
	"keysize":                  {{text: "keysize was removed in OpenVPN 2.6; the cipher's name gives it", instead: "remove the line"}},
	"key-method":               {{text: "key-method was removed in OpenVPN 2.5", instead: "remove the line"}},
	"ncp-disable":              {{text: "ncp-disable was removed in OpenVPN 2.6", instead: "remove the line; data-ciphers with one name offers one"}},
	"ncp-ciphers":              {{text: "ncp-ciphers was renamed in OpenVPN 2.5", instead: "write data-ciphers"}},
	"client-cert-not-required": {{text: "client-cert-not-required was removed in OpenVPN 2.5", instead: "write verify-client-cert none"}},
	"comp-noadapt":             {{text: "comp-noadapt does nothing since compression is given up", instead: "remove the line"}},
	"comp-lzo": {
		{args: "no", text: "comp-lzo no is the old way to ask for the framing of compression", instead: "remove it on both ends"},
		{text: "compression leaks what is encrypted, and OpenVPN gave it up: nothing is compressed, and only the framing stays", instead: "remove it on both ends; for a server with old clients, compress migrate"},
	},
	"compress": {
		{args: "migrate"},
		{text: "compression leaks what is encrypted, and OpenVPN gave it up: nothing is compressed, and only the framing stays", instead: "remove it on both ends; for a server with old clients, compress migrate"},
	},
	"allow-compression":  {{args: "yes", text: "allow-compression yes was removed in OpenVPN 2.7; it means asym", instead: "remove the line, or write allow-compression no"}},
	"persist-key":        {{text: "persist-key is always on since OpenVPN 2.7", instead: "remove the line, once no OpenVPN before 2.7 reads this file", mild: true}},
	"fast-io":            {{text: "fast-io is ignored since OpenVPN 2.7", instead: "remove the line"}},
	"max-routes":         {{text: "max-routes is ignored since OpenVPN 2.4", instead: "remove the line"}},
	"prng":               {{text: "prng was removed in OpenVPN 2.6", instead: "remove the line"}},
	"opt-verify":         {{text: "opt-verify was removed in OpenVPN 2.7", instead: "remove the line"}},
	"tun-ipv6":           {{text: "tun-ipv6 is ignored: a tunnel always carries IPv6", instead: "remove the line"}},
	"http-proxy-retry":   {{text: "http-proxy-retry was removed in OpenVPN 2.4", instead: "remove the line; connect-retry-max limits attempts"}},
	"socks-proxy-retry":  {{text: "socks-proxy-retry was removed in OpenVPN 2.4", instead: "remove the line; connect-retry-max limits attempts"}},
	"http-proxy-timeout": {{text: "http-proxy-timeout was removed in OpenVPN 2.4", instead: "write connect-timeout"}},
	"link-mtu":           {{text: "link-mtu depends on the cipher and is deprecated", instead: "write tun-mtu, or mssfix"}},
	"udp-mtu":            {{text: "udp-mtu is the old name of link-mtu, which is deprecated", instead: "write tun-mtu, or mssfix"}},
	"ecdh-curve":         {{text: "ecdh-curve was replaced by tls-groups", instead: "remove the line, or write tls-groups"}},
	"secret":             {{text: "a shared static key is deprecated since OpenVPN 2.6: it has no forward secrecy", instead: "make a link with modern keys: culvert pair"}},
	"verify-hash":        {{text: "verify-hash is deprecated since OpenVPN 2.6", instead: "write peer-fingerprint HASH, or ca with that authority alone"}},
	"cipher": {
		{args: "none", text: "cipher none leaves nothing open: ciphers are negotiated since OpenVPN 2.6, and the tunnel is encrypted, unless data-ciphers has none, too", instead: "remove the line"},
		{args: "AES-256-GCM", text: "cipher is not used in the negotiation since OpenVPN 2.6, where this one is offered in any case", instead: "write data-ciphers to choose", mild: true},
		{args: "AES-128-GCM", text: "cipher is not used in the negotiation since OpenVPN 2.6, where this one is offered in any case", instead: "write data-ciphers to choose", mild: true},
		{text: "cipher is not used in the negotiation since OpenVPN 2.6", instead: "write data-ciphers, and data-ciphers-fallback for peers before OpenVPN 2.4"},
	},
	"script-security": {{args: "2 system", text: "the second word was removed in OpenVPN 2.3", instead: "write script-security 2"}, {args: "3 system", text: "the second word was removed in OpenVPN 2.3", instead: "write script-security 3"}, {args: "2 execve", text: "the second word was removed in OpenVPN 2.3", instead: "write script-security 2"}, {args: "3 execve", text: "the second word was removed in OpenVPN 2.3", instead: "write script-security 3"}, {args: ""}},
	"disable-occ":     {{text: "disable-occ changes nothing: options are compared only to warn", instead: "remove the line"}},
	"no-replay":       {{text: "no-replay was removed in OpenVPN 2.7", instead: "remove the line"}},
	"no-iv":           {{text: "no-iv was removed in OpenVPN 2.5", instead: "remove the line"}},
}

// deprecated returns what OpenVPN gave up, or will.
func (s critic) deprecated() (all []Finding) {
	for i := range s.lines {
		l := &s.lines[i]
		if o := oldOf(*l); o != nil && o.text != "" && !(l.Name == "cipher" && s.config.Trust.Secret != nil) {
			severity := Warn
			if o.mild {
				severity = Note
			}
			all = append(all, s.at(l, severity, Deprecated, o.text, o.instead))
		}
	}
	if s.isServer() && s.config.Adapter.DevType == config.DevTun && !s.has("topology") {
		all = append(all, s.at(nil, Warn, Deprecated, "there is no topology: it is subnet here and since OpenVPN 2.7, and was net30 before, where ifconfig-push means another thing", "add the line: topology subnet"))
	}
	return all
}

// oldOf returns what is known about a line that is deprecated, nil if it is not.
func oldOf(l config.Line) *old {
	values := strings.Join(l.Args, " ")
	for _, o := range olds[l.Name] {
		if strings.HasPrefix(values, o.args) {
			return &o
		}
	}
	return nil
}
