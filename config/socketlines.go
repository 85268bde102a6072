package config

import (
	"cmp"
	"slices"
	"strconv"
)

// socketLines are the lines that sockets, remotes and proxies are made of.
type socketLines struct {
	*Config
	*record
	remotes            []remote
	blocks             []connection
	port, lport, rport string
	locals             []local
	protoForce         *Proto
	tcpNoDelay         bool
	override           *call // http-proxy-override
}

// resolveLocal makes the socket of a client or host, which has one: the last `local`
// counts.
func (l *socketLines) resolveLocal() {
	if len(l.locals) == 0 || l.isServer() {
		return
	}
	last := l.locals[len(l.locals)-1]
	if n := len(l.locals); n > 1 {
		l.note(last.Pos, "local: given before, in "+l.locals[n-2].String()+"; this one counts, since only a server has several sockets")
	}
	l.Link.Local = last.host
	if last.port != "" {
		l.lport = last.port
	}
	if last.proto != nil {
		l.Link.Proto = *last.proto
	}
}

// resolveLocals makes the sockets of a server.
func (l *socketLines) resolveLocals() {
	if !l.isServer() {
		return
	}
	seen := make(map[Listen]Pos)
	for _, own := range l.locals {
		s := Listen{Host: own.host, Port: l.Link.LocalPort, Proto: l.Link.Proto}
		if own.port != "" {
			n, err := strconv.Atoi(own.port)
			if err != nil {
				l.fail(&Error{own.Pos, "local", own.port, "expected a port's number to listen on", "write a number such as 1194"})
			}
			s.Port = n
		}
		if own.proto != nil {
			s.Proto = *own.proto
		}
		s.Proto = l.ends(s.Proto)
		if before, ok := seen[s]; ok {
			l.fail(&Error{own.Pos, "local", own.host, "the same socket as in " + before.String(), "remove one of the two"})
			continue
		}
		seen[s] = own.Pos
		s.Pos = own.Pos // after, since places differ where sockets are the same
		l.Link.Locals = append(l.Link.Locals, s)
	}
}

// resolveOuter checks the settings of proxies against each other, and pushes
// TCP_NODELAY to clients.
func (l *socketLines) resolveOuter() {
	if l.tcpNoDelay && l.isServer() {
		l.Server.Push = append(l.Server.Push, "socket-flags TCP_NODELAY")
	}
	l.checkProxyDetails()
	if l.Link.HTTPProxy != nil && l.Link.SOCKSProxy != nil {
		l.fail(&Error{l.Link.SOCKSProxy.Pos, "socks-proxy", "", "http-proxy is given too", "keep one of the two"})
	}
}

// checkProxyDetails refuses details of an HTTP proxy where none is named, not
// even in a <connection> block.
func (l *socketLines) checkProxyDetails() {
	named := l.override != nil || slices.ContainsFunc(l.blocks, func(c connection) bool {
		return slices.ContainsFunc(c.calls, func(d call) bool { return d.name == "http-proxy" })
	})
	const reason, mend = "there is no http-proxy for it", "add the line: http-proxy HOST PORT; or remove this one"
	if p := l.Link.HTTPProxy; p != nil && p.Host == "" {
		l.Link.HTTPProxy = nil
		if !named && l.has("http-proxy-option") {
			l.problem("http-proxy-option", reason, mend)
		}
	}
	if l.Link.HTTPProxy == nil && !named && l.has("http-proxy-user-pass") {
		l.problem("http-proxy-user-pass", reason, mend)
	}
}

// unfit says why proto-force, a proxy or the like rule a remote out. The reason is
// "" if they do not.
func (l *socketLines) unfit(r Remote) (reason, mend string) {
	c := l.Config
	if r.Settings != nil {
		c = r.Settings
	}
	switch {
	case l.protoForce != nil && l.protoForce.TCP != r.Proto.TCP:
		return "proto-force asks for another protocol", "give a remote with that protocol, or remove proto-force"
	case c.Link.HTTPProxy != nil && !r.Proto.TCP:
		return "an HTTP proxy carries TCP only", "write proto tcp, if the server offers it"
	}
	return "", ""
}

// dropUnfit drops the remotes that cannot be used, unless that is all of them.
func (l *socketLines) dropUnfit() {
	var fit []Remote
	for _, r := range l.Link.Remotes {
		if reason, _ := l.unfit(r); reason == "" {
			fit = append(fit, r)
		}
	}
	for _, r := range l.Link.Remotes {
		reason, mend := l.unfit(r)
		switch {
		case reason == "":
		case len(fit) == 0:
			l.fail(&Error{r.Pos, "remote", r.Host, reason, mend})
		default:
			l.note(r.Pos, "remote "+clip(r.Host)+": left out, since "+reason)
		}
	}
	l.Link.Remotes = fit
}

// resolvePorts combines port, lport, bind and nobind. A client binds no port
// unless something says so, as since OpenVPN 2.6, nor does a host that calls
// another over TCP.
func (l *socketLines) resolvePorts() {
	bind := l.holds("bind") || l.holds("lport") || l.holds("local")
	l.Link.NoBind = !l.isServer() && (l.holds("nobind") || (l.Pull || l.calls()) && !bind)
	if l.Link.NoBind {
		for _, name := range []string{"lport", "bind", "local"} {
			if l.holds(name) {
				l.problem(name, "asks for a way out of its own, and nobind for any", "keep one of the two")
			}
		}
		l.Link.LocalPort = 0
		return
	}
	l.Link.LocalPort = 1194
	name, port := "lport", l.lport
	if port == "" {
		name, port = "port", l.port
	}
	if port == "" {
		return
	}
	n, err := strconv.Atoi(port)
	if err != nil {
		l.fail(&Error{l.at(name), name, port, "expected a port's number to listen on", "write a number such as 1194"})
	}
	l.Link.LocalPort = n
}

func (l *socketLines) resolveRemote(r remote) Remote {
	out := Remote{Host: r.host, Port: cmp.Or(r.port, l.rport, l.port, defaultPort), Proto: l.Link.Proto, Pos: r.Pos}
	if out.Port == "0" {
		l.fail(&Error{r.Pos, "remote", r.host, "no port to call: port is 0, which is any free one of this end", "write remote " + r.host + " PORT, such as 1194"})
	}
	if r.proto != nil {
		out.Proto = *r.proto
		if out.Proto.TCP && out.Proto.End == AnyEnd {
			out.Proto.End = Calls
		}
	}
	out.Proto = l.ends(out.Proto)
	return out
}

// lastRemote is the one that counts in a block. It takes a port or protocol that it
// does not give from those before it.
func (l *socketLines) lastRemote() remote {
	last := l.remotes[0]
	for _, r := range l.remotes[1:] {
		l.note(r.Pos, "remote: given before in this block, in "+last.String()+"; this one counts. For both, write a block for each")
		r.port, r.proto = cmp.Or(r.port, last.port), cmp.Or(r.proto, last.proto)
		last = r
	}
	return last
}

// calls reports whether this is a host that connects to another over TCP. It runs
// before remotes are resolved.
func (l *socketLines) calls() bool {
	for _, r := range l.remotes {
		p := l.Link.Proto
		if r.proto != nil {
			p = *r.proto
		}
		if !p.TCP || p.End == Listens {
			return false
		}
	}
	return l.isPeer() && len(l.remotes) > 0
}
