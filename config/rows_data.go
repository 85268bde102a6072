package config

// dataRows are the directives of PartData.
var dataRows = list{
	{Name: "data-ciphers", changedBy: "cipher compat-mode ncp-disable", Usage: "list", Where: top | InCCD, Default: "AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305", Help: "Negotiate one of these ciphers, the first preferred, with colons between.", set: setCiphers},
	{Name: "ncp-ciphers", Same: "data-ciphers", Usage: "list", Where: top | InCCD, Help: "The old name of data-ciphers.", set: setCiphers},
	{Name: "data-ciphers-fallback", Usage: "name", Where: top | InCCD, Help: "Use this cipher with peers that cannot negotiate.", set: setFallback},
	{Name: "cipher", Usage: "name", Where: pull | InCCD, Help: "Use this cipher with peers that cannot negotiate, and offer it; data-ciphers replaces it.", set: setCipher},
	{Name: "auth", Usage: "digest", Where: top, Default: "SHA1", Help: "Use this HMAC digest for tls-auth, and for packets where the cipher is none or in CBC mode.", set: setAuth},
	{Name: "allow-insecure-none", Where: top, Help: "Allow cipher none and auth none, which leave the tunnel open to anybody on the way (not in OpenVPN).", set: on(func(c *Config) *bool { return &c.Data.AllowInsecureNone })},
	{Name: "ncp-disable", Where: top, Help: "Offer only one cipher; removed in OpenVPN 2.6.", set: setNCPDisable},
	{Name: "compress", spare: true, Usage: "[algorithm]", Where: pull, Help: "Use this framing of compression. What the other end compresses is taken; nothing is compressed here.", set: setCompress},
	{Name: "comp-lzo", spare: true, Same: "compress", Usage: "[yes|no|adaptive]", Where: pull, Help: "Use the framing of LZO compression, as with compress.", set: setCompLZO},
	{Name: "allow-compression", Usage: "no|asym|yes", Where: pull, Default: "asym", Help: "Say whether compressed packets are taken. None are ever sent.", set: setAllowCompression},
	{Name: "replay-window", Usage: "n [seconds]", Where: top, Default: "8192 15", Help: "Take packets that are this far out of order.", set: setReplayWindow},
	{Name: "fragment", spare: true, Usage: "bytes [mtu]", Where: conn, Default: "0", Help: "Cut packets so that no datagram is larger than this; both ends need it.", set: setFragment},
	{Name: "mssfix", spare: true, Usage: "[bytes] [mtu|fixed]", Where: conn, Default: "1492 mtu", Help: "Keep TCP inside the tunnel from making packets larger than this.", set: setMSSFix},
	{Name: "link-mtu", spare: true, Usage: "bytes", Where: conn, Help: "Set the adapter's MTU so that datagrams stay below this size; deprecated, see tun-mtu.", set: setLinkMTU},
	{Name: "udp-mtu", spare: true, Same: "link-mtu", Usage: "bytes", Where: conn, Help: "The old name of link-mtu.", set: setLinkMTU},

	// Read by the session's negotiation.
	{Name: "key-derivation", Usage: "method", Where: pull, Status: Negotiated, Help: "Say how data channel keys are made."},

	// Accepted, and nothing to do.
	{Name: "comp-noadapt", Where: pull, Status: Harmless, Help: "Do not adapt compression; nothing is compressed."},
	{Name: "mtu-test", spare: true, Where: top, Help: "Log how large datagrams pass, which is measured anyway; a client, or one of two hosts.", set: on(func(c *Config) *bool { return &c.Data.MTUTest })},
	{Name: "fast-io", Where: top, Status: Harmless, Help: "Skip a system call for each packet; ignored since OpenVPN 2.7."},
	{Name: "keysize", Usage: "bits", Where: top, Status: Harmless, Reason: "ignored; a cipher's name gives its key size", Help: "Set a cipher's key size; removed in OpenVPN 2.6."},

	// Refused.
	{Name: "mtu-dynamic", Usage: "[min] [max]", Where: conn, Status: Refused, Reason: "was removed long ago: write fragment or mssfix", Help: "Cut packets; fragment replaced it."},
	{Name: "no-replay", Where: top, Status: Harmless, Reason: "ignored; replayed packets are always dropped; if the cipher is one in CBC mode, remove it on the other end, too, whose packets have another form", Help: "Take replayed packets; removed in OpenVPN 2.7."},
	{Name: "no-iv", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.5, since it weakens the encryption; remove it on both ends", Help: "Use no initialization vector; removed in OpenVPN 2.5."},
}
