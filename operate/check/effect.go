package check

import (
	"slices"

	"culvert/config"
	"culvert/internal/printable"
)

// noEffect returns the lines that change nothing, beyond those that config notes.
func (s critic) noEffect() (all []Finding) {
	for i := range s.lines {
		l := &s.lines[i]
		row, _ := s.row(*l)
		switch {
		case row == nil:
		case s.isOverridden(i, row):
			all = append(all, s.at(l, Note, NoEffect, printable.Name(l.Name)+": a later line says it again", "keep one of them"))
		case row.Status == config.Harmless && row.Reason == "" && olds[l.Name] == nil && l.Name == row.Name:
			all = append(all, s.at(l, Note, NoEffect, l.Name+" changes nothing here, and does no harm", ""))
		}
	}
	return append(all, s.together()...)
}

// isOverridden reports whether a later line of the same directive counts in place of
// line i. config notes those that say another thing.
func (s critic) isOverridden(i int, row *config.Directive) bool {
	l := s.lines[i]
	_, most := row.Arity()
	if row.Adds || row.Inline || most != 0 && l.Args == nil || s.inBlock(l) || row.Name != l.Name {
		return false
	}
	return slices.ContainsFunc(s.lines[i+1:], func(o config.Line) bool {
		return o.Name == l.Name && slices.Equal(o.Args, l.Args) && !s.inBlock(o)
	})
}

// inBlock reports whether a line is inside a <connection> block.
func (s critic) inBlock(l config.Line) bool {
	return slices.ContainsFunc(s.lines, func(o config.Line) bool {
		return o.Name == "connection" && o.Inline && o.Pos.Line < l.Pos.Line && l.Pos.Line <= o.Last
	})
}

// together returns lines that do nothing beside others.
func (s critic) together() (all []Finding) {
	c := s.config
	warn := func(name, text, instead string) {
		if l := s.first(name); l != nil {
			all = append(all, s.at(l, Warn, NoEffect, text, instead))
		}
	}
	if c.Server.DuplicateCN && c.Server.PoolPersist != "" {
		warn("ifconfig-pool-persist", "with duplicate-cn a name stands for several clients, so none can be given its address again", "remove one of the two")
	}
	if c.Trust.TLSAuth == nil && c.Trust.Secret == nil {
		warn("key-direction", "key-direction is about the key of tls-auth, and there is none", "remove the line")
	}
	if s.isServer() && c.Timers.ExplicitExitNotify > 0 && !slices.ContainsFunc(c.Listens(), func(l config.Listen) bool { return !l.Proto.TCP }) {
		warn("explicit-exit-notify", "over TCP the other end notices by itself", "remove the line")
	}
	return all
}
