package check

import "regexp"

// fact is what versions of stock OpenVPN on Linux make of a line.
type fact struct {
	name string         // the directive
	args *regexp.Regexp // its values, joined by blanks; nil for any
	role string         // "client", "server" or "peer", "" for any
	made by
	why  string
	from string
	show string // a line that shows it to a live test; "" where the name alone does
}

// by is the words of 2.4, 2.6 and 2.7.
type by [3]Word

// versions are the versions that facts are about.
var versions = []string{"2.4", "2.6", "2.7"}

// Where facts come from. What was tried was tried with 2.5.1, 2.6.14 and 2.7.8; 2.4
// itself was not at hand.
const (
	tried   = "running 2.6.14 and 2.7.8; for 2.4, the release notes"
	removed = "the manual (unsupported options), and running 2.6.14 and 2.7.8"
	notes25 = "the release notes of 2.5, and running 2.5.1"
	notes26 = "the release notes of 2.6, and running 2.5.1, 2.6.14 and 2.7.8"
	survey  = "a survey of real files, and running 2.6.14 and 2.7.8"
)

func values(pattern string) *regexp.Regexp { return regexp.MustCompile(`^(?:` + pattern + `)$`) }

// facts are what is known of directives that stock versions know, or knew.
var facts = []fact{
	{name: "tls-remote", made: by{Fatal, Fatal, Fatal}, why: "was removed in 2.4", from: removed, show: "tls-remote server"},
	{name: "ns-cert-type", made: by{Warns, Warns, Warns}, why: "is deprecated", from: tried, show: "ns-cert-type server"},
	{name: "keysize", made: by{Accepts, Fatal, Fatal}, why: "was removed in 2.6", from: tried, show: "keysize 256"},
	{name: "key-method", made: by{Accepts, Fatal, Fatal}, why: "was removed in 2.5", from: removed, show: "key-method 2"},
	{name: "ncp-disable", made: by{Accepts, Fatal, Fatal}, why: "was removed in 2.6", from: removed, show: "ncp-disable"},
	{name: "ncp-ciphers", made: by{Accepts, Warns, Warns}, why: "was renamed data-ciphers in 2.5", from: tried, show: "ncp-ciphers AES-256-GCM"},
	{name: "client-cert-not-required", made: by{Warns, Fatal, Fatal}, why: "was removed in 2.5", from: removed, show: "client-cert-not-required"},
	{name: "comp-lzo", args: values("|yes|adaptive"), made: by{Accepts, Warns, Warns}, why: "asks for compression: only what the other end compresses is taken", from: tried, show: "comp-lzo"},
	{name: "comp-lzo", args: values("no"), role: "server", made: by{Accepts, Warns, Accepts}, why: "advises compress migrate", from: tried, show: "comp-lzo no"},
	{name: "comp-lzo", args: values("no"), made: by{Accepts, Accepts, Accepts}, from: tried, show: "comp-lzo no"},
	{name: "compress", args: values("lzo|lz4|lz4-v2"), made: by{Accepts, Warns, Warns}, why: "asks for compression: only what the other end compresses is taken", from: tried, show: "compress lz4"},
	{name: "compress", args: values("migrate"), made: by{Fatal, Accepts, Accepts}, why: "came with 2.6", from: notes26, show: "compress migrate"},
	{name: "compress", args: values("|stub|stub-v2"), role: "client", made: by{Accepts, Accepts, Accepts}, from: tried, show: "compress stub-v2"},
	{name: "compress", args: values("|stub|stub-v2"), role: "server", made: by{Accepts, Warns, Accepts}, why: "advises compress migrate", from: tried, show: "compress"},
	{name: "allow-compression", args: values("yes"), made: by{Fatal, Warns, Warns}, why: "asks for compression; 2.4 does not know it, and 2.7 takes it for asym", from: tried, show: "allow-compression yes"},
	{name: "cipher", args: values("(?i:AES-[0-9]+-CBC|CAMELLIA-.*|.*-OFB|.*-CFB[0-9]*|ARIA-.*-CBC|SEED-.*)"), made: by{Accepts, Warns, Warns}, why: "is not negotiated without data-ciphers", from: tried, show: "cipher AES-256-CBC"},
	{name: "cipher", args: values("(?i:BF-.*|CAST5-.*|DES-.*|RC2-.*|none)"), made: by{Warns, Warns, Warns}, why: "is weak, and not negotiated without data-ciphers", from: tried, show: "cipher BF-CBC"},
	{name: "data-ciphers", args: values("(?i:(.*:)?(BF|CAST5|DES|RC2|IDEA|RC5)-.*)"), made: by{Fatal, Fatal, Fatal}, why: "has a cipher that OpenSSL 3 does not give without its legacy provider", from: tried, show: "data-ciphers AES-256-GCM:BF-CBC"},
	{name: "data-ciphers", args: values("(?i:(.*:)?none(:.*)?)"), made: by{Fatal, Warns, Warns}, why: "lets the tunnel go unencrypted; 2.4 does not know it", from: tried, show: "data-ciphers AES-256-GCM:none"},
	{name: "persist-key", made: by{Accepts, Accepts, Warns}, why: "is ignored since 2.7", from: removed, show: "persist-key"},
	{name: "fast-io", made: by{Accepts, Accepts, Warns}, why: "is ignored since 2.7", from: removed, show: "fast-io"},
	{name: "max-routes", made: by{Warns, Warns, Warns}, why: "is ignored", from: removed, show: "max-routes 100"},
	{name: "prng", made: by{Accepts, Warns, Warns}, why: "is ignored since 2.6", from: removed, show: "prng sha1 16"},
	{name: "opt-verify", role: "server", made: by{Accepts, Warns, Warns}, why: "is deprecated, and ignored since 2.7", from: removed, show: "opt-verify"},
	{name: "opt-verify", role: "client", made: by{Fatal, Fatal, Warns}, why: "is for servers", from: tried, show: "opt-verify"},
	{name: "tun-ipv6", made: by{Warns, Warns, Warns}, why: "is ignored", from: tried, show: "tun-ipv6"},
	{name: "http-proxy-retry", made: by{Warns, Warns, Warns}, why: "is ignored", from: removed, show: "http-proxy-retry"},
	{name: "socks-proxy-retry", made: by{Warns, Warns, Warns}, why: "is ignored", from: removed, show: "socks-proxy-retry"},
	{name: "http-proxy-timeout", made: by{Warns, Warns, Warns}, why: "is ignored", from: removed, show: "http-proxy-timeout 5"},
	{name: "ecdh-curve", made: by{Accepts, Warns, Warns}, why: "advises tls-groups", from: tried, show: "ecdh-curve prime256v1"},
	{name: "verify-hash", made: by{Accepts, Warns, Warns}, why: "is deprecated since 2.6", from: tried, show: "verify-hash " + sha1Hash},
	{name: "no-replay", made: by{Warns, Warns, Fatal}, why: "was removed in 2.7", from: removed, show: "no-replay"},
	{name: "no-iv", made: by{Warns, Fatal, Fatal}, why: "was removed in 2.5", from: removed, show: "no-iv"},
	{name: "memstats", made: by{Accepts, Accepts, Fatal}, why: "was removed in 2.7", from: tried},
	{name: "inetd", made: by{Accepts, Fatal, Fatal}, why: "was removed in 2.6", from: tried, show: "inetd"},
	{name: "ifconfig-pool-linear", made: by{Warns, Fatal, Fatal}, why: "was removed in 2.5", from: removed, show: "ifconfig-pool-linear"},
	{name: "management-client-pf", made: by{Accepts, Fatal, Fatal}, why: "was removed in 2.6", from: removed, show: "management-client-pf"},
	{name: "compat-names", made: by{Warns, Fatal, Fatal}, why: "was removed in 2.5", from: tried, show: "compat-names"},
	{name: "no-name-remapping", made: by{Warns, Fatal, Fatal}, why: "was removed in 2.5", from: tried, show: "no-name-remapping"},
	{name: "mtu-dynamic", made: by{Fatal, Fatal, Fatal}, why: "was replaced by fragment", from: tried, show: "mtu-dynamic"},
	{name: "script-security", args: values("[0-9]+ .+"), made: by{Fatal, Fatal, Fatal}, why: "has a second word, which went in 2.3", from: survey, show: "script-security 3 system"},
	{name: "multihome", args: values("same-interface"), made: by{Fatal, Fatal, Accepts}, why: "has a value that came with 2.7", from: tried, show: "multihome same-interface"},
	{name: "multihome", args: values(".+"), made: fatal, why: "takes no such value", from: tried, show: "multihome x"},
	{name: "status-version", args: values(""), made: fatal, why: "wants a value", from: tried, show: "status-version"},
	{name: "proto", args: values(".*[A-Z].*"), made: by{Fatal, Fatal, Fatal}, why: "has a protocol that is not in lower case", from: survey, show: "proto UDP"},
	{name: "remote", args: values(`\S+ \S+ .*[A-Z].*`), made: by{Fatal, Fatal, Fatal}, why: "has a protocol that is not in lower case", from: survey, show: "remote 127.0.0.1 1194 UDP"},
	{name: "push", role: "client", made: by{Accepts, Accepts, Warns}, why: "is for servers", from: tried, show: `push "route 10.0.0.0 255.0.0.0"`},
	{name: "tls-cert-profile", args: values("insecure"), made: by{Fatal, Accepts, Accepts}, why: "came with 2.6", from: notes26, show: "tls-cert-profile insecure"},
	{name: "management", args: values(`\S+ [0-9]+`), made: by{Warns, Warns, Warns}, why: "is open to anybody who reaches it, without a password", from: tried, show: "management 127.0.0.1 7505"},
	{name: "dh", role: "client", made: warning, why: "is for servers", from: seen, show: "dh none"},
	{name: "hash-size", role: "client", made: by{Accepts, Accepts, Fatal}, why: "is for servers", from: seen, show: "hash-size 256 256"},
	{name: "vlan-pvid", role: "client", made: by{Fatal, Accepts, Fatal}, why: "is for servers, and came with 2.5", from: seen, show: "vlan-pvid 5"},
	{name: "tcp-nodelay", role: "client", made: warning, why: "does not change what the server does", from: seen, show: "tcp-nodelay"},
	{name: "tls-groups", made: by{Fatal, Accepts, Accepts}, why: "came with 2.5", from: notes25, show: "tls-groups X25519"},
}

// sha1Hash is a hash of the length that verify-hash takes.
const sha1Hash = "00:01:02:03:04:05:06:07:08:09:0a:0b:0c:0d:0e:0f:10:11:12:13"

// newIn25 came with OpenVPN 2.5: 2.4 does not know them.
var newIn25 = []string{"allow-compression", "auth-gen-token-secret", "bind-dev", "block-ipv6", "data-ciphers", "data-ciphers-fallback", "tls-crypt-v2", "tls-crypt-v2-verify",
	"vlan-accept", "vlan-pvid", "vlan-tagging", "show-groups"}

// newIn26 came with OpenVPN 2.6.
var newIn26 = []string{"auth-token-user", "client-crresponse", "compat-mode", "connect-freq-initial", "disable-dco", "dns", "force-tls-key-material-export",
	"key-derivation", "max-packet-size", "peer-fingerprint", "protocol-flags", "providers", "session-timeout", "tun-mtu-max"}

// newIn27 came with OpenVPN 2.7.
var newIn27 = []string{"allow-deprecated-insecure-static-crypto", "dns-updown", "override-username", "route-table", "tls-crypt-v2-max-age"}

// unknownToStock are directives of other programs, of Culvert, or of OpenVPN on
// Windows alone.
var unknownToStock = []string{"adapter", "allow-insecure-none", "allow-lan", "allow-nonadmin", "api-listen", "auth-federate", "block-outside", "block-outside-dns", "cryptoapicert", "dashboard-admit", "dashboard-listen", "dashboard-url", "dhcp-internal",
	"dhcp-pre-release", "dhcp-release", "dhcp-renew", "enable-dco", "handshakes-per-address", "ip-win32", "iproute", "log-format", "log-journal", "log-level", "metrics-listen", "metrics-names", "metrics-per", "mptcp", "msg-channel", "names", "oidc-admit", "oidc-client", "oidc-groups", "oidc-issuer", "oidc-scope", "oidc-user", "own-mac-only", "pause-exit", "policy", "proxy-lan", "rdns-internal", "register-dns", "remote-select",
	"route-except", "route-only", "sign-in-ldap", "sign-in-pam", "sign-in-radius", "sign-in-radius-name",
	"scramble", "service", "show-adapters", "show-net", "show-net-up", "show-valid-subnets", "tap-sleep", "trace-to", "use-prediction-resistance", "web-listen", "web-url", "win-sys", "windows-driver"}
