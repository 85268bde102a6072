package config

import (
	"maps"
	"slices"
	"strings"
)

// checkPeer is checkWhole's part for two hosts without server mode.
func (b *builder) checkPeer() {
	if b.Trust.Secret != nil {
		b.checkStatic()
	} else {
		b.checkPeerTLS()
	}
	b.checkEnds()
	if b.Link.NoBind && len(b.Link.Remotes) == 0 {
		b.problem("nobind", "nobody could find this host: it has neither a port of its own nor a remote", "remove nobind, or add the line: remote HOST PORT")
	}
	if b.Adapter.Ifconfig == nil && b.Adapter.IfconfigIPv6 == nil && !b.Adapter.IfconfigNoexec {
		mend := "ifconfig OURS THEIRS"
		if b.Adapter.DevType == DevTap {
			mend = "ifconfig OURS NETMASK, or leave the address to DHCP"
		}
		b.note(b.start(), "there is no ifconfig, so the adapter gets no address; add the line: "+mend)
	}
}

// isPeer tells one of two hosts without server mode.
func (b *builder) isPeer() bool { return !b.isServer() && !b.Pull }

// ends forgets which end of TCP a protocol names, where the role says it.
func (b *builder) ends(p Proto) Proto {
	if !b.isPeer() {
		p.End = AnyEnd
	}
	return p
}

// calls tells a host that connects to another over TCP. It runs before remotes
// are resolved.
func (b *builder) calls() bool {
	for _, r := range b.remotes {
		p := b.Link.Proto
		if r.proto != nil {
			p = *r.proto
		}
		if !p.TCP || p.End == Listens {
			return false
		}
	}
	return b.isPeer() && len(b.remotes) > 0
}

// AwaitsTCP tells one of two hosts that the other connects to over TCP. Its
// remotes are those that may.
func (c *Config) AwaitsTCP() bool {
	if len(c.Link.Remotes) > 0 {
		return c.Link.Remotes[0].Proto.End == Listens
	}
	return c.Link.Proto.End == Listens
}

// checkEnds sees to it that over TCP one host calls and the other listens.
func (b *builder) checkEnds() {
	protos := []Proto{b.Link.Proto}
	switch {
	case len(b.Link.Remotes) > 0:
		protos = nil
	case b.Link.Proto.End == Calls:
		b.problem("proto", "a host that calls the other over TCP has to know where it is", "add the line: remote HOST PORT")
		return
	}
	for _, r := range b.Link.Remotes {
		protos = append(protos, r.Proto)
	}
	for _, p := range protos {
		switch {
		case p.TCP && p.End == AnyEnd:
			b.problem("proto", "tcp does not say which of the two hosts calls the other", "write proto tcp-client on the one that calls, and proto tcp-server on the other")
			return
		case p.End != protos[0].End && (p.End == Listens || protos[0].End == Listens):
			b.problem("remote", "this host would wait for the other over TCP and call it as well", "keep either tcp-server or the others")
			return
		}
	}
	if b.AwaitsTCP() && (b.Link.SOCKSProxy != nil || b.Link.HTTPProxy != nil) {
		name := "socks-proxy"
		if b.Link.HTTPProxy != nil {
			name = "http-proxy"
		}
		b.problem(name, "a host that waits for the other over TCP calls nobody through a proxy", "remove the line, or write proto tcp-client")
	}
}

// letsIn are the directives that decide who may come in to a server, or what a
// client says to be let in, and that no two hosts know.
var letsIn = []string{"auth-user-pass-verify", "auth-user-pass-optional", "auth-gen-token", "verify-client-cert", "client-cert-not-required",
	"username-as-common-name", "client-crresponse", "tls-crypt-v2-verify", "tls-crypt-v2-max-age", "auth-user-pass", "static-challenge"}

// pulled are the directives about what a server pushes.
var pulled = []string{"pull-filter", "route-nopull", "auth-retry"}

// refuseForPeer refuses what would seem to protect two hosts without server
// mode, and notes what else is a server's or a client's.
func (b *builder) refuseForPeer() {
	for _, name := range slices.Sorted(maps.Keys(b.given)) {
		row := b.rows[name]
		switch {
		case slices.Contains(letsIn, name) && !b.isDefault(name):
			b.problem(name, "two hosts without server mode know each other by certificate or key alone, and ask for no passwords",
				"remove the line, or make one of them a server")
		case row.isFor(RoleServer) && name != "tcp-queue-limit":
			b.note(b.given[name], name+": only means something on a server, ignored here")
		case slices.Contains(pulled, name):
			b.note(b.given[name], name+": only means something on a client of a server, ignored here")
		}
	}
	b.Login.GenTokenSecret = nil
}

func (b *builder) checkPeerTLS() {
	if b.Trust.CA == nil && b.Trust.CAPath == "" && b.Trust.PKCS12 == nil && len(b.Trust.PeerFingerprints) == 0 {
		b.problem(b.tlsName(), "nothing says whom to trust", "add the line: peer-fingerprint HASH, or: ca FILE")
	}
	if b.Trust.PKCS12 == nil && (b.Trust.Cert == nil || b.Trust.Key == nil) {
		b.problem(b.tlsName(), "both hosts need a certificate and its key", "add the blocks <cert> and <key>")
	}
	b.checkPeerV2()
	if len(b.Trust.PeerFingerprints) == 0 && b.Trust.RemoteCertTLS == AnyUsage && b.Trust.VerifyX509Name == nil {
		b.note(b.start(), "any certificate of the authority is taken for the other host's; add the line: verify-x509-name NAME name, or: peer-fingerprint HASH")
	}
}

// checkPeerV2 sees to it that the host whose key the other one has to learn can
// begin.
func (b *builder) checkPeerV2() {
	if b.Trust.TLSCryptV2 == nil || b.AwaitsTCP() {
		return
	}
	const begins = "with tls-crypt-v2 the host with tls-client begins, since it brings the key"
	switch {
	case b.TLSClient && len(b.Link.Remotes) == 0:
		b.problem("tls-crypt-v2", begins, "add the line: remote HOST PORT; or use tls-crypt FILE, the same on both sides")
	case b.TLSServer && len(b.Link.Remotes) > 0 && !b.Link.Remotes[0].Proto.TCP:
		b.note(b.at("tls-crypt-v2"), "tls-crypt-v2: "+begins+"; it needs the line: remote HOST PORT")
	}
}

// checkStatic allows `secret` where it was asked for in so many words.
func (b *builder) checkStatic() {
	if !b.Data.AllowStaticCrypto {
		b.problem("secret", "a shared static key has no forward secrecy: who gets it once can read all traffic, past and future",
			"make a link with modern keys by `culvert pair`, or add the line: allow-deprecated-insecure-static-crypto")
		return
	}
	if !strings.HasSuffix(b.Data.Cipher, "-CBC") || !slices.Contains(supportedCiphers, b.Data.Cipher) {
		b.problem("secret", "a static key needs a cipher in CBC mode, the same on both hosts", "add the line: cipher AES-256-CBC")
	}
	b.checkNoTLS()
	b.note(b.at("secret"), "secret: who gets this key once can read all traffic, past and future; `culvert pair` makes a link with modern keys")
}
