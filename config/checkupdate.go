package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// CheckUpdate checks one option of a PUSH_UPDATE that a server is to send, such
// as "route 10.1.0.0 255.255.0.0", "-route", "?tun-mtu 1400" or "-?dns": that a
// client can change it while connected, and what it says. The error names what
// was expected.
func CheckUpdate(option string) error {
	text, remove := strings.CutPrefix(option, "-")
	text, optional := strings.CutPrefix(text, "?")
	name, value, _ := strings.Cut(text, " ")
	switch {
	case name == "":
		return fmt.Errorf("%s: expected an option's name, as in %s or %s", quote(option), quote("route 10.1.0.0 255.255.0.0"), quote("-route"))
	case strings.ContainsFunc(option, unicode.IsControl):
		return fmt.Errorf("%s: an option is one line of text", quote(option))
	case optional && strings.HasPrefix(text, "-"):
		return fmt.Errorf("%s: to remove an option that clients may skip, write %s", quote(option), quote("-?"+text[1:]))
	case slices.Contains(keepaliveParts, name):
		return fmt.Errorf("%s: clients change it as part of keepalive: write it like %s", name, quote("keepalive 10 60"))
	case slices.Contains(leaseParts, name):
		return fmt.Errorf("%s: a client's address is leased when it connects; to give it another, use client-config-dir; to change them all, server and topology", name)
	case !slices.Contains(updatable, name):
		return fmt.Errorf("%s cannot change while a client is connected; these can: %s. All others reach clients by `push` when they connect again",
			clip(name), strings.Join(without(updatable, slices.Concat(keepaliveParts, leaseParts)), ", "))
	case remove && value != "":
		return fmt.Errorf("%s: an option is removed by its name alone: write %s", quote(option), quote("-"+name))
	case remove:
		return nil
	}
	return checkPushed(name, text)
}

// leaseParts are the options of a client's lease. The server knows the client by
// that address, and with another topology it would mean something else.
var leaseParts = []string{"ifconfig", "ifconfig-ipv6", "topology"}

// keepaliveParts are what a push has in place of keepalive; an update has keepalive
// itself.
var keepaliveParts = []string{"ping", "ping-restart"}

func without(list, some []string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return slices.Contains(some, s) })
}

// checkPushed tries out an option.
func checkPushed(name, option string) error {
	options := expandPushed(option)
	if name == "keepalive" && len(options) != 2 {
		return fmt.Errorf("%s: expected two numbers of seconds, as in %s", quote(option), quote("keepalive 10 60"))
	}
	return newBuilder(nil).tryPushed(options, (*builder).take)
}

// tryPushed takes options as a client would, and returns the first fault.
func (b *builder) tryPushed(options []string, take func(*builder, *call)) error {
	b.sending = true
	calls := b.lexPushed(options)
	for _, note := range b.notes {
		return errors.New(note.Text)
	}
	for i := range calls {
		take(b, &calls[i])
	}
	for _, e := range b.errs {
		return errors.New(e.about())
	}
	return nil
}

func (b *builder) take(d *call) { b.apply(d, InPush) }

// checkPush tries out an option of `push`. The error says why clients skip it, and
// what to write.
func checkPush(rows rows, option string) error {
	return builderOf(rows, defaults(), nil).tryPushed([]string{option}, func(b *builder, d *call) {
		switch row := b.rows[d.name]; {
		case row == nil:
			e := b.rows.unknownName(d)
			e.Mend = cmp.Or(e.Mend, "remove the line, unless your clients know it")
			b.fail(e)
		case row.Where&InPush == 0:
			b.fail(d.fault("", "a server may not set it on its clients", b.rows.inPlaceOf(d.name)))
		case row.Status != Negotiated && d.name != "cipher":
			b.take(d)
		}
	})
}

// inPlaceOf is what to write instead of a pushed directive that cannot be pushed.
func (rows rows) inPlaceOf(name string) string {
	switch row := rows[name]; {
	case name == "keepalive":
		return "write keepalive without push: the server then pushes its part"
	case row.Where&InFile == 0:
		return "write it where it may stand: " + row.Where.phrase()
	case row.Role == RoleServer:
		return "write it without push, if it is for the server"
	}
	return "write it in the clients' own profiles"
}
