package config

import "time"

// linkRows are the directives of the outer connection and its timers.
var linkRows = []Directive{
	{Name: "remote", Adds: true, Usage: "host [port] [proto]", Where: conn, Role: RoleClient, Help: "A server to connect to; several are tried in turn.", set: setRemote},
	{Name: "remote-random", Where: top, Role: RoleClient, Help: "Try the servers in random order.", set: on(func(c *Config) *bool { return &c.Link.RemoteRandom })},
	{Name: "resolv-retry", Usage: "seconds", Where: top, Role: RoleClient, Help: "How long to go on resolving a server's name, or infinite.", set: setResolvRetry},
	{Name: "connect-retry", Usage: "seconds [max]", Where: conn, Role: RoleClient, Help: "Wait between attempts to connect, and the ceiling as it doubles.", set: setConnectRetry},
	{Name: "connect-retry-max", Usage: "n|unlimited", Where: conn, Role: RoleClient, Help: "Attempts per server before giving up.", set: setConnectRetryMax},
	{Name: "connect-timeout", Usage: "seconds", Where: conn, Role: RoleClient, Help: "How long to wait for a server before trying the next.", set: seconds(maxSeconds, func(c *Config) *time.Duration { return &c.Link.ConnectTimeout })},
	{Name: "server-poll-timeout", Same: "connect-timeout", Usage: "seconds", Where: conn, Role: RoleClient, Help: "The same as connect-timeout.", set: seconds(maxSeconds, func(c *Config) *time.Duration { return &c.Link.ConnectTimeout })},
	{Name: "proto", Usage: "proto", Where: conn, Reload: ReloadRestart, Help: "The outer protocol: udp, udp4, udp6, tcp and the like.", set: setProto},
	{Name: "port", Usage: "port", Where: conn, Reload: ReloadRestart, Help: "The port on both ends.", set: port(func(l *socketLines) *string { return &l.port }, 0)},
	{Name: "lport", Usage: "port", Where: conn, Reload: ReloadRestart, Help: "The port on this end; 0 for any.", set: port(func(l *socketLines) *string { return &l.lport }, 0)},
	{Name: "rport", Usage: "port", Where: conn, Role: RoleClient, Help: "The server's port.", set: port(func(l *socketLines) *string { return &l.rport }, 1)},
	{Name: "local", Adds: true, Usage: "host [port] [proto]", Where: conn, Reload: ReloadRestart, Help: "The address to listen on or to connect from.", set: setLocal},
	{Name: "bind", Usage: "[ipv6only]", Where: conn, Reload: ReloadRestart, Help: "Use a fixed local port.", set: setBind},
	{Name: "nobind", Where: conn, Role: RoleClient, Help: "Use any free local port.", set: on(func(c *Config) *bool { return &c.Link.NoBind })},
	{Name: "float", Where: conn, Help: "Let the peer change its address.", set: on(func(c *Config) *bool { return &c.Link.Float })},
	{Name: "mark", Usage: "value", Where: top, Reload: ReloadRestart, Help: "Mark outer packets for policy routing (Linux).", set: setMark},
	{Name: "sndbuf", Usage: "bytes", Where: pull, Help: "The socket's send buffer.", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Link.SendBuffer })},
	{Name: "rcvbuf", Usage: "bytes", Where: pull, Help: "The socket's receive buffer.", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Link.ReceiveBuffer })},

	{Name: "ping", Usage: "seconds", Where: pull, Help: "Send a ping after this long without a packet sent.", set: seconds(longest, func(c *Config) *time.Duration { return &c.Timers.Ping })},
	{Name: "ping-restart", Usage: "seconds", Where: pull, Help: "Restart after this long without a packet received.", set: setPingRestart},
	{Name: "ping-exit", Usage: "seconds", Where: pull, Help: "Exit after this long without a packet received.", set: setPingExit},
	{Name: "ping-timer-rem", Where: pull, Help: "Do not count the time until a peer calls as silence (ping-exit).", set: on(func(c *Config) *bool { return &c.Timers.PingTimerRem })},
	{Name: "keepalive", Usage: "interval timeout", Where: top, Help: "ping and ping-restart for both ends.", set: setKeepalive},
	{Name: "inactive", Usage: "seconds [bytes]", Where: pull, Help: "Exit when the tunnel carries less than this in that time; a server cuts the client off.", set: setInactive},
	{Name: "explicit-exit-notify", Usage: "[n]", Where: conn | InPush, Help: "Tell the other end when we go.", set: setExplicitExitNotify},
	{Name: "replay-window", Usage: "n [seconds]", Where: top, Help: "How far packets may be out of order.", set: setReplayWindow},
	{Name: "mute-replay-warnings", Where: top, Help: "Do not log replayed packets.", set: on(func(c *Config) *bool { return &c.Process.MuteReplayWarnings })},
	{Name: "max-packet-size", Usage: "bytes", Where: top, Help: "Keep outer packets below this size.", set: setMaxPacketSize},
	{Name: "fragment", Usage: "bytes [mtu]", Where: conn, Help: "Cut packets so that no datagram is larger than this; needed on both sides.", set: setFragment},
	{Name: "mssfix", Usage: "[bytes] [mtu|fixed]", Where: conn, Help: "Keep TCP inside the tunnel from making packets that do not fit.", set: setMSSFix},
	{Name: "mtu-disc", Usage: "no|maybe|yes", Where: conn, Reload: ReloadRestart, Help: "Whether routers may cut outer packets that are too large for them: yes forbids it (Linux).", set: choice(func(c *Config) *MTUDiscovery { return &c.Link.MTUDiscovery }, word[MTUDiscovery]{"no", MTUDiscoveryNo}, word[MTUDiscovery]{"maybe", MTUDiscoveryMaybe}, word[MTUDiscovery]{"yes", MTUDiscoveryYes})},
	{Name: "tun-mtu", Usage: "bytes [occ-mtu]", Where: conn | InPush, Reload: ReloadRestart, Help: "The adapter's MTU.", set: setTunMTU},
}
