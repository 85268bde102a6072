package config

import "time"

// Link is how packets get to the other end and back: protocol, addresses, proxies,
// and the sockets.
type Link struct {
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
	HTTPProxy            *HTTPProxy
	HTTPProxyUserPass    *File
	SOCKSProxy           *SOCKSProxy
	Float                bool
	Mark                 int
	RemoteSelect         RemoteSelect
	SendBuffer           int
	ReceiveBuffer        int
	MTUDiscovery         MTUDiscovery
	Shaper               int // bytes a second; 0: no limit
	PassTOS              bool
	SingleSession        bool

	ways []Way // in the Settings of a remote, those of the whole configuration
}

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

// Way is how a remote is reached, for programs, which are told of all of them.
type Way struct {
	Proto      Proto
	Host, Port string
	Local      Listen      // from where
	HTTPProxy  *HTTPProxy  // nil: without one
	SOCKSProxy *SOCKSProxy // nil: without one
}

// Ways returns one for each remote of the whole configuration, also in the Settings of
// one; none for a server.
func (l *Link) Ways() []Way {
	ways := l.ways
	if ways != nil {
		return ways
	}
	for _, r := range l.Remotes {
		own := l
		if r.Settings != nil {
			own = &r.Settings.Link
		}
		ways = append(ways, Way{r.Proto, r.Host, r.Port, Listen{Host: own.Local, Port: own.LocalPort}, own.HTTPProxy, own.SOCKSProxy})
	}
	return ways
}

// MTUDiscovery is `mtu-disc`: whether outer packets forbid routers to fragment them
// (DF).
type MTUDiscovery int

// The words. MTUDiscoveryNo never forbids it, MTUDiscoveryMaybe depending on what is
// known of the path, MTUDiscoveryYes always.
const (
	MTUDiscoverySystem MTUDiscovery = iota // not given
	MTUDiscoveryNo
	MTUDiscoveryMaybe
	MTUDiscoveryYes
)
