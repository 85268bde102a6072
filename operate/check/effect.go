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
		case l.Name == "dh" && slices.Equal(l.Args, []string{"none"}):
		case row.Status == config.Harmless && row.Reason == "" && olds[l.Name] == nil && l.Name == row.Name:
			all = append(all, s.at(l, Note, NoEffect, l.Name+" changes nothing here, and does no harm", ""))
		}
	}
	return append(all, s.together()...)
}

// isOverridden reports whether a later line says the same as line i. config notes those
// that say another thing.
func (s critic) isOverridden(i int, row *config.Directive) bool {
	l := s.lines[i]
	_, most := row.Arity()
	if row.Adds || row.Inline || most != 0 && l.Args == nil || s.inside[i] || row.Name != l.Name {
		return false
	}
	last := s.lasts[sameAs(l.Name)]
	return last > i && s.lines[last].Name == l.Name && slices.Equal(s.lines[last].Args, l.Args)
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
