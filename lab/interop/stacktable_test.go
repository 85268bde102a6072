//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
)

// stackPage is where the table of stacks is.
var stackPage = docPage{"../../docs/adapter.md", "TestStacks"}

// sightings are what was seen of stacks, in topologies.
type sightings struct {
	mu  sync.Mutex
	all map[string]map[string][]feature // by stack and topology
}

func newSightings() *sightings { return &sightings{all: map[string]map[string][]feature{}} }

func (s *sightings) add(stack, topology string, seen []feature) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all[stack] == nil {
		s.all[stack] = map[string][]feature{}
	}
	s.all[stack][topology] = seen
}

// publish writes the table, or without -update-docs checks that the page says
// no more than was seen.
func (s *sightings) publish(t *testing.T) {
	t.Helper()
	if !*updateDocs {
		_, table, _ := stackPage.cut(t)
		for _, lie := range s.lies(table) {
			t.Errorf("%s: %s", stackPage.path, lie)
		}
		return
	}
	if t.Failed() || len(s.all) != len(upperStacks) {
		t.Fatal("-update-docs wants a run of all stacks in which nothing fails")
	}
	stackPage.write(t, s.markdown()+"\n"+versions(t)+"\n")
}

// markdown is the table of all stacks.
func (s *sightings) markdown() string {
	var b strings.Builder
	b.WriteString("| |")
	for _, f := range features {
		fmt.Fprintf(&b, " %s |", f)
	}
	b.WriteString("\n|---|" + strings.Repeat("---|", len(features)) + "\n")
	for _, stack := range upperStacks {
		fmt.Fprintf(&b, "| %s |", stack.name)
		for _, f := range features {
			fmt.Fprintf(&b, " %s |", s.cell(stack, f))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cell is what is said of one feature of a stack.
func (s *sightings) cell(stack upperStack, f feature) string {
	var in []string
	for _, topology := range topologies {
		if slices.Contains(s.all[stack.name][topology], f) {
			in = append(in, topology)
		}
	}
	said := strings.Join(in, " ")
	switch {
	case stack.lacks[f] != "":
		return "no: " + stack.lacks[f]
	case len(in) == 0:
		return "no"
	case len(in) == len(topologies):
		said = "yes"
	}
	if f == changedPush && stack.renews {
		return said + ", when it renews"
	}
	if f == changedPush {
		return said + ", at once"
	}
	return said
}

// lies are what a table says beyond what was seen of the stacks that were run.
func (s *sightings) lies(table string) (lies []string) {
	var columns []string
	for line := range strings.Lines(table) {
		if !strings.HasPrefix(line, "|") || strings.HasPrefix(line, "|---") {
			continue
		}
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if columns == nil {
			columns = cells
			continue
		}
		i := slices.IndexFunc(upperStacks, func(u upperStack) bool { return u.name == cells[0] })
		if i < 0 || len(cells) != len(columns) {
			lies = append(lies, fmt.Sprintf("no test shows %q", line))
			continue
		}
		for column, said := range cells[1:] {
			lies = append(lies, s.lie(upperStacks[i], feature(columns[1+column]), said)...)
		}
	}
	if columns == nil {
		return []string{"there is no table; -update-docs writes it"}
	}
	return lies
}

// lie is what one cell says beyond what was seen in the topologies that were
// run.
func (s *sightings) lie(stack upperStack, f feature, said string) (lies []string) {
	for topology, seen := range s.all[stack.name] {
		claimed := strings.HasPrefix(said, "yes") || slices.Contains(strings.FieldsFunc(said, func(r rune) bool { return r == ' ' || r == ',' }), topology)
		if claimed && !slices.Contains(seen, f) {
			lies = append(lies, fmt.Sprintf("%q of %s with %s was not seen in topology %s", said, f, stack.name, topology))
		}
		if strings.Contains(said, "at once") && (stack.renews || f != changedPush) {
			lies = append(lies, fmt.Sprintf("%q of %s with %s: it says that of a changed push, of stacks that need not renew first", said, f, stack.name))
		}
	}
	return lies
}

// TestDocsShowWhatWasTried: what docs/adapter.md gives for a stack is what
// TestStacks ran it with.
func TestDocsShowWhatWasTried(t *testing.T) {
	before, _, after := stackPage.cut(t)
	for _, text := range []string{networkdConf, networkManagerConnection, dhcpcdConf, "#!/bin/sh\n" + udhcpcScript} {
		indented := regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(strings.TrimSpace(text), "    $1")
		if !strings.Contains(before+after, indented+"\n") {
			t.Errorf("%s lacks\n%s", stackPage.path, indented)
		}
	}
}

// versions are those of the packages that were tried.
func versions(t *testing.T) string {
	t.Helper()
	packages := []string{"udev", "systemd", "network-manager", "dhcpcd-base", "udhcpc", "isc-dhcp-client"}
	list := strings.Fields(mustRun(t, "dpkg-query", append([]string{"-W", "-f", "${Package}_${Version} "}, packages...)...))
	return "In Debian's " + strings.ReplaceAll(strings.Join(list, ", "), "_", " ") + ".\n" +
		"Each in the topologies subnet, net30 and p2p, unless a cell names fewer."
}

// TestStackTableSaysNoMore: what is claimed and was not seen is found.
func TestStackTableSaysNoMore(t *testing.T) {
	s := newSightings()
	for _, stack := range upperStacks {
		s.add(stack.name, "subnet", []feature{ipv4Lease})
	}
	for table, want := range map[string]int{
		"":           1,
		s.markdown(): 0,
		"| | IPv4 lease | DNS |\n|---|---|---|\n| dhcpcd | yes | no |\n":              0,
		"| | IPv4 lease | DNS |\n|---|---|---|\n| dhcpcd | subnet net30 | p2p |\n":    0,
		"| | IPv4 lease | DNS |\n|---|---|---|\n| dhcpcd | yes | yes |\n":             1,
		"| | IPv4 lease | DNS |\n|---|---|---|\n| udhcpc | yes, at once | subnet |\n": 2,
		"| | IPv4 lease |\n|---|---|\n| ifupdown | yes |\n":                           1,
		"| | colour |\n|---|---|\n| dhcpcd | yes |\n":                                 1,
	} {
		if got := s.lies(table); len(got) != want {
			t.Errorf("%d lies, not %d, in\n%s: %q", len(got), want, table, got)
		}
	}
}
