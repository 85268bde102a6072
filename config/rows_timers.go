package config

import "time"

// timersRows are the directives of PartTimers.
var timersRows = list{
	{Name: "keepalive", spare: true, Usage: "interval timeout", Where: top, Help: "Set ping and ping-restart for both ends.", set: setKeepalive},
	{Name: "ping", changedBy: "keepalive", spare: true, Usage: "seconds", Where: pull | InCCD, Default: "0", Help: "Send a ping after this long without a packet sent.", set: seconds(longest, func(c *Config) *time.Duration { return &c.Timers.Ping })},
	{Name: "ping-restart", spare: true, Usage: "seconds", Where: pull | InCCD, Help: "Connect again after this long without a packet received; 120 on a client of a server.", set: setPingRestart},
	{Name: "ping-exit", changedBy: "ping-restart keepalive", spare: true, Usage: "seconds", Where: pull | InCCD, Default: "0", Help: "Exit after this long without a packet received.", set: setPingExit},
	{Name: "ping-timer-rem", spare: true, Where: pull | InCCD, Help: "Start ping-exit only when the other end has called.", set: on(func(c *Config) *bool { return &c.Timers.PingTimerRem })},
	{Name: "inactive", Usage: "seconds [bytes]", Where: pull | InCCD, Default: "0", Help: "Exit when the tunnel carries less than this in this time; a server cuts the client off.", set: setInactive},
	{Name: "explicit-exit-notify", spare: true, Usage: "[n]", Where: conn | InPush, Help: "Tell the other end when this one leaves.", set: setExplicitExitNotify},
	{Name: "reneg-sec", Usage: "max [min]", Where: top, Default: "3600", Help: "Change keys after this time; 0 is never.", set: setRenegSec},
	{Name: "reneg-bytes", Usage: "n", Where: top, Default: "0", Help: "Change keys after this many bytes; 0 is never.", set: count(func(c *Config) *int64 { return &c.Timers.RenegBytes })},
	{Name: "reneg-pkts", Usage: "n", Where: top, Default: "0", Help: "Change keys after this many packets; 0 is never.", set: count(func(c *Config) *int64 { return &c.Timers.RenegPackets })},
	{Name: "hand-window", spare: true, Usage: "seconds", Where: top, Default: "60", Help: "Give up a handshake after this long.", set: positive(func(c *Config) *time.Duration { return &c.Timers.HandWindow })},
	{Name: "tran-window", Usage: "seconds", Where: top, Default: "3600", Help: "Keep the old key for this long after a change.", set: positive(func(c *Config) *time.Duration { return &c.Timers.TranWindow })},
	{Name: "tls-timeout", spare: true, Usage: "seconds", Where: top, Default: "1", Help: "Send a control packet again after this long; the wait doubles.", set: positive(func(c *Config) *time.Duration { return &c.Timers.TLSTimeout })},
	{Name: "tls-exit", Where: top, Help: "Exit when a handshake fails, in place of trying again.", set: on(func(c *Config) *bool { return &c.Timers.TLSExit })},
	{Name: "max-packet-size", spare: true, Usage: "bytes", Where: top, Help: "Keep outer packets below this size.", set: setMaxPacketSize},
	{Name: "session-timeout", Usage: "seconds", Where: pull | InCCD, Default: "0", Help: "End a session this long after it began: a client exits, a server sends the client away.", set: setSessionTimeout},
}
