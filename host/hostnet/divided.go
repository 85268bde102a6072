package hostnet

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// This file is about names that are divided between the tunnel's name servers and those of
// before, by DNS.Local.

// bare returns domains without the "*." that some have in front.
func bare(domains []string) []string {
	all := slices.Clone(domains)
	for i, name := range all {
		all[i] = strings.TrimPrefix(name, "*.")
	}
	return all
}

// unlearned says that no addresses are learned, if they should be.
func (p *planner) unlearned(d DNS) {
	if len(d.Learned) > 0 {
		p.failDNS("the addresses of chosen names cannot be learned: %s", cmp.Or(d.NoLocal, "no resolver of culvert runs"))
	}
}

// dividedResolvConf composes a resolv.conf that names Local alone: another server would be
// asked for the tunnel's names, too, whenever one of the tunnel's is slow. What was there is
// kept, as far as it is about something else; trust-ad is not, since the answers are of
// several servers.
func dividedResolvConf(device string, d DNS, was []byte) []byte {
	var b bytes.Buffer
	b.WriteString(writtenFor(device))
	fmt.Fprintf(&b, "# Names are asked at culvert's own resolver here, which asks the tunnel's name servers for some, and for\n"+
		"# the others those of before. If names are not found, and culvert is gone: culvert cleanup\nnameserver %s\n", d.Local.Addr())
	search := slices.Clone(d.Search)
	for _, name := range parseResolvConf(was).Search {
		if !slices.Contains(search, name) {
			search = append(search, name)
		}
	}
	if len(search) > 0 {
		fmt.Fprintf(&b, "search %s\n", strings.Join(search, " "))
	}
	for line := range strings.Lines(string(was)) {
		f := strings.Fields(line)
		if len(f) > 1 && f[0] == "options" {
			if f = slices.DeleteFunc(f, func(o string) bool { return o == "trust-ad" }); len(f) > 1 {
				fmt.Fprintln(&b, strings.Join(f, " "))
			}
		}
	}
	return b.Bytes()
}
