package config

import "fmt"

// check finds settings that make no sense together.
type check struct {
	*Config
	*record
}

// whole checks that the settings make sense together. Each line by itself is right
// by then.
func (c check) whole() {
	c.role()
	c.wrapping()
	c.ethernet()
	switch {
	case c.isServer():
		c.server()
	case c.Pull:
		c.client()
	case c.TLSServer || c.TLSClient || c.Trust.Secret != nil:
		c.peer()
	}
	if c.Link.SingleSession && (c.isServer() || c.Pull) {
		c.note(c.at("single-session"), "single-session: only means something between two hosts without a server, ignored here")
	}
	if c.Trust.ReplayPersist != "" && c.Trust.Secret == nil {
		c.note(c.at("replay-persist"), "replay-persist: without effect with TLS, so the file is not written: what was recorded of a former connection opens nothing, since both ends choose new random numbers and keys for each; OpenVPN keeps the packet ids of tls-auth and tls-crypt in it")
	}
	c.auth()
	asksReaders(c)
	checkHooks(c)
	checkSources(c)
	checkChosen(c)
	c.dns()
	checkManagement(c)
	checkMetrics(c)
	checkListeners(c)
	c.clashes()
	sortByPlace(c.notes, func(n Note) Pos { return n.Pos })
}

func (c check) role() {
	switch {
	case c.isServer() && c.Pull:
		c.problem("client", "one process cannot be client and server", "remove client and pull, or server and mode server")
	case c.TLSServer && c.TLSClient:
		c.problem("tls-client", "tls-client and tls-server exclude each other", "keep one of the two")
	case c.isServer() && !c.TLSServer:
		c.problem("mode", "mode server needs tls-server", "add the line: tls-server")
	case c.Pull && !c.TLSClient:
		c.problem("pull", "pull needs tls-client", "add the line: client")
	case c.Trust.Secret != nil && (c.TLSServer || c.TLSClient || c.isServer()):
		c.problem("secret", "a static key replaces TLS between two hosts", "remove secret, or client, server and the like")
	case !c.isServer() && !c.Pull && !c.TLSClient && !c.TLSServer && c.Trust.Secret == nil:
		c.problem("", "neither client nor server", "add the line: client, or server 10.8.0.0 255.255.255.0")
	}
}

func (c *Config) tlsName() string {
	if c.TLSServer {
		return "tls-server"
	}
	return "tls-client"
}

// wrapping allows one kind of protection for the control channel.
func (c check) wrapping() {
	one := ""
	for _, w := range []struct {
		name string
		file *File
	}{{"tls-auth", c.Trust.TLSAuth}, {"tls-crypt", c.Trust.TLSCrypt}, {"tls-crypt-v2", c.Trust.TLSCryptV2}} {
		switch {
		case w.file == nil:
		case one == "":
			one = w.name
		case w.name == "tls-crypt" || !c.isServer():
			c.fail(&Error{w.file.Pos, w.name, "", one + " is given too", "keep one of the two"})
		}
	}
}

func (c check) server() {
	for _, f := range []struct {
		name string
		file *File
	}{{"ca", c.Trust.CA}, {"cert", c.Trust.Cert}, {"key", c.Trust.Key}} {
		if f.file == nil && c.Trust.PKCS12 == nil && !(f.name == "ca" && (len(c.Trust.PeerFingerprints) > 0 || c.Trust.CAPath != "")) {
			c.problem("server", "a server needs "+f.name, "add the line: "+f.name+" FILE, or a block <"+f.name+">")
		}
	}
	if c.Server.Network.IsValid() {
		c.prefix()
	}
	if c.Server.NoPool && !c.pooled() && c.Server.ClientConfigDir == "" && c.Server.ClientConnect == nil && c.Server.ProxyLAN == nil && c.Adapter.DevType != DevTap {
		c.note(c.at("server"), "server: with nopool no client gets an address; add the line: ifconfig-pool START END; or give each client its own by client-config-dir and ifconfig-push; or remove nopool")
	}
	checkWeb(c)
	checkDashboard(c)
	checkAPI(c)
	checkRecords(c)
	if c.Server.DuplicateCN && c.Server.PoolPersist != "" {
		c.note(c.at("ifconfig-pool-persist"), "ifconfig-pool-persist: addresses are remembered by name, so clients that share a name (duplicate-cn) may get any of them")
	}
}

// prefix limits the network to the sizes that OpenVPN takes: room for the server
// and a client, and no more addresses than a pool may have.
func (c check) prefix() {
	const largest, smallest = 16, 29
	const mend = "write another network, such as 10.8.0.0 255.255.255.0"
	switch {
	case c.Server.Network.Bits() > smallest:
		c.problem("server", fmt.Sprintf("%s has too few addresses; /%d is the smallest", c.Server.Network, smallest), mend)
	case c.Server.Network.Bits() < largest:
		c.problem("server", fmt.Sprintf("%s has too many addresses; /%d is the largest", c.Server.Network, largest), mend)
	}
	if c.Server.Pool != nil && !c.Server.NoPool {
		c.problem("ifconfig-pool", "server already sets aside a pool", "write server NETWORK NETMASK nopool, or remove ifconfig-pool")
	}
}

func (c check) client() {
	if len(c.Link.Remotes) == 0 {
		c.problem("client", "a client needs a server to connect to", "add the line: remote HOST PORT")
	}
	if c.Trust.CA == nil && c.Trust.CAPath == "" && c.Trust.PKCS12 == nil && len(c.Trust.PeerFingerprints) == 0 {
		c.problem("client", "a client needs ca to know its server", "add the line: ca FILE, or a block <ca>")
	}
	switch {
	case c.Trust.Cert != nil && c.Trust.Key == nil && c.Management.ExternalKey == nil:
		c.problem("cert", "there is a certificate but no key", "add the line: key FILE, or a block <key>")
	case c.Trust.Key != nil && c.Trust.Cert == nil:
		c.problem("key", "there is a key but no certificate", "add the line: cert FILE, or a block <cert>")
	case c.Trust.Cert == nil && c.Trust.PKCS12 == nil && c.Login.UserPass == nil && c.Management.ExternalKey == nil:
		c.problem("client", "a client needs cert and key, or auth-user-pass", "add the blocks <cert> and <key>, or the line: auth-user-pass")
	}
	if c.Trust.RemoteCertTLS == AnyUsage && c.Trust.NsCertType == AnyUsage && c.Trust.RemoteCertEKU == "" && c.Trust.VerifyX509Name == nil && len(c.Trust.PeerFingerprints) == 0 {
		c.note(c.start(), "any certificate of the authority is taken for the server's, even another client's; add the line: remote-cert-tls server")
	}
}
