package config

import "cmp"

// maxRemotes bounds the servers of one configuration, and its <connection>
// blocks.
const maxRemotes = 1000

// defaultPort is OpenVPN's, assigned by IANA.
const defaultPort = "1194"

// resolveRemotes gives each remote its port and protocol. Where there are
// <connection> blocks, only they count.
func (b *builder) resolveRemotes() {
	remotes := b.remotes
	if len(b.blocks) > 0 {
		for _, r := range remotes {
			b.note(r.Pos, "remote: ignored, since there are <connection> blocks")
		}
		remotes = nil
	}
	for _, r := range remotes {
		b.Link.Remotes = append(b.Link.Remotes, b.resolveRemote(r))
	}
	for _, block := range b.blocks {
		b.resolveBlock(block)
	}
	if !b.isServer() {
		b.dropUnfit()
	}
}

func (b *builder) resolveRemote(r remote) Remote {
	out := Remote{Host: r.host, Port: cmp.Or(r.port, b.rport, b.port, defaultPort), Proto: b.Link.Proto, Pos: r.Pos}
	if out.Port == "0" {
		b.fail(&Error{r.Pos, "remote", r.host, "no port to call: port is 0, which is any free one of this end", "write remote " + r.host + " PORT, such as 1194"})
	}
	if r.proto != nil {
		out.Proto = *r.proto
		if out.Proto.TCP && out.Proto.End == AnyEnd {
			out.Proto.End = Calls
		}
	}
	out.Proto = b.ends(out.Proto)
	return out
}

// resolveBlock applies a <connection> block to a copy of the whole.
func (b *builder) resolveBlock(block connection) {
	s := newBuilder(b.read)
	whole := *b.Config
	whole.Link.Remotes, whole.Notes = nil, nil
	s.Config, s.outer = whole.clone(), b
	s.port, s.rport, s.lport = b.port, b.rport, b.lport
	s.optional, s.forward, s.loaded = b.optional, b.forward, b.loaded
	own := false
	for i := range block.calls {
		d := &block.calls[i]
		s.apply(d, InConnection)
		own = own || d.name != "remote" && d.name != "proto" && d.name != "port" && d.name != "rport"
	}
	s.settle()
	s.resolveLocal()
	s.resolveOuter()
	s.readFiles()
	if s.has("nobind") || s.has("lport") || s.has("bind") || s.has("local") {
		s.resolvePorts()
	}
	if len(s.remotes) == 0 {
		s.fail(&Error{block.Pos, "<connection>", "", "the block has no server to connect to", "add the line: remote HOST PORT"})
	} else {
		r := s.resolveRemote(s.lastRemote())
		if own {
			r.Settings = s.Config
		}
		b.Link.Remotes = append(b.Link.Remotes, r)
	}
	b.Notes = append(b.Notes, s.Notes...)
	b.errs = append(b.errs, s.errs...)
}

// lastRemote is the one that counts in a block. What it does not say of its port
// and protocol those before it say.
func (b *builder) lastRemote() remote {
	last := b.remotes[0]
	for _, r := range b.remotes[1:] {
		b.note(r.Pos, "remote: given before in this block, in "+last.String()+"; this one counts. For both, write a block for each")
		r.port, r.proto = cmp.Or(r.port, last.port), cmp.Or(r.proto, last.proto)
		last = r
	}
	return last
}
