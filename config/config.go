// Package config is the OpenVPN configuration language: a lexer that keeps file
// and line, one table of every directive, and the typed Config they fill.
//
// It opens no files and reads no clock: the caller hands in the text, and a
// function that reads the files which directives name.
package config

import (
	"net/netip"
	"strings"
	"time"
)

// Config is a configuration file or command line after parsing: one field per
// setting, durations as time.Duration, names of digests and ciphers in
// OpenVPN's own spelling in upper case. Zero means "not given" unless a field
// says otherwise; Parse fills the defaults of OpenVPN 2.6, and where 2.7
// changed one, that of 2.7.
type Config struct {
	// Role.
	Mode      Mode // ModeServer after `mode server` or `server`; else ModeP2P
	TLSServer bool
	TLSClient bool
	Pull      bool // `pull`, or `client`

	// Link.
	Proto                Proto
	Remotes              []Remote // in file order; connection blocks resolved
	RemoteRandom         bool
	RemoteRandomHostname bool          // put random characters before names
	ResolvRetry          time.Duration // < 0: infinite, the default
	ConnectRetry         time.Duration // wait between attempts, 1 s
	ConnectRetryMax      time.Duration // ceiling of that wait as it doubles, 300 s
	ConnectTries         int           // connect-retry-max: attempts per remote; 0: no limit
	ConnectTimeout       time.Duration // server-poll-timeout
	Local                string        // host to bind, "" for any
	LocalPort            int           // lport or port; 0 for any (nobind)
	NoBind               bool
	BindIPv6Only         bool     // `bind ipv6only`
	BindDev              string   // the only adapter for outer packets, "" for any
	Locals               []Listen // server: the sockets of `local`; see Listens
	TCPQueueLimit        int      // 64
	PortShare            *PortShare

	HTTPProxy         *HTTPProxy
	HTTPProxyUserPass *File
	SOCKSProxy        *SOCKSProxy
	Float             bool
	Mark              int
	SendBuffer        int
	ReceiveBuffer     int
	MTUDiscovery      MTUDiscovery

	// Adapter.
	Dev                         string // as given: "tun", "tun3", "myvpn", "null"
	DevType                     DevType
	DevNode                     string
	Topology                    Topology // always TopologySubnet with DevTap
	MTU                         int      // tun-mtu, 1500
	MSSFix                      MSSFix
	Fragment                    MSSFix // `fragment`: Bytes 0 for none; Outer as there, never Fixed
	TxQueueLen                  int
	Ifconfig                    *Ifconfig
	IfconfigIPv6                *IfconfigIPv6
	IfconfigNoexec, RouteNoexec bool
	Adapter                     Adapter // what this host sees of a tun adapter
	IPWin32                     IPWin32
	LLAddr                      string // MAC address of an Ethernet adapter, "" for any

	// Routes and names, our own and pulled.
	Routes             []Route
	RouteGateway       netip.Addr
	RouteGatewayIsDHCP bool // `route-gateway dhcp`: the one a DHCP server names
	RouteMetric        int
	RouteNopull        bool
	AllowPullFQDN      bool // pushed routes may have names
	RedirectGateway    *RedirectGateway
	DNS                DNS
	PullFilters        []PullFilter // in file order

	// Server.
	Server              netip.Prefix // IPv4 network of `server`
	ServerNoPool        bool
	ServerIPv6          netip.Prefix
	IfconfigPool        *Pool // explicit `ifconfig-pool`
	IfconfigPoolIPv6    netip.Prefix
	PoolPersist         string        // file name
	ReplayPersist       string        // file name; looked for, never written
	PoolPersistInterval time.Duration // 600 s; 0: read only
	Push                []string      // each as it goes on the wire; keepalive adds its two
	ClientToClient      bool
	DuplicateCN         bool
	MaxClients          int           // 1024
	ConnectFreq         Rate          // sessions begun, of all clients; zero: no limit
	ConnectFreqInitial  Rate          // first packets answered, of each source; 1,000 in 10 s
	MaxRoutesPerClient  int           // networks or MAC addresses, 256
	StaleRoutes         time.Duration // how long those are known; 0: our default
	OwnMACOnly          bool          // a client has one MAC address, the first that it uses
	ProxyLAN            *ProxyLAN     // `proxy-lan`, nil: not given
	AllowLAN            bool          // in user space, clients reach the networks of the host's interfaces
	VLANTagging         bool
	VLANAccept          VLANAccept
	VLANPVID            int // 1
	ClientConfigDir     string
	CCDExclusive        bool

	// Keys and certificates. A File is inline text or a file's contents.
	CA, Cert, Key, ExtraCerts, PKCS12 *File
	TLSAuth, TLSCrypt, TLSCryptV2     *File
	TLSCryptV2ForceCookie             bool // server: no clients from before 2.6
	KeyDirection                      *int // 0 or 1; nil: bidirectional
	// PeerFingerprints are the certificates to accept, by SHA-256 in lower
	// case hexadecimal without colons; nil: by authority alone.
	PeerFingerprints             []string
	Secret                       *File // of two hosts that share a static key
	AllowStaticCrypto            bool
	Auth                         string   // HMAC digest, SHA1
	Cipher                       string   // as given, "" if not
	DataCiphers                  []string // resolved order of preference
	DataCiphersFallback          string
	AllowInsecureNone            bool        // Auth and ciphers may be NONE
	Compression                  Compression // framing; packets are never compressed
	RefuseCompressed             bool        // allow-compression no
	TLSVersionMin, TLSVersionMax string      // "1.2"; "" for our default
	TLSCipher, TLSGroups         []string
	ECDHCurve                    string // a group where TLSGroups names none
	RemoteCertTLS                CertUsage
	VerifyX509Name               *X509Name
	VerifyClientCert             ClientCert

	// Who may in, and who we are.
	AuthUserPass         *File // nil: not used; Name "" and no text: ask
	AuthUsernameOnly     bool  // ask for no password
	AuthNoCache          bool  // forget passwords once used
	AuthRetry            AuthRetry
	StaticChallenge      *StaticChallenge
	AskPass              *File    // of the private key; Name "" and no text: ask
	AuthUserPassVerify   []string // program and arguments
	AuthViaEnv           bool     // ... which takes them from its environment
	AuthUserPassOptional bool
	AuthGenToken         *TokenPolicy
	AuthGenTokenSecret   *File
	UsernameAsCommonName bool
	ClientCRResponse     []string // program and arguments
	TLSVerify            []string // program and arguments
	TLSCryptV2Verify     []string // program and arguments
	TLSCryptV2MaxAge     int      // days; 0: any
	CRLVerify            *File
	CRLVerifyDir         string
	CAPath               string
	RemoteCertKU         []uint16 // nil: not demanded; empty: any will do
	RemoteCertEKU        string   // number or OpenSSL's name
	NsCertType           CertUsage
	TLSCertProfile       string   // legacy
	X509UsernameField    []string // none: the common name
	ScriptSecurity       int      // 1
	TmpDir               string   // "" for the system's

	// Timers and limits.
	Ping, PingRestart, PingExit time.Duration
	PingTimerRem                bool
	Inactive                    time.Duration
	InactiveBytes               int64         // fewer than these in Inactive count as idle
	RenegSec                    time.Duration // 3600 s; 0: off
	RenegSecMin                 time.Duration // the spread's lower end, servers
	RenegBytes, RenegPackets    int64         // 0: off
	HandWindow                  time.Duration // 60 s
	TranWindow                  time.Duration // 3600 s
	TLSTimeout                  time.Duration // 1 s (RFC 6298)
	TLSExit                     bool
	ReplayWindow                int           // packets, at least 1; 8,192
	ReplayTime                  time.Duration // 15 s
	MaxPacketSize               int           // control packets, bytes
	ExplicitExitNotify          int           // 0: off

	// Process.
	User, Group        string
	Chroot, Cd         string
	Daemon             bool
	WritePID           string
	Syslog             string // the name to log under by syslog, unless Log is set; "" for no syslog
	Log                string
	LogAppend          bool
	Status             string
	StatusInterval     time.Duration
	StatusVersion      int
	Verb, Mute         int
	MuteReplayWarnings bool
	SuppressTimestamps bool
	PushPeerInfo       bool
	Env                map[string]string // setenv NAME VALUE

	// Notes are what the reader of the log should know about this
	// configuration: directives ignored because they are harmless here,
	// spellings translated, defaults that changed.
	Notes   []Note
	touches []Touch
	given   map[string]Pos // where each directive stood last
}

// At is where a directive stood last; not set where it did not.
func (c *Config) At(directive string) Pos { return c.given[directive] }

// Note is one remark on a configuration, with its place.
type Note struct {
	Pos  Pos
	Text string
}

// Pos is a place in a configuration.
type Pos struct {
	File string // a file's name, "command line" or "pushed"
	Line int    // from 1; 0 where lines mean nothing
}

// Mode is what `mode` says.
type Mode int

// The modes of a process.
const (
	ModeP2P Mode = iota
	ModeServer
)

// Proto is an outer protocol.
type Proto struct {
	TCP    bool
	Family int // 4, 6, or 0 for either
	// End is, of two hosts without server mode, which one calls over TCP.
	End TCPEnd
}

// TCPEnd is an end of a TCP connection.
type TCPEnd int

// The ends. A server listens and a client calls, whatever is written.
const (
	AnyEnd  TCPEnd = iota
	Calls          // tcp-client
	Listens        // tcp-server
)

// Transport is "udp" or "tcp", as package net has it.
func (p Proto) Transport() string {
	if p.TCP {
		return "tcp"
	}
	return "udp"
}

// Network is "ip", "ip4" or "ip6": which addresses to look up, as package net
// has it.
func (p Proto) Network() string {
	switch p.Family {
	case 4:
		return "ip4"
	case 6:
		return "ip6"
	}
	return "ip"
}

// Remote is one server to try.
type Remote struct {
	Host  string
	Port  string // number or service name; "1194" by default
	Proto Proto
	Pos   Pos
	// Settings is the whole configuration with this remote's <connection>
	// block applied, or nil when the block sets nothing but the remote.
	Settings *Config
}

// DevType is the kind of adapter.
type DevType int

// The kinds of adapter.
const (
	DevTun DevType = iota
	DevTap
	DevNull
)

// ProxyLAN is `proxy-lan`: the Ethernet segment that a server's clients are on.
type ProxyLAN struct {
	Interface string // of this host
	DHCP      bool   // addresses are leased from the segment's DHCP server, else from IfconfigPool
}

// Adapter is how a tun adapter looks to this host.
type Adapter int

// The looks.
const (
	AdapterIP     Adapter = iota // IP packets, as of a TUN device
	AdapterStatic                // Ethernet, whose addresses are set as those of AdapterIP
	AdapterDHCP                  // Ethernet, whose addresses are left to this host's DHCP client
)

// IPWin32 is `ip-win32 dynamic`: how the DHCP server of an Ethernet adapter
// looks to this host.
type IPWin32 struct {
	Offset *int          // of its address in the subnet: from the first, or if negative from the last; nil: not given
	Lease  time.Duration // 0: not given
}

// MTUDiscovery is `mtu-disc`: whether outer packets forbid routers to cut them
// (DF).
type MTUDiscovery int

// The words. MTUDiscoveryNo never forbids it, MTUDiscoveryMaybe does by what is
// known of the path, MTUDiscoveryYes always.
const (
	MTUDiscoverySystem MTUDiscovery = iota // not given
	MTUDiscoveryNo
	MTUDiscoveryMaybe
	MTUDiscoveryYes
)

// VLANAccept is which frames of a server's adapter are admitted.
type VLANAccept int

// The frames. A tag of a priority alone counts as none.
const (
	VLANAll VLANAccept = iota
	VLANTagged
	VLANUntagged
)

// Topology says what the addresses of a tun adapter mean.
type Topology int

// The topologies, `subnet` first since it is the default of 2.7.
const (
	TopologySubnet Topology = iota
	TopologyNet30
	TopologyP2P
)

// Ifconfig is the adapter's IPv4 address: with a peer's address (net30, p2p)
// or with a network (subnet, tap).
type Ifconfig struct {
	Local  netip.Addr
	Remote netip.Addr // net30, p2p
	Bits   int        // subnet, tap: prefix length
}

// IfconfigIPv6 is the adapter's IPv6 address and the peer's.
type IfconfigIPv6 struct {
	Local  netip.Prefix
	Remote netip.Addr
}

// Route is one `route` or `route-ipv6`.
type Route struct {
	Net     netip.Prefix // the destination; not valid where Host has it
	Host    string       // a name to resolve, or one of the special names
	Bits    int          // of Host: the network's prefix length
	IPv6    bool         // route-ipv6
	Gateway Gateway
	Metric  int // -1: the default, RouteMetric
	Pos     Pos
}

// Gateway is where a route leads: an address, a name, or one of the special
// names.
type Gateway struct {
	Kind GatewayKind
	Addr netip.Addr // GatewayAddr
	Host string     // GatewayHost: to be resolved
}

// GatewayKind tells the special names of a route's gateway apart.
type GatewayKind int

// The kinds of gateway: through the tunnel, past it, the server itself, a given
// address, or that of a name.
const (
	GatewayVPN GatewayKind = iota
	GatewayNet
	GatewayRemoteHost
	GatewayAddr
	GatewayHost
)

// SpecialHost is a name in a route that stands for an address of the
// connection.
type SpecialHost string

// The special names. Their forms for IPv6 (remote_host_ipv6) mean the same.
const (
	RemoteHost SpecialHost = "remote_host" // the server, as it is reached from outside
	VPNGateway SpecialHost = "vpn_gateway" // the gateway inside the tunnel
	NetGateway SpecialHost = "net_gateway" // this host's own default gateway
)

// Special is the special name that r's destination is, "" for any other.
func (r Route) Special() SpecialHost { return special(r.Host) }

func special(s string) SpecialHost {
	switch s := SpecialHost(strings.TrimSuffix(s, "_ipv6")); s {
	case RemoteHost, VPNGateway, NetGateway:
		return s
	}
	return ""
}

// RedirectGateway is the flags of `redirect-gateway` or `redirect-private`.
type RedirectGateway struct {
	Private      bool // redirect-private: no default route
	Local        bool
	IPv6, NoIPv4 bool
	BlockLocal   bool
}

// DNS is what `dns` and `dhcp-option` say together.
type DNS struct {
	Servers       []DNSServer // by `dns server`, priority order
	SearchDomains []string
	Addrs         []netip.Addr // by dhcp-option DNS, DNS6
	Domain        string       // by dhcp-option DOMAIN
	NTP, WINS     []netip.Addr
	NBDD          []netip.Addr // NetBIOS datagram distribution
	NBT           int          // NetBIOS node type: 1, 2, 4, 8; 0: not given
	NBS           string       // NetBIOS scope
	DisableNBT    bool
}

// DNSServer is one `dns server N`.
type DNSServer struct {
	Priority       int
	Addrs          []netip.AddrPort // port 0: the default
	ResolveDomains []string
}

// Pool is `ifconfig-pool`: both ends included.
type Pool struct {
	Start, End netip.Addr
	Bits       int
}

// MSSFix is `mssfix`: 0 bytes with Off false means the default (1492, mtu).
type MSSFix struct {
	Off   bool
	Bytes int
	Outer bool // `mtu`: bytes of the outer IP packet; else of the UDP payload
	Fixed bool // `fixed`: bytes of the inner IP packet
}

// Compression is `comp-lzo` or `compress` as given; Directive "" for neither.
type Compression struct{ Directive, Algorithm string }

// File is the value of a directive that names a file, or the inline block that
// stands for one. Text is what was read.
type File struct {
	Name   string // "" for an inline block
	Inline bool
	Text   []byte
	Pos    Pos
}

// TwoLines are the first two lines of a file, such as user name and password.
func (f *File) TwoLines() (first, second string) {
	first, rest, _ := strings.Cut(string(f.Text), "\n")
	second, _, _ = strings.Cut(rest, "\n")
	return strings.TrimRight(first, "\r"), strings.TrimRight(second, "\r")
}

// AuthRetry is what a client does when its password was refused.
type AuthRetry int

// The ways to go on.
const (
	AuthRetryNone       AuthRetry = iota // give up
	AuthRetryNoInteract                  // try again with the same
	AuthRetryInteract                    // ask again
)

// StaticChallenge is `static-challenge`.
type StaticChallenge struct {
	Text   string
	Echo   bool // show the answer as it is typed
	Concat bool // put it behind the password, else by SCRV1
}

// TokenPolicy is `auth-gen-token`.
type TokenPolicy struct {
	Lifetime     time.Duration // 0: no end
	Renewal      time.Duration // how often clients get a new one; reneg-sec by default
	ExternalAuth bool          // the program is asked all the same
}

// CertUsage is what `remote-cert-tls` demands of the peer's certificate.
type CertUsage int

// The usages.
const (
	AnyUsage CertUsage = iota
	ServerUsage
	ClientUsage
)

// ClientCert is `verify-client-cert`.
type ClientCert int

// The demands.
const (
	ClientCertRequire ClientCert = iota
	ClientCertOptional
	ClientCertNone
)

// X509Name is `verify-x509-name`.
type X509Name struct {
	Name string
	Type string // "subject", "name", "name-prefix"
}

// PullFilter is one `pull-filter`: what becomes of pushed options that begin
// with Text.
type PullFilter struct {
	Action string // "accept", "ignore", "reject"
	Text   string
}
