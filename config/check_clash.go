package config

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

// What follows refuses directives that contradict each other, or of which one
// leaves the other without effect: those that OpenVPN 2.6 or 2.7 refuse, as seen
// by running them.

// serversAlone are the server's directives that are an error anywhere else. Others
// get a note.
var serversAlone = []string{"auth-gen-token", "auth-user-pass-optional", "auth-user-pass-verify", "ccd-exclusive", "client-cert-not-required",
	"client-config-dir", "client-crresponse", "client-to-client", "duplicate-cn", "ifconfig-ipv6-pool", "ifconfig-pool",
	"ifconfig-pool-persist", "port-share", "stale-routes-check", "username-as-common-name", "verify-client-cert", "vlan-tagging"}

// notServers are the directives that are an error on a server, with what to write
// instead, "" for nothing.
var notServers = map[string]string{
	"auth-user-pass":       "; to check the clients' passwords write auth-user-pass-verify PROGRAM via-file",
	"http-proxy":           "",
	"http-proxy-option":    "",
	"http-proxy-user-pass": "",
	"nobind":               "",
	"redirect-gateway":     `; for the clients write push "redirect-gateway def1"`,
	"redirect-private":     `; for the clients write push "redirect-private"`,
	"remote":               "",
	"route-delay":          "",
	"socks-proxy":          "",
}

// checkOtherRole refuses the other role's directives. A configuration with two
// roles is one fault, which is reported elsewhere.
func (b *builder) checkOtherRole() {
	switch {
	case b.isServer() && b.Pull:
	case b.isServer():
		for _, name := range slices.Sorted(maps.Keys(notServers)) {
			if b.has(name) {
				b.problem(name, "is for clients, and this is a server's configuration", "remove the line"+notServers[name])
			}
		}
		for _, block := range b.sockets.blocks {
			b.fail(&Error{block.Pos, "<connection>", "", "is for clients, and this is a server's configuration", "remove the block"})
		}
	default:
		for _, name := range serversAlone {
			if b.has(name) && !b.isDefault(name) && !(b.isPeer() && slices.Contains(letsIn, name)) {
				b.problem(name, "is for servers, and this is not a server's configuration", "remove the line, or write it in the server's configuration")
			}
		}
	}
}

// isDefault reports whether a server's directive asks only for what every end asks
// for: the other's certificate.
func (c *Config) isDefault(name string) bool {
	return name == "verify-client-cert" && c.Trust.VerifyClientCert == ClientCertRequire
}

// checkWrittenEnds refuses an end of a TCP connection that the role cannot be. It
// runs while protocols still say what was written.
func (b *builder) checkWrittenEnds() {
	wrong, mend := Listens, "a client calls its server: write tcp-client, or tcp"
	switch {
	case b.isPeer():
		return
	case b.isServer():
		wrong, mend = Calls, "a server waits for its clients: write tcp-server, or tcp"
	}
	check := func(pos Pos, directive string, p Proto) {
		if p.TCP && p.End == wrong {
			b.fail(&Error{pos, directive, "", "is for the other end of the connection", mend})
		}
	}
	check(b.at("proto"), "proto", b.Link.Proto)
	for _, l := range b.sockets.locals {
		if l.proto != nil {
			check(l.Pos, "local", *l.proto)
		}
	}
	for _, r := range b.sockets.remotes {
		if r.proto != nil && !b.isServer() {
			check(r.Pos, "remote", *r.proto)
		}
	}
}

// clashes checks the settings of any role.
func (c check) clashes() {
	for _, pair := range []struct {
		name, other  string // both are given
		reason, mend string
	}{
		{"link-mtu", "tun-mtu", "tun-mtu is given too, and each says how large packets may be", "keep tun-mtu"},
		{"udp-mtu", "tun-mtu", "tun-mtu is given too, and each says how large packets may be", "keep tun-mtu"},
		{"cert", "pkcs12", "pkcs12 is given too, and its file has a certificate", "keep one of the two"},
		{"key", "pkcs12", "pkcs12 is given too, and its file has a key", "keep one of the two"},
	} {
		if c.has(pair.name) && c.has(pair.other) {
			c.problem(pair.name, pair.reason, pair.mend)
		}
	}
	if c.Data.RefuseCompressed && c.Data.Compression.compresses() {
		c.problem(c.Data.Compression.Directive, "asks for packets that allow-compression no refuses", "remove one of the two; stub, or comp-lzo no, keeps the framing alone")
	}
	if least, most := c.Trust.TLSVersionMin, c.Trust.TLSVersionMax; most != "" && cmp.Compare(most, least) < 0 {
		c.problem("tls-version-max", "is below tls-version-min "+least, "remove one of the two lines")
	}
	c.fragment()
	if c.has("mtu-test") && c.streams() {
		c.problem("mtu-test", "tries datagrams, and TCP has none", "remove the line")
	}
	if c.has("mtu-test") && c.isServer() {
		c.note(c.at("mtu-test"), "mtu-test: only clients measure, and a server answers them; write it in their profiles")
	}
	c.inner()
	for _, r := range c.Link.Remotes {
		if own := r.Settings; own != nil {
			c.localFamily(r.Pos, own.Link.Local, r.Proto)
		} else {
			c.localFamily(c.at("local"), c.Link.Local, r.Proto)
		}
	}
	if c.isServer() {
		c.serversOwn()
	}
}

// streams reports whether a remote is reached by TCP, or all of a server's sockets
// are TCP.
func (c *Config) streams() bool {
	if len(c.Link.Remotes) > 0 {
		return slices.ContainsFunc(c.Link.Remotes, func(r Remote) bool { return r.Proto.TCP })
	}
	return !slices.ContainsFunc(c.Listens(), func(l Listen) bool { return !l.Proto.TCP })
}

// inner checks that the addresses inside the tunnel differ from those outside, and
// from each other.
func (c check) inner() {
	i := c.Adapter.Ifconfig
	if i == nil {
		return
	}
	if i.Local == i.Remote {
		c.problem("ifconfig", "both ends of the tunnel have the same address", "write two different ones")
	}
	outer := []string{c.Link.Local}
	for _, r := range c.Link.Remotes {
		outer = append(outer, r.Host)
	}
	for _, host := range outer {
		if a, err := netip.ParseAddr(host); err == nil && (a == i.Local || a == i.Remote) {
			c.problem("ifconfig", host+" is an address outside the tunnel", "write another one, of a network that is used nowhere else")
		}
	}
}

// localFamily refuses a local address that the protocol cannot use.
func (c check) localFamily(pos Pos, host string, p Proto) {
	a, err := netip.ParseAddr(host)
	if err == nil && (p.Family == 4 && a.Is6() || p.Family == 6 && a.Is4()) {
		c.fail(&Error{pos, "local", host, "has another address family than the protocol", "write another address, or a protocol without 4 or 6 in its name"})
	}
}

// serversOwn refuses server settings that others leave without effect.
func (c check) serversOwn() {
	if c.Link.PortShare != nil && !c.listensTCP() {
		c.problem("port-share", "there is no TCP port to share", "write proto tcp-server, or remove the line")
	}
	if c.Server.CCDExclusive && c.Server.ClientConfigDir == "" {
		c.problem("ccd-exclusive", "there is no client-config-dir for a client's file", "add the line: client-config-dir DIR")
	}
	for _, l := range c.Listens() {
		c.localFamily(l.Pos, l.Host, l.Proto)
	}
	if c.Server.PoolPersist != "" && !c.pooled() && c.Server.ProxyLAN == nil {
		c.problem("ifconfig-pool-persist", "there is no pool of addresses to remember", "remove the line, or add: ifconfig-pool START END")
	}
	switch {
	case !c.Server.PoolIPv6.IsValid():
	case c.Server.NetworkIPv6.IsValid():
		c.problem("ifconfig-ipv6-pool", "server-ipv6 already sets aside a pool", "remove the line, or write ifconfig-ipv6 ADDRESS/BITS REMOTE in place of server-ipv6")
	case c.Adapter.IfconfigIPv6 == nil:
		c.problem("ifconfig-ipv6-pool", "the server has no IPv6 address of its own", "add the line: ifconfig-ipv6 ADDRESS/BITS REMOTE")
	}
}

// pooled reports whether a server has addresses set aside for clients.
func (c *Config) pooled() bool {
	return c.Server.Network.IsValid() && !c.Server.NoPool || c.Server.NetworkIPv6.IsValid() || c.Server.Pool != nil || c.Server.PoolIPv6.IsValid()
}

// ofTLS are the directives that mean nothing with a static key, without TLS.
var ofTLS = []string{"ca", "capath", "cert", "crl-verify", "hand-window", "key", "ns-cert-type", "pkcs12", "push-peer-info",
	"remote-cert-eku", "remote-cert-ku", "remote-cert-tls", "reneg-bytes", "reneg-pkts", "reneg-sec", "tls-auth", "tls-cert-profile",
	"tls-cipher", "tls-ciphersuites", "tls-crypt", "tls-crypt-v2", "tls-exit", "tls-timeout", "tls-verify", "tran-window", "verify-x509-name"}

// noTLS refuses directives that seem to protect a tunnel and, with a static key, do
// not.
func (c check) noTLS() {
	for _, name := range ofTLS {
		if c.has(name) {
			c.problem(name, "is part of TLS, which a static key (secret) replaces", "remove one of the two")
		}
	}
}
