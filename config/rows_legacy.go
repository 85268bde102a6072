package config

// notHardware is said of details of keys in hardware. What names such a key is
// refused.
const notHardware = "ignored; it is about keys in hardware, which are not supported"

// legacyRows are the directives that change nothing here, those that other
// systems or products take, those of OpenVPN's past, and what only a server's
// push may hold.
var legacyRows = []Directive{
	// Nothing to do here, and nothing to say.
	{Name: "persist-key", Where: pull, Status: Harmless, Help: "Keys are always kept across restarts."},
	{Name: "persist-tun", Where: pull, Status: Harmless, Help: "The adapter is always kept across restarts."},
	{Name: "persist-local-ip", Where: top, Status: Harmless, Help: "Keep the local address across restarts."},
	{Name: "persist-remote-ip", Where: top, Role: RoleClient, Status: Harmless, Help: "Keep the server's address across restarts."},
	{Name: "dh", Usage: "file|none", Where: top, Inline: true, Status: Harmless, Help: "Diffie-Hellman parameters, or none; elliptic curves are used in any case.", set: setDH},
	{Name: "fast-io", Where: top, Status: Harmless, Help: "Ignored since OpenVPN 2.7."},
	{Name: "max-routes", Usage: "n", Where: top, Status: Harmless, Help: "Ignored since OpenVPN 2.4."},
	{Name: "prng", Usage: "[algorithm] [length]", Where: top, Status: Harmless, Help: "Removed in OpenVPN 2.6."},
	{Name: "opt-verify", Where: top, Status: Harmless, Help: "Removed in OpenVPN 2.7."},
	{Name: "tun-ipv6", Where: pull, Status: Harmless, Help: "IPv6 is always carried."},
	{Name: "comp-noadapt", Where: pull, Status: Harmless, Help: "Nothing is compressed."},
	{Name: "route-delay", Usage: "[seconds] [wait]", Where: pull, Status: Harmless, Help: "Routes are added as soon as they can be."},
	{Name: "route-method", Usage: "method", Where: top, Status: Harmless, Help: "How Windows adds routes."},
	{Name: "disable-dco", Where: top, Status: Harmless, Help: "No kernel module is used."},
	{Name: "ifconfig-nowarn", Where: pull, Status: Harmless, Help: "Do not compare addresses with the peer's."},
	{Name: "tun-mtu-extra", Usage: "bytes", Where: conn, Status: Harmless, Help: "Room in buffers, for tap adapters."},
	{Name: "tun-mtu-max", Usage: "bytes", Where: top, Status: Harmless, Help: "Room in buffers for a pushed MTU."},
	{Name: "hash-size", Usage: "real virtual", Where: top, Role: RoleServer, Status: Harmless, Help: "The size of tables, which grow by themselves.", set: setHashSize},
	{Name: "bcast-buffers", Usage: "n", Where: top, Role: RoleServer, Status: Harmless, Help: "Buffers for broadcasts."},
	{Name: "errors-to-stderr", Where: top, Status: Harmless, Help: "Errors always go to the standard error output, unless there is a log."},
	{Name: "echo", Adds: true, Usage: "[text] ...", Where: pull, Help: "A message for the log, and for programs that read it.", set: setEcho},
	{Name: "parameter", Adds: true, Usage: "[text] ...", Where: pull, Status: Harmless, Help: "A message for a program that reads the log."},
	{Name: "use-prediction-resistance", Where: top, Status: Harmless, Help: "Removed in OpenVPN 2.8."},

	// Nothing to do here, but worth a word.
	{Name: "disable-occ", Where: top, Status: Harmless, Reason: "no options are compared anyway", Help: "Do not compare options with the peer's."},
	{Name: "link-mtu", Usage: "bytes", Where: conn, Status: Harmless, Reason: "ignored, since it depends on the cipher; set tun-mtu or mssfix instead", Help: "The largest outer packet, deprecated."},
	{Name: "udp-mtu", Usage: "bytes", Where: conn, Status: Harmless, Reason: "ignored, since it depends on the cipher; set tun-mtu or mssfix instead", Help: "The old name of link-mtu."},
	{Name: "mtu-test", Where: top, Status: Harmless, Reason: "ignored; nothing is measured", Help: "Measure the path's MTU."},
	{Name: "mtu-dynamic", Usage: "[min] [max]", Where: conn, Status: Refused, Reason: "was removed long ago; use mssfix", Help: "The forerunner of fragment."},
	{Name: "passtos", Where: top, Status: Harmless, Reason: "ignored; outer packets carry no type of service", Help: "Copy the type of service to outer packets."},
	{Name: "replay-persist", Usage: "file", Where: top, Status: Harmless, Reason: "ignored; nothing is kept across restarts", Help: "Keep the replay window across restarts.", set: text(func(c *Config) *string { return &c.Trust.ReplayPersist })},
	{Name: "machine-readable-output", Where: top, Status: Harmless, Reason: "ignored; lines of the log have their time and severity as ever", Help: "Another form of the log, for programs that read it."},
	{Name: "nice", Usage: "n", Where: top, Status: Harmless, Reason: "ignored; start it with nice", Help: "The process' priority."},
	{Name: "iproute", Usage: "command", Where: top, Status: Harmless, Reason: "ignored; no program is needed to set addresses and routes", Help: "The program that sets addresses and routes."},
	{Name: "http-proxy-retry", Usage: "[value]", Where: conn, Role: RoleClient, Status: Harmless, Reason: "ignored since OpenVPN 2.4; see connect-retry-max", Help: "Removed in OpenVPN 2.4."},
	{Name: "http-proxy-timeout", Usage: "[seconds]", Where: conn, Role: RoleClient, Status: Harmless, Reason: "ignored since OpenVPN 2.4; see connect-timeout", Help: "Removed in OpenVPN 2.4."},
	{Name: "socks-proxy-retry", Usage: "[value]", Where: conn, Role: RoleClient, Status: Harmless, Reason: "ignored since OpenVPN 2.4; see connect-retry-max", Help: "Removed in OpenVPN 2.4."},
	{Name: "keysize", Usage: "bits", Where: top, Status: Harmless, Reason: "ignored; a cipher's name gives its key size", Help: "Removed in OpenVPN 2.6."},
	{Name: "mptcp", Where: top, Status: Harmless, Reason: "ignored; not part of OpenVPN", Help: "A patch for multipath TCP."},
	{Name: "enable-dco", Where: top, Status: Harmless, Reason: "ignored; no kernel module is used", Help: "A patch for kernel offload."},

	{Name: "providers", Usage: "name ...", Where: top, Status: Harmless, Reason: "ignored; there is no OpenSSL here, and ciphers and keys need no provider", Help: "OpenSSL providers."},
	{Name: "up-delay", Where: top, Status: Harmless, Reason: "ignored; it is about the program of up, and none is run", Help: "Open the adapter when the peer is connected."},
	{Name: "up-restart", Where: top, Status: Harmless, Reason: "ignored; it is about the programs of up and down, and none is run", Help: "Run up and down at restarts too."},
	{Name: "down-pre", Where: top, Status: Harmless, Reason: "ignored; it is about the program of down, and none is run", Help: "Run down before the adapter is down."},
	{Name: "keying-material-exporter", Usage: "label length", Where: top, Status: Harmless, Reason: "ignored; it is about plugins, and none is loaded", Help: "Key material for plugins."},
	{Name: "pkcs11-pin-cache", Usage: "seconds", Where: top, Status: Harmless, Reason: notHardware, Help: "How long to remember a PIN."},
	{Name: "pkcs11-private-mode", Usage: "mode ...", Where: top, Status: Harmless, Reason: notHardware, Help: "How to use a key in hardware."},
	{Name: "pkcs11-protected-authentication", Usage: "flag ...", Where: top, Status: Harmless, Reason: notHardware, Help: "Enter the PIN on the device."},
	{Name: "pkcs11-cert-private", Usage: "flag ...", Where: top, Status: Harmless, Reason: notHardware, Help: "Whether reading certificates needs a PIN."},
	{Name: "x509-track", Adds: true, Usage: "attribute", Where: top, Help: "Attributes of certificates for programs.", set: func(*builder, *call) error { return nil }},
	{Name: "remap-usr1", Usage: "SIGHUP|SIGTERM", Where: top, Help: "What becomes of a restart: SIGHUP reads the configuration again, SIGTERM ends.", set: setRemapUsr1},

	// Translated.
	{Name: "compat-mode", Usage: "version", Where: top, Help: "Defaults of an older version.", set: setCompatMode},
	{Name: "ecdh-curve", Same: "tls-groups", Usage: "name", Where: top, Help: "The forerunner of tls-groups.", set: setECDHCurve},
	{Name: "tls-remote", Same: "verify-x509-name", Usage: "name", Where: top, Help: "The forerunner of verify-x509-name, removed in OpenVPN 2.4.", set: setTLSRemote},
	{Name: "client-cert-not-required", Same: "verify-client-cert", Where: top, Role: RoleServer, Help: "The forerunner of verify-client-cert none, removed in OpenVPN 2.5.", set: setClientCertNotRequired},
	{Name: "ncp-disable", Where: top, Help: "Offer only one cipher, removed in OpenVPN 2.6.", set: setNCPDisable},
	{Name: "key-method", Usage: "n", Where: top, Help: "Removed in OpenVPN 2.5.", set: setKeyMethod},

	// Gone for good, or another product's.
	{Name: "no-replay", Where: top, Status: Refused, Reason: "refused: packets could be replayed; remove it on both ends", Help: "Removed in OpenVPN 2.7."},
	{Name: "no-iv", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.5, since it weakens the encryption; remove it on both ends", Help: "Removed in OpenVPN 2.5."},
	{Name: "compat-names", Usage: "[flag]", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.5; use verify-x509-name with the subject as the certificate has it", Help: "Removed in OpenVPN 2.5."},
	{Name: "no-name-remapping", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.5; names are never changed, so remove the line", Help: "Removed in OpenVPN 2.5."},
	{Name: "memstats", Usage: "file", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.7; write status FILE", Help: "Removed in OpenVPN 2.7."},
	{Name: "inetd", Usage: "[mode] [name]", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.7; run it as a service of its own", Help: "Removed in OpenVPN 2.7."},
	{Name: "ifconfig-pool-linear", Where: top, Role: RoleServer, Status: Refused, Reason: "was removed in OpenVPN 2.5; write topology p2p", Help: "Removed in OpenVPN 2.5."},
	{Name: "management-client-pf", Guards: true, Where: top, Role: RoleServer, Status: Refused, Reason: "was removed in OpenVPN 2.6; filter packets in the firewall", Help: "Removed in OpenVPN 2.6."},
	{Name: "cryptoapicert", Usage: "selector", Where: top, Status: Refused, Reason: "the certificate is in the Windows store, which is not here; export it and name it with cert and key", Help: "A certificate of the Windows store."},
	{Name: "auth-federate", Usage: "[argument] ...", Where: top, Role: RoleClient, Status: Refused, Reason: "this profile signs on by SAML, which only the AWS client does; ask for a profile with certificates", Help: "Sign on by SAML, of the AWS client."},
	{Name: "scramble", Usage: "[argument] ...", Where: top, Status: Refused, Reason: "a patch that changes what goes over the wire; remove it on both ends", Help: "Obfuscation, of a patched OpenVPN."},
	{Name: "gremlin", Usage: "n", Where: top, Status: Refused, Reason: "is a test of OpenVPN itself", Help: "Break connections at random."},

	// Windows.
	{Name: "allow-nonadmin", Usage: "[adapter]", Where: top, Status: WindowsOnly, Help: "Who may use an adapter."},
	{Name: "block-outside-dns", Where: pull, Role: RoleClient, Routing: true, Status: WindowsOnly, Help: "Keep DNS queries in the tunnel."},
	{Name: "dhcp-internal", Usage: "[value]", Where: top, Status: WindowsOnly, Help: "Internal."},
	{Name: "dhcp-pre-release", Where: pull, Status: WindowsOnly, Help: "Release an address at the start."},
	{Name: "dhcp-release", Where: pull, Status: WindowsOnly, Help: "Release an address at the end."},
	{Name: "dhcp-renew", Where: pull, Status: WindowsOnly, Help: "Renew an address at the start."},
	{Name: "msg-channel", Usage: "handle", Where: top, Status: WindowsOnly, Help: "Internal."},
	{Name: "pause-exit", Where: top, Status: WindowsOnly, Help: "Wait for a key before exiting."},
	{Name: "register-dns", Where: pull, Routing: true, Status: WindowsOnly, Help: "Make the system notice new DNS servers."},
	{Name: "rdns-internal", Where: top, Status: WindowsOnly, Help: "Internal."},
	{Name: "service", Usage: "event [value]", Where: top, Status: WindowsOnly, Help: "Run under a service wrapper."},
	{Name: "show-adapters", Where: InCommandLine, Status: WindowsOnly, Help: "List adapters."},
	{Name: "show-net", Where: InCommandLine, Status: WindowsOnly, Help: "Show routes and adapters."},
	{Name: "show-net-up", Where: top, Status: WindowsOnly, Help: "Log routes and adapters."},
	{Name: "show-valid-subnets", Where: InCommandLine, Status: WindowsOnly, Help: "Show valid networks."},
	{Name: "tap-sleep", Usage: "seconds", Where: pull, Status: WindowsOnly, Help: "Wait for the adapter."},
	{Name: "win-sys", Usage: "path", Where: top, Status: WindowsOnly, Help: "The system's directory."},
	{Name: "windows-driver", Usage: "name", Where: top, Status: WindowsOnly, Help: "The adapter's driver."},

	// What a server pushes to the session rather than to the configuration.
	{Name: "auth-token", Usage: "token", Where: InPush, Status: Negotiated, Help: "A token in place of the password."},
	{Name: "auth-token-user", Usage: "name", Where: InPush, Status: Negotiated, Help: "The name that goes with the token."},
	{Name: "peer-id", Usage: "id", Where: InPush, Status: Negotiated, Help: "Our number on the server."},
	{Name: "protocol-flags", Usage: "[flag] ...", Where: InPush, Status: Negotiated, Help: "Features both ends use."},
	{Name: "key-derivation", Usage: "method", Where: InPush, Status: Negotiated, Help: "How data channel keys are made."},
	{Name: "push-continuation", Usage: "n", Where: InPush, Status: Negotiated, Help: "Whether more of the push follows."},
}
