package config

// notHardware is the reason of details about keys in hardware. A directive that
// names such a key is refused.
const notHardware = "ignored; it is about keys in hardware, which are not supported"

// noPKCS11 is why keys in hardware are refused, and the ways out.
const noPKCS11 = "keys in hardware are reached by a PKCS#11 module, which is a C library, and this program has no C: " +
	"put certificate and key in files, and name them with cert and key; or keep the key where it is, and have a program sign with it, by management-external-key"

// noEngine is why an engine is not loaded. OpenVPN 2.6 and 2.7 with OpenSSL 3 start without it, too.
const noEngine = "ignored; there is no OpenSSL here, so no engine of it; ciphers use the processor's own instructions, and for a key in hardware a program can sign with it, by management-external-key"

// trustRows are the directives of PartTrust.
var trustRows = list{
	{Name: "ca", Usage: "file", Where: top, Inline: true, Help: "Trust these authorities to sign the other end's certificate (PEM).", set: file(func(c *Config) **File { return &c.Trust.CA })},
	{Name: "capath", Usage: "dir", Where: top, Help: "Trust the authorities (HASH.0) in this directory, with their revocation lists (HASH.r0).", set: text(func(c *Config) *string { return &c.Trust.CAPath })},
	{Name: "cert", Usage: "file", Where: top, Inline: true, Help: "Use this certificate (PEM).", set: file(func(c *Config) **File { return &c.Trust.Cert })},
	{Name: "key", conceal: concealBlock, Usage: "file", Where: top, Inline: true, Help: "Use this private key (PEM).", set: file(func(c *Config) **File { return &c.Trust.Key })},
	{Name: "extra-certs", Usage: "file", Where: top, Inline: true, Help: "Send these certificates too, to complete the chain to an authority.", set: file(func(c *Config) **File { return &c.Trust.ExtraCerts })},
	{Name: "pkcs12", conceal: concealBlock, Usage: "file", Where: top, Inline: true, Help: "Take authority, certificate and key from one PKCS#12 file; as a block, in base64.", set: file(func(c *Config) **File { return &c.Trust.PKCS12 })},
	{Name: "askpass", Usage: "[file]", Where: top, Help: "Ask for the private key's password, or read it from the first line of this file.", set: setAskPass},
	{Name: "peer-fingerprint", Adds: true, Usage: "hash ...", Where: top, Inline: true, Help: "Accept the certificates with these SHA-256 hashes; no authority is needed then.", set: setPeerFingerprint},
	{Name: "crl-verify", Usage: "file [dir]", Where: top, Inline: true, Reload: ReloadLive, Help: "Refuse revoked certificates: a list in PEM, or a directory with a file for each serial number.", set: setCRLVerify},
	{Name: "remote-cert-tls", Usage: "server|client", Where: top, Help: "Demand that the other end's certificate is made for a server or for a client.", set: certUsage},
	{Name: "remote-cert-ku", Usage: "[usage] ...", Where: top, Help: "Demand this key usage of the other end's certificate.", set: setRemoteCertKU},
	{Name: "remote-cert-eku", Usage: "usage ...", Where: top, Help: "Demand this extended key usage of the other end's certificate.", set: setRemoteCertEKU},
	{Name: "ns-cert-type", Usage: "server|client", Where: top, Help: "Demand a server's or client's certificate; remote-cert-tls replaces it.", set: setNsCertType},
	{Name: "verify-x509-name", Usage: "name [subject|name|name-prefix]", Where: top, Help: "Demand this name in the other end's certificate.", set: setVerifyX509Name},
	{Name: "tls-remote", Same: "verify-x509-name", Usage: "name", Where: top, Help: "Demand this name; verify-x509-name replaced it in OpenVPN 2.4.", set: setTLSRemote},
	{Name: "verify-client-cert", Usage: "none|optional|require", Where: top, Role: RoleServer, Default: "require", Help: "Say whether clients need a certificate.", set: choice(func(c *Config) *ClientCert { return &c.Trust.VerifyClientCert }, word[ClientCert]{"none", ClientCertNone}, word[ClientCert]{"optional", ClientCertOptional}, word[ClientCert]{"require", ClientCertRequire})},
	{Name: "client-cert-not-required", Same: "verify-client-cert", Where: top, Role: RoleServer, Help: "Let clients in without a certificate; verify-client-cert none replaced it in OpenVPN 2.5.", set: setClientCertNotRequired},
	{Name: "x509-username-field", Usage: "field ...", Where: top, Help: "Take the owner's name from this field of a certificate.", set: setUsernameField},
	{Name: "tls-verify", conceal: concealCommand, Usage: "command", Where: top, Touches: TouchRuns, Help: "Have this program check certificates.", set: command(func(c *Config) *[]string { return &c.Trust.TLSVerify })},
	{Name: "tls-auth", conceal: concealBlock, Usage: "file [direction]", Where: conn, Inline: true, Help: "Authenticate the control channel with this shared key.", set: keyFile(func(c *Config) **File { return &c.Trust.TLSAuth })},
	{Name: "tls-crypt", conceal: concealBlock, Usage: "file [direction]", Where: conn, Inline: true, Help: "Encrypt the control channel with this shared key.", set: ignoreDirection(file(func(c *Config) **File { return &c.Trust.TLSCrypt }))},
	{Name: "tls-crypt-v2", conceal: concealBlock, Usage: "file [allow-noncookie|force-cookie]", Where: conn, Inline: true, Help: "Encrypt the control channel with a key of each client's own.", set: setTLSCryptV2},
	{Name: "tls-crypt-v2-verify", conceal: concealCommand, Usage: "command", Where: top, Role: RoleServer, Touches: TouchRuns, Help: "Have this program check the metadata in a client's tls-crypt-v2 key.", set: command(func(c *Config) *[]string { return &c.Trust.TLSCryptV2Verify })},
	{Name: "tls-crypt-v2-max-age", Usage: "days", Where: top, Role: RoleServer, Help: "Refuse tls-crypt-v2 client keys that are older than this many days.", set: integer(1, 1<<20, func(c *Config) *int { return &c.Trust.TLSCryptV2MaxAge })},
	{Name: "key-direction", Usage: "0|1", Where: conn, Help: "Use this half of the tls-auth key: 0 on the server, 1 on clients.", set: setKeyDirection},
	{Name: "tls-version-min", Usage: "version [or-highest]", Where: top, Default: "1.2", Help: "Speak no TLS version older than this: 1.2 or 1.3.", set: setTLSVersionMin},
	{Name: "tls-version-max", Usage: "version", Where: top, Help: "Speak no TLS version newer than this: 1.2 or 1.3.", set: setTLSVersionMax},
	{Name: "tls-cipher", Usage: "list", Where: top, Help: "Use these TLS 1.2 suites, with colons between.", set: colons(func(c *Config) *[]string { return &c.Trust.TLSCipher })},
	{Name: "tls-ciphersuites", Usage: "list", Where: top, Help: "Choose the TLS 1.3 suites; all of them are safe, and all are used.", set: setTLSCiphersuites},
	{Name: "tls-groups", Usage: "list", Where: top, Help: "Use these key agreement groups, with colons between.", set: colons(func(c *Config) *[]string { return &c.Trust.TLSGroups })},
	{Name: "ecdh-curve", Same: "tls-groups", Usage: "name", Where: top, Help: "Use this key agreement group; tls-groups replaces it.", set: setECDHCurve},
	{Name: "tls-cert-profile", Usage: "legacy|preferred|insecure|suiteb", Where: top, Default: "legacy", Help: "Accept certificates with these algorithms.", set: setCertProfile},
	{Name: "providers", Usage: "name ...", Where: top, Help: "Load these OpenSSL providers; default and legacy need nothing here, others are refused.", set: setProviders},
	{Name: "force-tls-key-material-export", Guards: true, Where: top, Role: RoleServer, Help: "Refuse clients that cannot derive keys by RFC 5705: those from before OpenVPN 2.6.", set: on(func(c *Config) *bool { return &c.Trust.ForceKeyExport })},
	{Name: "key-method", Usage: "n", Where: top, Help: "Choose how keys are exchanged; removed in OpenVPN 2.5.", set: setKeyMethod},
	{Name: "replay-persist", Usage: "file", Where: top, Touches: TouchWrites, Reason: "with a static key, ignored with TLS", Help: "Of two hosts with a static key: keep in this file how far the other has come, to refuse packets from before a restart.", set: text(func(c *Config) *string { return &c.Trust.ReplayPersist })},

	// Accepted, and nothing to do.
	{Name: "dh", Usage: "file|none", Where: top, Inline: true, Status: Harmless, Help: "Name Diffie-Hellman parameters; elliptic curves are used in any case.", set: setDH},
	{Name: "persist-key", Where: pull, Status: Harmless, Help: "Keep keys across restarts, which is always done."},
	{Name: "prng", Usage: "[algorithm] [length]", Where: conn, Status: Harmless, Help: "Choose the random number generator; removed in OpenVPN 2.6."},
	{Name: "use-prediction-resistance", Where: top, Status: Harmless, Help: "Reseed the random number generator often; removed in OpenVPN 2.8."},
	{Name: "engine", Usage: "[name]", Where: top, Status: Harmless, Reason: noEngine, Help: "Use an OpenSSL engine."},
	{Name: "pkcs11-pin-cache", Usage: "seconds", Where: top, Status: Harmless, Reason: notHardware, Help: "Remember the PIN of a key in hardware for this long."},
	{Name: "pkcs11-private-mode", Usage: "mode ...", Where: top, Status: Harmless, Reason: notHardware, Help: "Say how to use a key in hardware."},
	{Name: "pkcs11-protected-authentication", Usage: "flag ...", Where: top, Status: Harmless, Reason: notHardware, Help: "Enter the PIN on the device."},
	{Name: "pkcs11-cert-private", Usage: "flag ...", Where: top, Status: Harmless, Reason: notHardware, Help: "Say whether reading certificates needs a PIN."},

	// Refused.
	{Name: "pkcs11-providers", Usage: "provider ...", Where: top, Status: Refused, Reason: noPKCS11, Touches: TouchRuns, Help: "Load these modules for keys in hardware."},
	{Name: "pkcs11-id", Usage: "name", Where: top, Status: Refused, Reason: noPKCS11, Help: "Use this key in hardware."},
	{Name: "pkcs11-id-management", Where: top, Status: Refused, Reason: noPKCS11, Help: "Let the management interface choose the key in hardware."},
	{Name: "verify-hash", Guards: true, Usage: "hash [algorithm]", Where: top, Inline: true, Status: Refused, Reason: "refused, as it was deprecated: it compares the authority's certificate only; name that authority alone with ca, or the peer's own certificate with peer-fingerprint", Help: "Accept only the authority with this hash."},
	{Name: "compat-names", Usage: "[flag]", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.5; use verify-x509-name with the subject as the certificate has it", Help: "Write certificate names as OpenVPN 2.2 did; removed in OpenVPN 2.5."},
	{Name: "no-name-remapping", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.5; names are never changed, so remove the line", Help: "Keep special characters in certificate names; removed in OpenVPN 2.5."},
	{Name: "cryptoapicert", Usage: "selector", Where: top, Status: Refused, Reason: "the certificate is in the Windows store, which is not here; export it and name it with cert and key", Help: "Use a certificate of the Windows store."},
}
