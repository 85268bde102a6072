package check

import (
	"cmp"
	"net/netip"
	"regexp"
	"slices"
	"strings"

	"culvert/config"
)

// modern is what takes a line's place.
type modern struct {
	rows     []string // none: the line goes
	why      string
	settings []string // that it changes
}

// modern returns what takes the place of line i, if anything does.
func (f fixer) modern(i int) (modern, bool) {
	l := f.lines[i]
	for _, rule := range []func(int, config.Line) (modern, bool){f.otherRole, f.overridden, f.renamed, f.ciphers, f.compression, f.gone, f.values, f.foreign, f.missing} {
		if m, ok := rule(i, l); ok {
			return m, true
		}
	}
	return modern{}, false
}

// row writes a directive.
func row(name string, args ...string) string { return config.Line{Name: name, Args: args}.String() }

// otherRole removes lines for the other end.
func (f fixer) otherRole(_ int, l config.Line) (modern, bool) {
	if l.Inline || !f.noteAt(l, l.Name+forOther) {
		return modern{}, false
	}
	return modern{nil, l.Name + " is for the other end, and goes", f.others}, true
}

// othersSettings returns the settings that differ without the lines for the other end.
func othersSettings(f *subject) []string {
	var edits []edit
	for _, l := range f.lines {
		if !l.Inline && f.noteAt(l, l.Name+forOther) {
			edits = append(edits, edit{first: l.Pos.Line, last: l.Last})
		}
	}
	before, err := f.parsed(f.text)
	if err != nil || edits == nil {
		return nil
	}
	after, err := f.parsed(f.write(edits))
	if err != nil {
		return nil
	}
	return differences(before, after)
}

// forOther are config's words for a line of the other role.
const forOther = ": only means something on a"

// overridden removes lines of which a later one counts.
func (f fixer) overridden(i int, l config.Line) (modern, bool) {
	d, found := config.Lookup(l.Name)
	if !found || d.Adds || d.Inline || d.Status != config.Supported || f.inside[i] {
		return modern{}, false
	}
	last := f.lasts[sameAs(l.Name)]
	return modern{why: l.Name + " goes, since a later line counts"}, last > i && len(f.lines[last].Args) >= len(l.Args)
}

// renamed writes directives by their new names.
func (f fixer) renamed(_ int, l config.Line) (m modern, ok bool) {
	t := f.config.Trust
	switch n := t.VerifyX509Name; {
	case l.Name == "tls-remote" && n != nil && !f.has("verify-x509-name"):
		return modern{[]string{row("verify-x509-name", n.Name, n.Type)}, "tls-remote was removed in 2.4", nil}, true
	case l.Name == "ns-cert-type" && !f.has("remote-cert-tls"):
		return modern{[]string{row("remote-cert-tls", l.Args...)}, "ns-cert-type is deprecated; remote-cert-tls demands the key usage that certificates have today",
			[]string{"Trust.NsCertType", "Trust.RemoteCertTLS"}}, true
	case l.Name == "client-cert-not-required" && f.isServer():
		return modern{[]string{row("verify-client-cert", "none")}, "client-cert-not-required was removed in 2.5", nil}, true
	case l.Name == "script-security" && len(l.Args) > 1:
		return modern{[]string{row(l.Name, l.Args[0])}, "its second word was removed in 2.3", nil}, true
	case l.Name == "allow-compression" && len(l.Args) > 0 && l.Args[0] == "yes":
		return modern{[]string{row(l.Name, "asym")}, "yes was removed in 2.7, and means asym", nil}, true
	}
	return m, false
}

// defaults are the ciphers that are offered without data-ciphers.
var defaults = []string{"AES-256-GCM", "AES-128-GCM", "CHACHA20-POLY1305"}

// ciphers writes what is to be negotiated by data-ciphers, and what is for peers that
// cannot negotiate by data-ciphers-fallback.
func (f fixer) ciphers(_ int, l config.Line) (m modern, ok bool) {
	d := f.config.Data
	if f.config.Trust.Secret != nil || len(l.Args) == 0 {
		return m, false
	}
	name := strings.ToUpper(l.Args[0])
	if slices.Contains(d.Ciphers, "NONE") || name == "NONE" && d.AllowInsecureNone {
		return m, false
	}
	switch l.Name {
	case "ncp-ciphers":
		return modern{[]string{row("data-ciphers", f.takenOf(l.Args[0]))}, "ncp-ciphers was renamed in 2.5", nil}, true
	case "data-ciphers":
		list := f.takenOf(l.Args[0])
		return modern{[]string{row("data-ciphers", list)}, "ciphers that nobody offers here go", nil}, !strings.EqualFold(list, l.Args[0])
	case "cipher":
		return modern{f.cipherRows(name), "cipher is not negotiated since 2.6", []string{"Data.Cipher"}}, true
	}
	return m, false
}

// takenOf returns the members of a list of ciphers that are taken.
func (f fixer) takenOf(list string) string {
	var kept []string
	for _, name := range strings.Split(list, ":") {
		bare := strings.ToUpper(strings.TrimPrefix(name, "?"))
		if bare == "DEFAULT" || slices.Contains(f.config.Data.Ciphers, bare) {
			kept = append(kept, name)
		}
	}
	if kept == nil {
		return list
	}
	return strings.Join(kept, ":")
}

// cipherRows is what takes the place of `cipher`.
func (f fixer) cipherRows(name string) (rows []string) {
	listed := f.has("data-ciphers") || f.has("ncp-ciphers")
	if !listed && f.has("ncp-disable") {
		rows = append(rows, row("data-ciphers", name))
	} else if !listed && slices.Contains(f.config.Data.Ciphers, name) && !slices.Contains(defaults, name) {
		rows = append(rows, row("data-ciphers", strings.Join(append(slices.Clone(defaults), name), ":")))
	}
	if f.config.Data.Fallback == name && !f.has("data-ciphers-fallback") {
		rows = append(rows, row("data-ciphers-fallback", name))
	}
	return rows
}

// compression keeps the framing alone, which is all that is used of it.
func (f fixer) compression(_ int, l config.Line) (m modern, ok bool) {
	args := strings.Join(l.Args, " ")
	became := ""
	switch {
	case l.Name == "comp-lzo" && args != "no", l.Name == "compress" && args == "lzo":
		became = row("comp-lzo", "no")
	case l.Name == "compress" && args == "lz4":
		became = row("compress", "stub")
	case l.Name == "compress" && args == "lz4-v2":
		became = row("compress", "stub-v2")
	default:
		return m, false
	}
	if f.isServer() {
		became = row("compress", "migrate")
	}
	return modern{[]string{became}, "nothing is compressed any more; the framing stays, for the other end", []string{"Data.Compression"}}, true
}

// gone are directives that do nothing in any version since 2.6.
var gone = []string{"keysize", "key-method", "ncp-disable", "comp-noadapt", "fast-io", "max-routes", "prng", "opt-verify", "tun-ipv6", "http-proxy-retry", "socks-proxy-retry",
	"http-proxy-timeout", "disable-occ"}

func (f fixer) gone(_ int, l config.Line) (modern, bool) {
	return modern{why: l.Name + " does nothing any more"}, slices.Contains(gone, l.Name)
}

// foreign marks as optional what not every OpenVPN knows, or none on this system.
func (f fixer) foreign(i int, l config.Line) (modern, bool) {
	d, found := config.Lookup(l.Name)
	taken := found && (d.Status == config.Supported || d.Status == config.Harmless || d.Status == config.WindowsOnly) && !d.Guards
	others := slices.Contains(unknownToStock, l.Name) || slices.Contains(newIn27, l.Name)
	if !taken || !others || l.Inline || f.inside[i] || l.Name == "tls-crypt-v2-max-age" || f.excuses.excuse(i, l.Name) {
		return modern{}, false
	}
	return modern{[]string{row("setenv", append([]string{"opt", l.Name}, l.Args...)...)}, "not every OpenVPN knows " + l.Name + ", so it is marked as optional", nil}, true
}

// missing adds what has another default in 2.6: behind the line that says the role.
func (f fixer) missing(i int, l config.Line) (modern, bool) {
	bare := l
	bare.Comment = "" // it goes where the line goes
	m := modern{rows: f.plain(bare)}
	least := len(m.rows)
	why := func(text string) {
		m.why = strings.TrimPrefix(m.why+"; "+text, "; ")
	}
	if i == f.saysRole() && !f.has("dev") {
		kind := map[config.DevType]string{config.DevTap: "tap", config.DevNull: "null"}[f.config.Adapter.DevType]
		m.rows = append(m.rows, row("dev", cmp.Or(kind, "tun")))
		why("dev tun is the default here and since 2.7, and is wanted before")
	}
	if l.Name == "secret" && !f.config.Data.AllowStaticCrypto {
		m.rows, m.settings = append(m.rows, row("setenv", "opt", "allow-deprecated-insecure-static-crypto")), []string{"Data.AllowStaticCrypto"}
		why("OpenVPN 2.7 takes a static key only beside allow-deprecated-insecure-static-crypto")
	}
	if l.Name == "server" && f.isServer() && f.config.Adapter.DevType == config.DevTun && !f.has("topology") {
		m.rows = append(m.rows, row("topology", "subnet"))
		why("topology subnet is the default here and since 2.7, and was not before")
	}
	return m, len(m.rows) > least
}

// saysRole returns the index of the line that says which end this is, -1 where none does.
func (f fixer) saysRole() int {
	for _, name := range []string{"client", "server", "server-bridge", "mode", "tls-client", "tls-server", "secret"} {
		if i, ok := f.lasts[name]; ok && f.lines[i].Name == name && !f.lines[i].Inline {
			return i
		}
	}
	return -1
}

// leadingNumber is a number with something behind it.
var leadingNumber = regexp.MustCompile(`^\+?([0-9]+)[^0-9]`)

// values writes values as every version reads them.
func (f fixer) values(_ int, l config.Line) (m modern, ok bool) {
	if l.Inline {
		return m, false
	}
	args := slices.Clone(l.Args)
	d, _ := config.Lookup(l.Name)
	if _, most := d.Arity(); f.noteAt(l, "takes no value, so") || f.noteAt(l, "takes one value, so") {
		args = args[:min(most, len(args))]
	}
	if f.noteAt(l, "what follows the number") || f.noteAt(l, "is taken as") {
		for i, a := range args {
			if n := leadingNumber.FindStringSubmatch(a); n != nil {
				args[i] = n[1]
			} else if f.noteAt(l, `"`+a+`" is taken as 0`) {
				args[i] = "0"
			}
		}
	}
	switch {
	case l.Name == "proto" && len(args) > 0:
		args[0] = strings.ToLower(args[0])
	case l.Name == "push" && len(args) > 1:
		args = []string{config.Line{Name: args[0], Args: args[1:]}.String()}
	case l.Name == "http-proxy-option" && len(args) > 2 && args[0] == "AGENT":
		args = []string{args[0], strings.Join(args[1:], " ")}
	case l.Name == "http-proxy-option" && len(args) > 3 && args[0] == "CUSTOM-HEADER":
		args = []string{args[0], args[1], strings.Join(args[2:], " ")}
	case l.Name == "remote" && len(args) > 2:
		args[2] = strings.ToLower(args[2])
	case l.Name == "remote" && f.noteAt(l, "read as host"):
		args = f.remoteAt(l, args)
	case l.Name == "route" && len(args) == 1:
		if p, err := netip.ParsePrefix(args[0]); err == nil && p.Addr().Is4() {
			args = []string{p.Masked().Addr().String(), mask(p.Bits())}
		}
	}
	return modern{[]string{row(l.Name, args...)}, "written as every version reads it", nil}, !slices.Equal(args, l.Args)
}

// remoteAt returns the server that a line was understood as.
func (f fixer) remoteAt(l config.Line, args []string) []string {
	for _, r := range f.config.Link.Remotes {
		if r.Pos == l.Pos {
			return []string{r.Host, r.Port}
		}
	}
	return args
}

// mask is a prefix length in dotted form.
func mask(bits int) string {
	n := ^uint32(0) << (32 - bits)
	return netip.AddrFrom4([4]byte{byte(n >> 24), byte(n >> 16), byte(n >> 8), byte(n)}).String()
}
