package config

import "time"

// maxRemotes limits the servers of one configuration, and its <connection> blocks.
const maxRemotes = 1000

// defaultPort is OpenVPN's, assigned by IANA.
const defaultPort = "1194"

// resolveRemotes gives each remote its port and protocol. Where there are
// <connection> blocks, only they count.
func (b *builder) resolveRemotes() {
	remotes := b.sockets.remotes
	if len(b.sockets.blocks) > 0 {
		for _, r := range remotes {
			b.note(r.Pos, "remote: ignored, since there are <connection> blocks")
		}
		remotes = nil
	}
	for _, r := range remotes {
		b.Link.Remotes = append(b.Link.Remotes, b.sockets.resolveRemote(r))
	}
	for _, block := range b.sockets.blocks {
		b.resolveBlock(block)
	}
	if !b.isServer() {
		b.sockets.dropUnfit()
	}
	ways := b.Link.Ways()
	for _, r := range b.Link.Remotes {
		if r.Settings != nil {
			r.Settings.Link.ways = ways
		}
	}
}

// resolveBlock applies a <connection> block to a copy of the whole.
func (b *builder) resolveBlock(block connection) {
	whole := *b.Config
	whole.Link.Remotes, whole.Notes, whole.usedInBlocks = nil, nil, nil
	s := builderOf(b.rows, whole.clone(), b.read)
	s.rest = b.record
	s.sockets.port, s.sockets.rport, s.sockets.lport = b.sockets.port, b.sockets.rport, b.sockets.lport
	s.optional, s.forward, s.files.loaded = b.optional, b.forward, b.files.loaded
	own := false
	for i := range block.calls {
		d := &block.calls[i]
		s.apply(d, InConnection)
		own = own || d.name != "remote" && d.name != "proto" && d.name != "port" && d.name != "rport"
	}
	s.settle()
	b.usedInBlocks = append(b.usedInBlocks, s.used[len(b.used):]...)
	if s.sockets.override = b.sockets.override; s.sockets.callsTCP() {
		overrideProxy(s)
	}
	s.device.resolveLinkMTU()
	s.sockets.resolveLocal()
	s.sockets.resolveOuter()
	s.files.readAll()
	if s.has("nobind") || s.has("lport") || s.has("bind") || s.has("local") {
		s.sockets.resolvePorts()
	}
	if len(s.sockets.remotes) == 0 {
		s.fail(&Error{block.Pos, "<connection>", "", "the block has no server to connect to", "add the line: remote HOST PORT"})
	} else {
		r := s.sockets.resolveRemote(s.sockets.lastRemote())
		if own {
			s.Notes = s.notes
			r.Settings = s.Config
		}
		b.Link.Remotes = append(b.Link.Remotes, r)
	}
	b.notes = append(b.notes, s.notes...)
	b.errs = append(b.errs, s.errs...)
}

// RemoteSelect is `remote-select`: which of the remotes is used.
type RemoteSelect struct {
	Fastest bool          // they are measured; else they are tried in their order
	Steady  time.Duration // how long another has to be better; 0: the default
}

// setRemoteSelect reads remote-select.
func setRemoteSelect(b *builder, d *call) error {
	s := RemoteSelect{Fastest: d.args[0] == "fastest"}
	if !s.Fastest && d.args[0] != "order" {
		return d.expected(d.args[0], "order or fastest")
	}
	if len(d.args) > 1 {
		n, err := d.int(1, 1, 3600)
		if err != nil {
			return err
		}
		if !s.Fastest {
			return d.fault(d.args[1], "the seconds are for fastest", "write remote-select order")
		}
		s.Steady = time.Duration(n) * time.Second
	}
	b.Link.RemoteSelect = s
	return nil
}
