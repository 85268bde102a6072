package config

import "time"

// Timers is when things happen in a session, and its limits.
type Timers struct {
	Ping               time.Duration
	PingRestart        time.Duration
	PingExit           time.Duration
	PingTimerRem       bool
	Inactive           time.Duration
	InactiveBytes      int64         // fewer than these in Inactive count as idle
	RenegSec           time.Duration // 3600 s; 0: off
	RenegSecMin        time.Duration // the spread's lower end, servers
	RenegBytes         int64         // 0: off
	RenegPackets       int64         // 0: off
	HandWindow         time.Duration // 60 s
	TranWindow         time.Duration // 3600 s
	TLSTimeout         time.Duration // 1 s (RFC 6298)
	TLSExit            bool
	MaxPacketSize      int           // control packets, bytes
	ExplicitExitNotify int           // 0: off
	SessionTimeout     time.Duration // 0: off
}
