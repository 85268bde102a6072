package config

import (
	"net/netip"
	"time"
)

// Server is what a server gives its clients: addresses, pushed options, limits, and
// the Ethernet segment that they share.
type Server struct {
	Network              netip.Prefix // IPv4 network of `server`
	NoPool               bool
	NetworkIPv6          netip.Prefix
	Pool                 *Pool // explicit `ifconfig-pool`
	PoolIPv6             netip.Prefix
	PushConstraint       netip.Prefix  // ifconfig-push gives addresses of this network only; not valid: of any
	PoolPersist          string        // file name
	PoolPersistInterval  time.Duration // 600 s; 0: read only
	Push                 []string      // each as it goes on the wire; keepalive adds its two
	ClientToClient       bool
	DuplicateCN          bool
	MaxClients           int           // 1024
	ConnectFreq          Rate          // sessions begun, of all clients; zero: no limit
	ConnectFreqInitial   Rate          // first packets answered, of all clients, but for those that prove their address; zero: no such limit
	HandshakesPerAddress Rate          // begun from one address (session.Source); zero: our default
	MaxRoutesPerClient   int           // networks or MAC addresses, 256
	StaleRoutes          time.Duration // how long those are known; 0: our default
	StaleCheck           time.Duration // how often learn-address is told of those that are known no more; 0: never
	OwnMACOnly           bool          // a client has one MAC address, the first that it uses
	ProxyLAN             *ProxyLAN     // `proxy-lan`, nil: not given
	AllowLAN             bool          // in user space, clients reach the networks of the host's interfaces
	VLANTagging          bool
	VLANAccept           VLANAccept
	VLANPVID             int   // 1
	Policy               *File // who may reach what; nil: nothing is forbidden
	Web                  Web   // pages for people, by HTTPS
	Dashboard            Dashboard
	API                  Web    // where programs ask the API by tokens; URL is not used
	Names                string // the domain in which clients have names that the server answers; "": none
	ClientConfigDir      string
	CCDExclusive         bool
	ClientConnect        []string // program and arguments, as the two below
	ClientDisconnect     []string
	LearnAddress         []string
}

// Pool is `ifconfig-pool`: both ends included.
type Pool struct {
	Start, End netip.Addr
	Bits       int
}

// ProxyLAN is `proxy-lan`: the Ethernet segment that a server's clients are on.
type ProxyLAN struct {
	Interface string // of this host
	DHCP      bool   // addresses are leased from the segment's DHCP server, else from IfconfigPool
}

// VLANAccept is which frames of a server's adapter are admitted.
type VLANAccept int

// The frames. A tag of a priority alone counts as none.
const (
	VLANAll VLANAccept = iota
	VLANTagged
	VLANUntagged
)
