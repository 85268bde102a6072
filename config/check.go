package config

import (
	"fmt"
	"slices"
)

// checkWhole looks for settings that make no sense together. It runs when each
// line by itself is right.
func (b *builder) checkWhole() {
	b.checkRole()
	b.checkWrapping()
	b.checkEthernet()
	switch {
	case b.isServer():
		b.checkServer()
	case b.Pull:
		b.checkClient()
	case b.TLSServer || b.TLSClient || b.Trust.Secret != nil:
		b.checkPeer()
	}
	b.checkAuth()
	b.checkDNS()
	b.checkClashes()
	sortByPlace(b.Notes, func(n Note) Pos { return n.Pos })
}

// problem reports a fault of the whole, once, at the directive most to do with
// it.
func (b *builder) problem(directive, reason, mend string) {
	pos, ok := b.given[directive]
	if !ok && b.outer != nil {
		b.outer.problem(directive, reason, mend)
		return
	}
	if !ok {
		pos, directive = b.start(), ""
	}
	fault := Error{pos, directive, "", reason, mend}
	if !slices.ContainsFunc(b.errs, func(e *Error) bool { return *e == fault }) {
		b.fail(&fault)
	}
}

// start is the first file, or the command line where there is none.
func (b *builder) start() Pos {
	if b.first == "" {
		return Pos{File: commandLine}
	}
	return Pos{File: b.first}
}

func (b *builder) checkRole() {
	switch {
	case b.isServer() && b.Pull:
		b.problem("client", "one process cannot be client and server", "remove client and pull, or server and mode server")
	case b.TLSServer && b.TLSClient:
		b.problem("tls-client", "tls-client and tls-server exclude each other", "keep one of the two")
	case b.isServer() && !b.TLSServer:
		b.problem("mode", "mode server needs tls-server", "add the line: tls-server")
	case b.Pull && !b.TLSClient:
		b.problem("pull", "pull needs tls-client", "add the line: client")
	case b.Trust.Secret != nil && (b.TLSServer || b.TLSClient || b.isServer()):
		b.problem("secret", "a static key takes the place of TLS, between two hosts", "remove secret, or client, server and the like")
	case !b.isServer() && !b.Pull && !b.TLSClient && !b.TLSServer && b.Trust.Secret == nil:
		b.problem("", "neither client nor server", "add the line: client, or server 10.8.0.0 255.255.255.0")
	}
}

func (b *builder) tlsName() string {
	if b.TLSServer {
		return "tls-server"
	}
	return "tls-client"
}

// checkWrapping allows one protection of the control channel.
func (b *builder) checkWrapping() {
	one := ""
	for _, w := range []struct {
		name string
		file *File
	}{{"tls-auth", b.Trust.TLSAuth}, {"tls-crypt", b.Trust.TLSCrypt}, {"tls-crypt-v2", b.Trust.TLSCryptV2}} {
		switch {
		case w.file == nil:
		case one == "":
			one = w.name
		case w.name == "tls-crypt" || !b.isServer():
			b.fail(&Error{w.file.Pos, w.name, "", one + " is given too", "keep one of the two"})
		}
	}
}

func (b *builder) checkServer() {
	for _, f := range []struct {
		name string
		file *File
	}{{"ca", b.Trust.CA}, {"cert", b.Trust.Cert}, {"key", b.Trust.Key}} {
		if f.file == nil && b.Trust.PKCS12 == nil && !(f.name == "ca" && (len(b.Trust.PeerFingerprints) > 0 || b.Trust.CAPath != "")) {
			b.problem("server", "a server needs "+f.name, "add the line: "+f.name+" FILE, or a block <"+f.name+">")
		}
	}
	if b.Server.Network.IsValid() {
		b.checkPrefix()
	}
	if b.Server.NoPool && !b.pooled() && b.Server.ClientConfigDir == "" && b.Server.ProxyLAN == nil && b.Adapter.DevType != DevTap {
		b.problem("server", "with nopool no client could get an address", "add the line: ifconfig-pool START END; or give each client its own by client-config-dir and ifconfig-push; or remove nopool")
	}
	if b.Server.DuplicateCN && b.Server.PoolPersist != "" {
		b.note(b.at("ifconfig-pool-persist"), "ifconfig-pool-persist: addresses are kept per name, so clients that share one by duplicate-cn get any")
	}
}

// checkPrefix keeps to the sizes that OpenVPN takes: room for the server and
// at least one client, and no more addresses than a pool may have.
func (b *builder) checkPrefix() {
	const largest, smallest = 16, 29
	const mend = "write another network, such as 10.8.0.0 255.255.255.0"
	switch {
	case b.Server.Network.Bits() > smallest:
		b.problem("server", fmt.Sprintf("%s has too few addresses; /%d is the smallest", b.Server.Network, smallest), mend)
	case b.Server.Network.Bits() < largest:
		b.problem("server", fmt.Sprintf("%s has too many addresses; /%d is the largest", b.Server.Network, largest), mend)
	}
	if b.Server.Pool != nil && !b.Server.NoPool {
		b.problem("ifconfig-pool", "server already sets aside a pool", "write server NETWORK NETMASK nopool, or remove ifconfig-pool")
	}
}

func (b *builder) checkClient() {
	if len(b.Link.Remotes) == 0 {
		b.problem("client", "a client needs a server to connect to", "add the line: remote HOST PORT")
	}
	if b.Trust.CA == nil && b.Trust.CAPath == "" && b.Trust.PKCS12 == nil && len(b.Trust.PeerFingerprints) == 0 {
		b.problem("client", "a client needs ca to know its server", "add the line: ca FILE, or a block <ca>")
	}
	switch {
	case b.Trust.Cert != nil && b.Trust.Key == nil:
		b.problem("cert", "there is a certificate but no key", "add the line: key FILE, or a block <key>")
	case b.Trust.Key != nil && b.Trust.Cert == nil:
		b.problem("key", "there is a key but no certificate", "add the line: cert FILE, or a block <cert>")
	case b.Trust.Cert == nil && b.Trust.PKCS12 == nil && b.Login.UserPass == nil:
		b.problem("client", "a client needs cert and key, or auth-user-pass", "add the blocks <cert> and <key>, or the line: auth-user-pass")
	}
	if b.Trust.RemoteCertTLS == AnyUsage && b.Trust.NsCertType == AnyUsage && b.Trust.RemoteCertEKU == "" && b.Trust.VerifyX509Name == nil && len(b.Trust.PeerFingerprints) == 0 {
		b.note(b.start(), "nothing tells the server's certificate from another client's; add the line: remote-cert-tls server")
	}
}
