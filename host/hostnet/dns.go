package hostnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"culvert/internal/domain"
)

// maxServers is how many name servers resolv.conf(5) may list.
const maxServers = 3

func (p *planner) planDNS() {
	d := p.want.DNS
	if d == nil || len(d.Servers)+len(d.Search)+len(d.Domains)+len(d.Learned) == 0 {
		return
	}
	names, ok := p.checkNames(*d)
	if !ok {
		return
	}
	if s := p.is.resolver.service; s.name != "" {
		p.planLinkDNS(s, names)
		return
	}
	p.planResolvConf(names)
}

// checkNames leaves out names that are not domains, which the resolver could take for
// something else. ok is false if none of the domains to ask for is left: asking for all
// names instead would be wrong.
func (p *planner) checkNames(d DNS) (left DNS, ok bool) {
	asked := len(d.Domains)
	valid := func(names []string) (left []string) {
		for _, name := range names {
			if !domain.Valid(name) {
				p.failDNS("%.80q is no domain: expected letters, digits, hyphens and dots; it is left out", name)
				continue
			}
			ascii, err := domain.ASCII(name)
			if err != nil {
				p.failDNS("%w; it is left out", err)
				continue
			}
			left = append(left, ascii)
		}
		return left
	}
	d.Search, d.Domains, d.Learned = valid(d.Search), valid(bare(d.Domains)), valid(bare(d.Learned))
	return d, asked == 0 || len(d.Domains) > 0
}

// planLinkDNS leaves out what the service cannot do, and says so.
func (p *planner) planLinkDNS(s nameService, d DNS) {
	if d.Local.IsValid() && len(d.Learned) > 0 {
		// It divides all names: systemd-resolved asks by itself for those that an answer leads
		// to (CNAME), in whatever domain they are.
		d.Servers, d.Domains = []netip.AddrPort{d.Local}, nil
	} else {
		p.unlearned(d)
	}
	d.Local, d.NoLocal, d.Learned, d.Outside = netip.AddrPort{}, "", nil, nil
	if len(d.Domains) > 0 && !s.split {
		p.failDNS("%s cannot ask for %s alone, so all names are asked through the tunnel", s.name, strings.Join(d.Domains, ", "))
		d.Search, d.Domains = slices.Concat(d.Search, d.Domains), nil
	}
	if !s.ports {
		var unused []netip.AddrPort
		d.Servers, unused = onPort53(d.Servers)
		if len(unused) > 0 {
			p.failDNS("%s asks on port 53 only; not used: %s", s.name, some(unused))
		}
	}
	p.add(&linkDNSChange{Device: p.want.Device, Service: s.name, DNS: d})
}

// onPort53 splits servers into those on the port of DNS and the others.
func onPort53(servers []netip.AddrPort) (there, elsewhere []netip.AddrPort) {
	for _, s := range servers {
		if !isPort53(s) {
			elsewhere = append(elsewhere, s)
			continue
		}
		there = append(there, s)
	}
	return there, elsewhere
}

// isPort53 reports whether a server is on the port of DNS, which need not be written.
func isPort53(s netip.AddrPort) bool { return s.Port() == 0 || s.Port() == 53 }

// some names a few servers and says how many more there are.
func some(servers []netip.AddrPort) string {
	const few = 4
	var names []string
	for _, s := range servers[:min(few, len(servers))] {
		if isPort53(s) {
			names = append(names, s.Addr().String())
			continue
		}
		names = append(names, s.String())
	}
	text := strings.Join(names, ", ")
	if more := len(servers) - few; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// planResolvConf has names asked at Local if they are to be divided, which the C library
// cannot do.
func (p *planner) planResolvConf(d DNS) {
	divided := len(d.Learned) > 0 || len(d.Domains) > 0
	if divided && d.Local.IsValid() && !isPort53(d.Local) {
		d.Local = netip.AddrPort{} // the file has no ports
	}
	r := p.is.resolver
	if divided && d.Local.IsValid() {
		p.writeResolvConf(dividedResolvConf(p.want.Device, d, r.content))
		return
	}
	p.unlearned(d)
	if len(d.Domains) > 0 {
		why := ""
		if d.NoLocal != "" {
			why = ", and culvert's own cannot run: " + d.NoLocal
		}
		p.failDNS("this host's resolver cannot ask for %s alone%s, so all names are asked through the tunnel; "+
			"systemd-resolved can", strings.Join(d.Domains, ", "), why)
	}
	set, unused := resolvConf(p.want.Device, d, r.content)
	if len(unused) > 0 {
		p.failDNS("%s takes %d name servers, all on port 53; not used: %s", r.path, maxServers, some(unused))
	}
	p.writeResolvConf(set)
}

func (p *planner) writeResolvConf(set []byte) {
	if r := p.is.resolver; !bytes.Equal(set, r.content) {
		p.add(&fileChange{Path: r.path, Set: set, Was: r.content, Existed: r.exists, File: r.file})
	}
}

func (p *planner) failDNS(format string, args ...any) {
	p.fail(Failure{What: "name resolution", Err: fmt.Errorf(format, args...)})
}

// resolvConf composes resolv.conf, and lists the servers for which it has no room.
func resolvConf(device string, d DNS, was []byte) (set []byte, unused []netip.AddrPort) {
	var b bytes.Buffer
	b.WriteString(writtenFor(device))
	n := 0
	for _, s := range d.Servers {
		if n == maxServers || !isPort53(s) {
			unused = append(unused, s)
			continue
		}
		fmt.Fprintf(&b, "nameserver %s\n", s.Addr())
		n++
	}
	if n == 0 {
		keepServers(&b, was)
	}
	if search := append(append([]string{}, d.Search...), d.Domains...); len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	return b.Bytes(), unused
}

// writtenFor is the head of a resolv.conf. Its first line says that the file is ours.
func writtenFor(device string) string {
	return fmt.Sprintf("# Written by culvert for %s; what was here comes back when it ends,\n# or by `culvert cleanup`, unless this file is changed meanwhile.\n", device)
}

func keepServers(b *bytes.Buffer, was []byte) {
	for line := range strings.Lines(string(was)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "nameserver" {
			fmt.Fprintln(b, f[0], f[1])
		}
	}
}

// isStub reports whether a resolv.conf sends all questions to systemd-resolved's
// stub listener.
func isStub(content []byte) bool {
	stub := false
	for line := range strings.Lines(string(content)) {
		f := strings.Fields(line)
		if len(f) < 2 || f[0] != "nameserver" {
			continue
		}
		if f[1] != "127.0.0.53" && f[1] != "127.0.0.54" {
			return false
		}
		stub = true
	}
	return stub
}

// fileChange replaces a file's content. The journal keeps all of what was
// there before.
type fileChange struct {
	Path     string
	Set, Was []byte
	Existed  bool
	// File identifies the file, whatever its name (fileID); "" if there was none or
	// the system has no such number.
	File string `json:",omitempty"`
}

func (c *fileChange) sharedKey() string { return "file " + c.Path }

func (c *fileChange) String() string {
	var lines []string
	for line := range strings.Lines(string(c.Set)) {
		if !strings.HasPrefix(line, "#") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return "write " + c.Path + ": " + strings.Join(lines, "; ")
}

func (c *fileChange) apply(_ context.Context, k kernel) error { return k.writeFile(c.Path, c.Set) }

func (c *fileChange) undo(_ context.Context, k kernel, heir change) (outcome, error) {
	want, exists := c.Was, c.Existed
	if h, ok := heir.(*fileChange); ok {
		want, exists = h.Set, true
	}
	now, there, err := k.readFile(c.Path)
	switch {
	case err != nil:
		return outcome{}, fmt.Errorf("read %s: %w", c.Path, err)
	case there == exists && bytes.Equal(now, want):
		return outcome{}, nil
	case !there && !exists:
		return outcome{}, nil
	case c.editedIn(now) && !halfWritten(now, c.Set):
		err = k.writeFile(c.Path, c.takenOut(now, want))
	case !there || !halfWritten(now, c.Set) && !halfWritten(now, want):
		return left("left %s as it is: it was changed meanwhile, and what was there before is not put back", c.Path), nil
	case exists:
		err = k.writeFile(c.Path, want)
	default:
		err = k.removeFile(c.Path)
	}
	if err != nil && !errors.Is(err, errGone) {
		return outcome{}, fmt.Errorf("put %s back: %w", c.Path, err)
	}
	return did("put %s back", c.Path), nil
}

// isHere reports whether the caller finds the changed file at its path; in another
// mount namespace the path may lead to another file. Within a boot a file is known
// by its number, else by its content.
func (c *fileChange) isHere(k kernel, sameBoot bool) bool {
	if c.File != "" && c.File == k.fileID(c.Path) {
		return true
	}
	now, there, err := k.readFile(c.Path)
	return (c.File == "" || !sameBoot) && err == nil && there && bytes.Equal(now, c.Set)
}

// halfWritten reports whether now is what a write of content leaves, complete or
// cut off by the end of the process.
func halfWritten(now, content []byte) bool { return bytes.HasPrefix(content, now) }

func (c *fileChange) without(seen *observed) bool {
	r := &seen.resolver
	switch {
	case r.path != c.Path:
	case bytes.Equal(r.content, c.Set):
		r.content, r.exists = c.Was, c.Existed
		return true
	case c.editedIn(r.content):
		r.content = c.takenOut(r.content, c.Was)
	}
	return false
}

// editedIn reports whether a file is Set with lines that somebody added or
// removed: its first line is there, which names the adapter.
func (c *fileChange) editedIn(content []byte) bool {
	first, _, ok := bytes.Cut(c.Set, []byte("\n"))
	return ok && bytes.HasPrefix(first, []byte("#")) && bytes.Contains(content, append(first, '\n'))
}

// takenOut returns an edited file without the lines of Set. If no name server is left,
// what the file said before is put in front.
func (c *fileChange) takenOut(content, before []byte) []byte {
	ours := map[string]bool{}
	for line := range strings.Lines(string(c.Set)) {
		ours[strings.TrimSpace(line)] = true
	}
	var added []byte
	named := false
	for line := range strings.Lines(string(content)) {
		if ours[strings.TrimSpace(line)] {
			continue
		}
		added = append(added, line...)
		named = named || strings.HasPrefix(line, "nameserver")
	}
	if named {
		return added
	}
	return append(slices.Clone(before), added...)
}
