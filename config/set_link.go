package config

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// setRemote also takes "host:port", which OpenVPN reads as a host's name.
func setRemote(b *builder, d *call) error {
	r := remote{Pos: d.Pos, host: d.args[0]}
	if len(d.args) == 1 {
		r.splitPort(b, d)
	}
	switch host, ok := parseHost(r.host); {
	case ok:
		r.host = host
	case !visible(r.host):
		return d.fault(d.args[0], "expected a host's name or address", "write it as: remote HOST PORT")
	default: // OpenVPN starts with it, too, and goes on to the next one
		d.remark(clip(r.host) + " is no host's name or address, so it will not be reached; write it as: remote HOST PORT")
	}
	if len(d.args) > 1 {
		if err := r.setPort(b, d); err != nil {
			return err
		}
	}
	if len(d.args) > 2 {
		p, err := d.parseProto(d.args[2])
		if err != nil {
			return err
		}
		r.proto = &p
	}
	if len(b.sockets.remotes) == maxRemotes {
		return d.fault("", fmt.Sprintf("more than %d servers", maxRemotes), "")
	}
	b.sockets.remotes = append(b.sockets.remotes, r)
	return nil
}

// setPort takes what no port can be, too, as OpenVPN does: it goes on to the next server.
// Where a line break is lost, so is a directive, which may protect something.
func (r *remote) setPort(b *builder, d *call) error {
	text := d.args[1]
	port, err := d.parsePort(text)
	if err != nil {
		if text == "0" || !visible(text) || b.rows.nameAtEnd(text, false) != "" {
			return err
		}
		port = text
		d.remark(clip(text) + " is no port, so " + clip(r.host) + " will not be reached; write it as: remote HOST PORT")
	}
	r.port = port
	return nil
}

// splitPort takes a port off a host written as "host:port".
func (r *remote) splitPort(b *builder, d *call) {
	host, port, ok := strings.Cut(r.host, ":")
	if ap, err := netip.ParseAddrPort(r.host); err == nil {
		host, port = ap.Addr().String(), strconv.Itoa(int(ap.Port()))
	} else if !ok || strings.Contains(port, ":") {
		return
	}
	if p, err := d.parsePort(port); err == nil && host != "" {
		r.host, r.port = host, p
		d.remark("read as host " + host + " and port " + port)
	}
}

func setProto(b *builder, d *call) error {
	p, err := d.parseProto(d.args[0])
	if err == nil {
		b.Link.Proto = p
	}
	return err
}

// port is the setter of port, lport and rport, which finish combines. Port 0 is any
// port of this end, and no port of the other.
func port(field func(*socketLines) *string, least int) setter {
	return func(b *builder, d *call) error {
		if d.args[0] == "0" && least == 0 {
			*field(&b.sockets) = "0"
			return nil
		}
		p, err := d.parsePort(d.args[0])
		if err == nil {
			*field(&b.sockets) = p
		}
		return err
	}
}

func setBind(b *builder, d *call) error {
	if len(d.args) > 0 {
		if d.args[0] != "ipv6only" {
			return d.expected(d.args[0], "ipv6only, or nothing")
		}
		b.Link.BindIPv6Only = true
	}
	b.Link.NoBind = false
	return nil
}

// setMark also takes hexadecimal.
func setMark(b *builder, d *call) error {
	n, err := strconv.ParseUint(d.args[0], 0, 31)
	if err != nil {
		return d.expected(d.args[0], "a whole number, 0 or more")
	}
	if reservedMark(n) {
		return d.fault(d.args[0], "this is one of the marks by which Culvert's own packet rules, such as kill switches, know packets", "write another one, such as 0x42")
	}
	b.Link.Mark = int(n)
	return nil
}

// reservedMark reports whether a mark means something to package hostnet: those of own
// packets, and those of lanes of chosen traffic.
func reservedMark(n uint64) bool {
	return n >= 0x94 && n <= 0x96 || n >= 0x43564c00 && n <= 0x43564fff
}

func setResolvRetry(b *builder, d *call) error {
	if d.args[0] == "infinite" {
		b.Link.ResolvRetry = -1
		return nil
	}
	n, err := d.int(0, 0, maxSeconds)
	if err != nil {
		return d.expected(d.args[0], "a whole number of seconds, or infinite")
	}
	b.Link.ResolvRetry = time.Duration(n) * time.Second
	return nil
}

// setConnectRetry cuts off waits that are longer than OpenVPN's.
func setConnectRetry(b *builder, d *call) error {
	const longestWait = 65535 // s
	wait, err := d.capped(0, 0, longestWait)
	if err != nil {
		return err
	}
	if len(d.args) > 1 {
		most, err := d.capped(1, 0, longestWait)
		if err != nil {
			return err
		}
		b.Link.ConnectRetryMax = time.Duration(most) * time.Second
	}
	b.Link.ConnectRetry = time.Duration(wait) * time.Second
	b.Link.ConnectRetryMax = max(b.Link.ConnectRetryMax, b.Link.ConnectRetry)
	return nil
}

// setConnectRetryMax also takes words for no limit.
func setConnectRetryMax(b *builder, d *call) error {
	if d.args[0] == "infinite" || d.args[0] == "unlimited" {
		b.Link.ConnectTries = 0
		return nil
	}
	n, err := d.int(0, 0, maxSeconds)
	if err != nil {
		return d.expected(d.args[0], "a whole number of attempts, or unlimited")
	}
	b.Link.ConnectTries = n
	return nil
}

// setKeepalive reads 0 0 as no keepalive.
func setKeepalive(b *builder, d *call) error {
	if d.args[0] == "0" && d.args[1] == "0" {
		b.alive.pos = nil
		d.remark("0 0 turns it off; an end that vanishes may then go unnoticed: write keepalive 10 60 or the like")
		return nil
	}
	interval, err := d.int(0, 1, longest)
	if err != nil {
		return err
	}
	timeout, err := d.int(1, 1, longest)
	if err != nil {
		return err
	}
	if timeout < 2*interval {
		return d.fault(d.args[1], "the timeout must be at least twice the interval",
			fmt.Sprintf("write keepalive %d %d or more", interval, 2*interval))
	}
	b.alive.pos, b.alive.interval, b.alive.timeout = &d.Pos, interval, timeout
	return nil
}

// setPingRestart and setPingExit exclude each other; the last one counts.
func setPingRestart(b *builder, d *call) error {
	n, err := d.int(0, 0, longest)
	if err == nil {
		b.Timers.PingRestart, b.Timers.PingExit = time.Duration(n)*time.Second, 0
	}
	return err
}

func setPingExit(b *builder, d *call) error {
	n, err := d.int(0, 0, longest)
	if err == nil {
		b.Timers.PingExit, b.Timers.PingRestart = time.Duration(n)*time.Second, 0
	}
	return err
}

func setInactive(b *builder, d *call) error {
	n, err := d.int(0, 0, maxSeconds)
	if err != nil {
		return err
	}
	var bytes int64
	if len(d.args) > 1 {
		if bytes, err = d.int64(1, 0, 1<<62); err != nil {
			return err
		}
	}
	b.Timers.Inactive, b.Timers.InactiveBytes = time.Duration(n)*time.Second, bytes
	return nil
}

func setExplicitExitNotify(b *builder, d *call) error {
	if len(d.args) == 0 || d.args[0] == "yes" {
		b.Timers.ExplicitExitNotify = 1
		return nil
	}
	n, err := d.int(0, 0, maxSeconds)
	if err == nil {
		b.Timers.ExplicitExitNotify = n
	}
	return err
}

func setReplayWindow(b *builder, d *call) error {
	n, err := d.int(0, 0, 65536)
	if err != nil {
		return err
	}
	if len(d.args) > 1 {
		t, err := d.int(1, 0, 600)
		if err != nil {
			return err
		}
		b.Data.ReplayTime = time.Duration(t) * time.Second
	}
	b.Data.ReplayWindow = max(n, 1) // 0, as 1, takes ascending packets only
	return nil
}

// setMaxPacketSize also limits the data channel, as `mssfix SIZE mtu` does.
func setMaxPacketSize(b *builder, d *call) error {
	n, err := d.int(0, 154, 2048)
	if err == nil {
		b.Timers.MaxPacketSize = n
		b.Data.MSSFix = MSSFix{Bytes: n, Outer: true}
	}
	return err
}

func setMSSFix(b *builder, d *call) error {
	if len(d.args) == 0 {
		b.Data.MSSFix = MSSFix{}
		return nil
	}
	n, err := d.int(0, 0, 65535)
	if err != nil {
		return err
	}
	m := MSSFix{Off: n == 0, Bytes: n}
	if len(d.args) > 1 {
		switch d.args[1] {
		case "mtu":
			m.Outer = true
		case "fixed":
			m.Fixed = true
		default:
			return d.expected(d.args[1], "mtu or fixed")
		}
	}
	b.Data.MSSFix = m
	return nil
}

// setTunMTU takes the MTU. The second number was for a check of options that peers
// do not make any more.
func setTunMTU(b *builder, d *call) error {
	n, err := d.int(0, 100, 65535)
	if err != nil {
		return err
	}
	if most := max(b.Adapter.MTU, b.Adapter.MaxMTU); d.File == pushed && !b.sending && n > most {
		d.remark(fmt.Sprintf("%d is more than this end has room for, so %d is taken; add the line: tun-mtu-max %[1]d", n, most))
		n = most
	}
	b.Adapter.MTU = n
	return nil
}
