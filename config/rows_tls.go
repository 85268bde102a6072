package config

import "time"

// tlsRows are the directives of keys, certificates and ciphers.
var tlsRows = []Directive{
	{Name: "tls-server", Where: top, Reload: ReloadRestart, Help: "Be the TLS server.", set: on(func(c *Config) *bool { return &c.TLSServer })},
	{Name: "tls-client", Where: top, Reload: ReloadRestart, Help: "Be the TLS client.", set: on(func(c *Config) *bool { return &c.TLSClient })},
	{Name: "ca", Usage: "file", Where: top, Inline: true, Help: "The authorities trusted to sign the peer's certificate, in PEM.", set: file(func(c *Config) **File { return &c.Trust.CA })},
	{Name: "cert", Usage: "file", Where: top, Inline: true, Help: "Our certificate, in PEM.", set: file(func(c *Config) **File { return &c.Trust.Cert })},
	{Name: "key", Usage: "file", Where: top, Inline: true, Help: "Our private key, in PEM.", set: file(func(c *Config) **File { return &c.Trust.Key })},
	{Name: "extra-certs", Usage: "file", Where: top, Inline: true, Help: "Certificates that complete our chain.", set: file(func(c *Config) **File { return &c.Trust.ExtraCerts })},
	{Name: "tls-auth", Usage: "file [direction]", Where: conn, Inline: true, Reload: ReloadRestart, Help: "A shared key that authenticates the control channel.", set: keyFile(func(c *Config) **File { return &c.Trust.TLSAuth })},
	{Name: "tls-crypt", Usage: "file [direction]", Where: conn, Inline: true, Reload: ReloadRestart, Help: "A shared key that encrypts the control channel.", set: ignoreDirection(file(func(c *Config) **File { return &c.Trust.TLSCrypt }))},
	{Name: "tls-crypt-v2", Usage: "file [allow-noncookie|force-cookie]", Where: conn, Inline: true, Reload: ReloadRestart, Help: "A key of each client's own that encrypts the control channel.", set: setTLSCryptV2},
	{Name: "key-direction", Usage: "0|1", Where: conn, Reload: ReloadRestart, Help: "Which half of the tls-auth key is ours: 0 on the server, 1 on clients.", set: setKeyDirection},
	{Name: "auth", Usage: "digest", Where: top, Help: "The HMAC digest of tls-auth, and of the data channel where its cipher is none or in CBC mode.", set: setAuth},
	{Name: "allow-insecure-none", Where: top, Help: "Take cipher none and auth none, which leave the tunnel open to anybody on the way.", set: on(func(c *Config) *bool { return &c.Data.AllowInsecureNone })},
	{Name: "cipher", Usage: "name", Where: pull, Help: "The data channel's cipher before negotiation existed; see data-ciphers.", set: setCipher},
	{Name: "data-ciphers", Usage: "list", Where: top, Help: "The data channel's ciphers to negotiate from, in order, with colons between.", set: setCiphers},
	{Name: "ncp-ciphers", Same: "data-ciphers", Usage: "list", Where: top, Help: "The old name of data-ciphers.", set: setCiphers},
	{Name: "data-ciphers-fallback", Usage: "name", Where: top, Help: "The cipher for peers that cannot negotiate.", set: setFallback},
	{Name: "tls-version-min", Usage: "version [or-highest]", Where: top, Help: "The oldest TLS version to speak: 1.2 or 1.3.", set: setTLSVersionMin},
	{Name: "tls-version-max", Usage: "version", Where: top, Help: "The newest TLS version to speak.", set: setTLSVersionMax},
	{Name: "tls-cipher", Usage: "list", Where: top, Help: "TLS 1.2 suites, with colons between.", set: colons(func(c *Config) *[]string { return &c.Trust.TLSCipher })},
	{Name: "tls-ciphersuites", Usage: "list", Where: top, Help: "TLS 1.3 suites; all that are safe are used in any case.", set: setTLSCiphersuites},
	{Name: "tls-groups", Usage: "list", Where: top, Help: "Key agreement groups, with colons between.", set: colons(func(c *Config) *[]string { return &c.Trust.TLSGroups })},
	{Name: "remote-cert-tls", Usage: "server|client", Where: top, Help: "Demand that the peer's certificate is a server's or a client's.", set: certUsage},
	{Name: "verify-x509-name", Usage: "name [subject|name|name-prefix]", Where: top, Help: "Demand a name of the peer's certificate.", set: setVerifyX509Name},
	{Name: "reneg-sec", Usage: "max [min]", Where: top, Help: "Change keys after this time; 0 for never.", set: setRenegSec},
	{Name: "reneg-bytes", Usage: "n", Where: top, Help: "Change keys after this many bytes.", set: count(func(c *Config) *int64 { return &c.Timers.RenegBytes })},
	{Name: "reneg-pkts", Usage: "n", Where: top, Help: "Change keys after this many packets.", set: count(func(c *Config) *int64 { return &c.Timers.RenegPackets })},
	{Name: "hand-window", Usage: "seconds", Where: top, Help: "How long a handshake may take.", set: positive(func(c *Config) *time.Duration { return &c.Timers.HandWindow })},
	{Name: "tran-window", Usage: "seconds", Where: top, Help: "How long the old key is good after a change.", set: positive(func(c *Config) *time.Duration { return &c.Timers.TranWindow })},
	{Name: "tls-timeout", Usage: "seconds", Where: top, Help: "First wait before a control packet is sent again.", set: positive(func(c *Config) *time.Duration { return &c.Timers.TLSTimeout })},
	{Name: "tls-exit", Where: top, Help: "Exit when a handshake fails, in place of another try.", set: on(func(c *Config) *bool { return &c.Timers.TLSExit })},
}
