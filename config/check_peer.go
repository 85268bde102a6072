package config

import (
	"maps"
	"slices"
	"strings"
)

// peer checks one of two hosts without server mode.
func (c check) peer() {
	if c.Trust.Secret != nil {
		c.static()
	} else {
		c.peerTLS()
	}
	c.connection()
	if c.Link.NoBind && len(c.Link.Remotes) == 0 {
		c.problem("nobind", "nobody could find this host: it has neither a port of its own nor a remote", "remove nobind, or add the line: remote HOST PORT")
	}
	if c.Adapter.Ifconfig == nil && c.Adapter.IfconfigIPv6 == nil && !c.Adapter.IfconfigNoexec {
		mend := "ifconfig OURS THEIRS"
		if c.Adapter.DevType == DevTap {
			mend = "ifconfig OURS NETMASK, or leave the address to DHCP"
		}
		c.note(c.start(), "there is no ifconfig, so the adapter gets no address; add the line: "+mend)
	}
}

// isPeer reports whether this is one of two hosts without server mode.
func (c *Config) isPeer() bool { return !c.isServer() && !c.Pull }

// ends drops the end of TCP from a protocol where the role decides it.
func (c *Config) ends(p Proto) Proto {
	if !c.isPeer() {
		p.End = AnyEnd
	}
	return p
}

// AwaitsTCP reports whether this is a host that the other one connects to over TCP.
// Its remotes are the addresses that may connect.
func (c *Config) AwaitsTCP() bool {
	if len(c.Link.Remotes) > 0 {
		return c.Link.Remotes[0].Proto.End == Listens
	}
	return c.Link.Proto.End == Listens
}

// connection checks that over TCP one host calls and the other listens.
func (c check) connection() {
	protos := []Proto{c.Link.Proto}
	switch {
	case len(c.Link.Remotes) > 0:
		protos = nil
	case c.Link.Proto.End == Calls:
		c.problem("proto", "a host that calls the other over TCP has to know where it is", "add the line: remote HOST PORT")
		return
	}
	for _, r := range c.Link.Remotes {
		protos = append(protos, r.Proto)
	}
	for _, p := range protos {
		switch {
		case p.TCP && p.End == AnyEnd:
			c.problem("proto", "tcp does not say which of the two hosts calls the other", "write proto tcp-client on the one that calls, and proto tcp-server on the other")
			return
		case p.End != protos[0].End && (p.End == Listens || protos[0].End == Listens):
			c.problem("remote", "this host would wait for the other over TCP and call it as well", "keep either tcp-server or the others")
			return
		}
	}
	if c.AwaitsTCP() && (c.Link.SOCKSProxy != nil || c.Link.HTTPProxy != nil) {
		name := "socks-proxy"
		if c.Link.HTTPProxy != nil {
			name = "http-proxy"
		}
		c.problem(name, "a host that waits for the other over TCP calls nobody through a proxy", "remove the line, or write proto tcp-client")
	}
}

// letsIn are the directives that decide whom a server lets in, or what a client
// shows to be let in. Two hosts without a server have none of them.
var letsIn = []string{"auth-user-pass-verify", "auth-user-pass-optional", "auth-gen-token", "verify-client-cert", "client-cert-not-required",
	"username-as-common-name", "client-crresponse", "tls-crypt-v2-verify", "tls-crypt-v2-max-age", "auth-user-pass", "static-challenge"}

// pulled are the directives about what a server pushes.
var pulled = []string{"pull-filter", "route-nopull", "auth-retry"}

// refuseForPeer refuses directives that seem to protect two hosts without server
// mode and do not, and notes others for a server or a client.
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

func (c check) peerTLS() {
	if c.Trust.CA == nil && c.Trust.CAPath == "" && c.Trust.PKCS12 == nil && len(c.Trust.PeerFingerprints) == 0 {
		c.problem(c.tlsName(), "nothing says whom to trust", "add the line: peer-fingerprint HASH, or: ca FILE")
	}
	if c.Trust.PKCS12 == nil && (c.Trust.Cert == nil || c.Trust.Key == nil) {
		c.problem(c.tlsName(), "both hosts need a certificate and its key", "add the blocks <cert> and <key>")
	}
	c.peerV2()
	if len(c.Trust.PeerFingerprints) == 0 && c.Trust.RemoteCertTLS == AnyUsage && c.Trust.VerifyX509Name == nil {
		c.note(c.start(), "any certificate of the authority is taken for the other host's; add the line: verify-x509-name NAME name, or: peer-fingerprint HASH")
	}
}

// peerV2 checks that the host with the tls-crypt-v2 client key can begin: the other
// learns the key from it.
func (c check) peerV2() {
	if c.Trust.TLSCryptV2 == nil || c.AwaitsTCP() {
		return
	}
	const begins = "with tls-crypt-v2 the host with tls-client begins, since it brings the key"
	switch {
	case c.TLSClient && len(c.Link.Remotes) == 0:
		c.problem("tls-crypt-v2", begins, "add the line: remote HOST PORT; or use tls-crypt FILE, the same on both sides")
	case c.TLSServer && len(c.Link.Remotes) > 0 && !c.Link.Remotes[0].Proto.TCP:
		c.note(c.at("tls-crypt-v2"), "tls-crypt-v2: "+begins+"; it needs the line: remote HOST PORT")
	}
}

// static warns of `secret`, as OpenVPN 2.6 does. OpenVPN 2.7 starts only where a line allows it.
func (c check) static() {
	if !strings.HasSuffix(c.Data.Cipher, "-CBC") || !slices.Contains(supportedCiphers, c.Data.Cipher) {
		c.problem("secret", "a static key needs a cipher in CBC mode, the same on both hosts", "add the line: cipher AES-256-CBC")
	}
	c.noTLS()
	if c.has("no-replay") {
		c.problem("no-replay", "with a static key packets have another form without protection, and could be replayed", "remove it on both ends")
	}
	allowed := ""
	if !c.Data.AllowStaticCrypto {
		allowed = "; OpenVPN 2.7 needs the line: allow-deprecated-insecure-static-crypto"
	}
	c.note(c.at("secret"), "secret: whoever gets this key once can read all traffic, past and future; `culvert pair` makes a link with modern keys"+allowed)
}
