package config

import (
	"fmt"
	"slices"
	"strings"
)

// proxyAddress reads the host and port of a proxy.
func (d *call) proxyAddress(host, port string) (string, string, error) {
	h, ok := parseHost(host)
	if !ok {
		return "", "", d.expected(host, "a proxy's name or address")
	}
	p, err := d.parsePort(port)
	return h, p, err
}

// proxyMethods are the fourth value of http-proxy. The first version of NTLM is not
// supported; proxies that took it take the second.
var proxyMethods = map[string]ProxyAuth{
	"none": ProxyNone, "basic": ProxyBasic, "digest": ProxyDigest, "ntlm": ProxyNTLM, "ntlm2": ProxyNTLM,
}

func setHTTPProxy(b *builder, d *call) error {
	p := HTTPProxy{Pos: d.Pos}
	var err error
	if p.Host, p.Port, err = d.proxyAddress(d.args[0], d.args[1]); err != nil {
		return err
	}
	file := ""
	if len(d.args) > 2 {
		file = d.args[2]
		p.Auth = ProxyBasic
	}
	switch file {
	case "auto":
		p.Auth, p.Ask, file = ProxyAuto, true, ""
	case "auto-nct":
		p.Auth, p.Ask, file = ProxyNoClear, true, ""
	case "stdin":
		p.Ask, file = true, ""
	}
	if len(d.args) > 3 {
		method, ok := proxyMethods[strings.ToLower(d.args[3])]
		if !ok {
			return d.expected(d.args[3], "none, basic, digest or ntlm2")
		}
		p.Auth = method
	}
	if b.Link.HTTPProxy != nil { // options may stand before
		p.Version, p.Agent, p.Headers = b.Link.HTTPProxy.Version, b.Link.HTTPProxy.Agent, b.Link.HTTPProxy.Headers
	}
	if file != "" {
		b.Link.HTTPProxyUserPass = &File{Name: file, Pos: d.Pos}
	}
	b.Link.HTTPProxy = &p
	return nil
}

// setHTTPProxyOverride checks the line, which finish applies.
func setHTTPProxyOverride(b *builder, d *call) error {
	if _, _, err := d.proxyAddress(d.args[0], d.args[1]); err != nil {
		return err
	}
	b.sockets.override = d
	return nil
}

// overrideProxy applies `http-proxy-override` to the whole, or to one <connection> block.
func overrideProxy(b *builder) {
	d := b.sockets.override
	if d == nil || b.isServer() {
		return
	}
	if !b.sockets.callsTCP() {
		b.note(d.Pos, d.name+": ignored, since no server is reached by TCP")
		b.sockets.override = nil
		return
	}
	b.Link.SOCKSProxy = nil
	if err := setHTTPProxy(b, d); err != nil {
		b.fail(d.faultOf(err))
	}
}

// callsTCP reports whether a server is reached by TCP, before remotes and blocks are
// resolved.
func (l *socketLines) callsTCP() bool {
	by := func(p Proto, calls []call) bool {
		for _, d := range calls {
			word := ""
			switch {
			case d.name == "proto" && len(d.args) > 0:
				word = d.args[0]
			case d.name == "remote" && len(d.args) > 2:
				word = d.args[2]
			}
			if own, err := d.parseProto(word); word != "" && err == nil {
				p = own
			}
		}
		return p.TCP
	}
	if len(l.blocks) > 0 {
		return slices.ContainsFunc(l.blocks, func(c connection) bool { return by(l.Link.Proto, c.calls) })
	}
	return slices.ContainsFunc(l.remotes, func(r remote) bool { return r.proto == nil && l.Link.Proto.TCP || r.proto != nil && r.proto.TCP })
}

// maxHeaders limits the lines of a request.
const maxHeaders = 64

// setHTTPProxyOption replaces the proxy rather than change it, since <connection>
// blocks share it.
func setHTTPProxyOption(b *builder, d *call) error {
	p := HTTPProxy{}
	if b.Link.HTTPProxy != nil {
		p = *b.Link.HTTPProxy
	}
	name, values := d.args[0], d.args[1:]
	switch {
	case strings.ContainsAny(strings.Join(d.args, " "), "\r\n\x00"):
		return d.fault("", "a value may not have line breaks", "write it in one line")
	case len(values) == 0:
		return d.fault(name, "a value is missing", "write VERSION 1.1, AGENT NAME, or CUSTOM-HEADER NAME VALUE")
	case name == "VERSION":
		if values[0] != "1.0" && values[0] != "1.1" {
			return d.expected(values[0], "1.0 or 1.1")
		}
		p.Version = values[0]
	case name == "AGENT":
		p.Agent = strings.Join(values, " ")
	case name == "CUSTOM-HEADER" || name == "EXT1" || name == "EXT2" || strings.HasPrefix(name, "X-"):
		if name != "CUSTOM-HEADER" {
			values = d.args
		}
		h, err := d.header(values)
		if err != nil {
			return err
		}
		if len(p.Headers) == maxHeaders {
			return d.fault("", fmt.Sprintf("more than %d headers", maxHeaders), "")
		}
		p.Headers = append(p.Headers[:len(p.Headers):len(p.Headers)], h)
	default:
		return d.expected(name, "VERSION, AGENT or CUSTOM-HEADER")
	}
	b.Link.HTTPProxy = &p
	return nil
}

// header reads a header's name and value, which may be one word.
func (d *call) header(words []string) (h Header, err error) {
	name, value, whole := strings.Cut(words[0], ":")
	switch {
	case whole && len(words) == 1:
		h = Header{name, strings.TrimSpace(value)}
	case len(words) == 1:
		name, value, _ = strings.Cut(words[0], " ")
		h = Header{name, strings.TrimSpace(value)}
	default:
		h = Header{strings.TrimSuffix(words[0], ":"), strings.Join(words[1:], " ")}
	}
	if h.Name == "" || strings.ContainsAny(h.Name, " \t:") {
		return h, d.expected(words[0], "a header's name, and its value")
	}
	return h, nil
}

func setSOCKSProxy(b *builder, d *call) error {
	p := SOCKSProxy{Pos: d.Pos}
	port := "1080"
	if len(d.args) > 1 && d.args[1] != "" {
		port = d.args[1]
	}
	var err error
	if p.Host, p.Port, err = d.proxyAddress(d.args[0], port); err != nil {
		return err
	}
	if len(d.args) > 2 {
		if d.args[2] == "stdin" {
			p.Ask = true
		} else {
			p.UserPass = &File{Name: d.args[2], Pos: d.Pos}
		}
	}
	b.Link.SOCKSProxy = &p
	return nil
}

// setProtoForce also takes a family, which means nothing.
func setProtoForce(b *builder, d *call) error {
	p, err := d.parseProto(d.args[0])
	if err == nil {
		b.sockets.protoForce = &p
	}
	return err
}

func setTCPQueueLimit(b *builder, d *call) error {
	const most = 1 << 16
	n, err := d.capped(0, 1, most)
	if err == nil {
		b.Link.TCPQueueLimit = n
	}
	return err
}

// setTCPNoDelay is pushed to clients from before OpenVPN 2.7.6.
func setTCPNoDelay(b *builder, _ *call) error {
	b.sockets.tcpNoDelay = true
	return nil
}

func setSocketFlags(_ *builder, d *call) error {
	for _, flag := range d.args {
		if flag != "TCP_NODELAY" {
			return d.expected(flag, "TCP_NODELAY")
		}
	}
	return nil
}

func setPortShare(b *builder, d *call) error {
	s := PortShare{}
	var err error
	if s.Host, s.Port, err = d.proxyAddress(d.args[0], d.args[1]); err != nil {
		return err
	}
	if len(d.args) > 2 {
		s.Dir = d.args[2]
	}
	b.Link.PortShare = &s
	return nil
}

// local is a `local` before its port and protocol are resolved.
type local struct {
	Pos
	host, port string
	proto      *Proto
}

// maxLocals limits the sockets of a server.
const maxLocals = 256

// setLocal takes host, port and protocol of a socket.
func setLocal(b *builder, d *call) error {
	l := local{Pos: d.Pos, host: d.args[0]}
	if l.host == "*" {
		l.host = ""
	} else if h, ok := parseHost(l.host); ok {
		l.host = h
	} else {
		return d.expected(l.host, "a host's name or address, or *")
	}
	var err error
	if len(d.args) > 1 {
		if l.port, err = d.parsePort(d.args[1]); err != nil {
			return err
		}
	}
	if len(d.args) > 2 {
		p, err := d.parseProto(d.args[2])
		if err != nil {
			return err
		}
		l.proto = &p
	}
	if len(b.sockets.locals) == maxLocals {
		return d.fault("", fmt.Sprintf("more than %d sockets", maxLocals), "")
	}
	b.sockets.locals = append(b.sockets.locals, l)
	return nil
}

func (c *Config) listensTCP() bool {
	for _, l := range c.Listens() {
		if l.Proto.TCP {
			return true
		}
	}
	return false
}
