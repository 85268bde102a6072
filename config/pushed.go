package config

import (
	"slices"
	"strconv"
)

// pushed is the Pos.File of options that a server pushed.
const pushed = "pushed"

// ParsePushed applies the options that a server pushed, split at the commas of
// PUSH_REPLY, to a copy of base. As in OpenVPN, one that is unknown, malformed or
// not allowed there is skipped with a note. It fails when the addresses make no
// sense. The notes are about the options alone.
func ParsePushed(base *Config, options []string) (*Config, []Note, error) {
	b := builderOf(byName, base.clone(), nil)
	calls := b.lexPushed(options)
	b.replaceDNS(calls)
	for i := range calls {
		b.push(&calls[i])
	}
	b.add(b.device.resolveIfconfig(b.has("topology")))
	b.device.resolveIPWin32()
	b.Routing.DNS.dropUnreachable(b.record)
	sortByPlace(b.notes, func(n Note) Pos { return n.Pos })
	if len(b.errs) > 0 {
		return nil, b.notes, joinErrors(b.errs)
	}
	return b.Config, b.notes, nil
}

// lexPushed cuts options into words.
func (b *builder) lexPushed(options []string) []call {
	var calls []call
	for i, option := range options {
		pos := Pos{pushed, i + 1}
		words, _, problem := splitWords(option)
		if problem != nil {
			b.note(pos, quote(option)+": ignored: "+problem.reason)
		} else if len(words) > 0 {
			calls = append(calls, call{Pos: pos, name: words[0], args: words[1:]})
		}
	}
	return calls
}

// push applies one option if its row and the user let the server set it.
func (b *builder) push(d *call) {
	row := b.rows[d.name]
	switch {
	case row == nil:
		b.note(d.Pos, clip(d.name)+": ignored: unknown directive")
	case row.Where&InPush == 0:
		b.note(d.Pos, d.name+": ignored: a server may not set it")
	case row.Status == Negotiated || d.name == "cipher": // the session's negotiation reads these
	case row.Routing && b.Routing.NoPull:
		b.note(d.Pos, d.name+": ignored, as route-nopull asks")
	default:
		b.tolerate(d)
	}
}

// checkPulled refuses names in a pushed route unless allow-pull-fqdn allows them.
func (g *Routing) checkPulled(d *call, r Route, sending bool) error {
	for _, name := range []string{r.Host, r.Gateway.Host} {
		if d.File != pushed || name == "" || special(name) != "" || g.AllowPullFQDN {
			continue
		}
		if sending {
			return d.fault(name, "clients take names in pushed routes only where they have allow-pull-fqdn", "write an address")
		}
		return d.fault(name, "a server may push names in routes only where this side allows it", "add the line: allow-pull-fqdn")
	}
	return nil
}

// tolerate applies an option, and only notes its faults.
func (b *builder) tolerate(d *call) {
	errs := b.errs
	b.errs = nil
	b.apply(d, InPush)
	for _, r := range b.unknown {
		b.errs = append(b.errs, r.err)
	}
	for _, e := range b.errs {
		b.note(e.Pos, "ignored: "+e.about())
	}
	b.errs, b.unknown = errs, nil
}

// replaceDNS drops our own settings of DNS servers that the server describes.
func (b *builder) replaceDNS(calls []call) {
	for _, d := range calls {
		if d.name != "dns" || len(d.args) < 2 || d.args[0] != "server" || b.Routing.NoPull {
			continue
		}
		if n, err := strconv.Atoi(d.args[1]); err == nil && n >= 0 {
			b.Routing.DNS.Servers = slices.DeleteFunc(b.Routing.DNS.Servers, func(s DNSServer) bool { return s.Priority == n })
		}
	}
}
