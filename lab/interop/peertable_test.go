//go:build interop

package interop

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A sight is what the table of peers has a column for.
type sight string

const (
	initFiles   sight = "files of `culvert init`"
	overUDP     sight = "UDP"
	overTCP     sight = "TCP"
	innerFour   sight = "IPv4 inside"
	innerSix    sight = "IPv6 inside"
	peerRekeys  sight = "rekey by the peer"
	weRekey     sight = "rekey by us"
	peerLeaves  sight = "exit of the peer"
	weLeave     sight = "our exit"
	restarted   sight = "server restarted"
	epochFormat sight = "epoch format"
	pushUpdated sight = "PUSH_UPDATE"
)

var sights = []sight{initFiles, overUDP, overTCP, innerFour, innerSix, peerRekeys, weRekey, peerLeaves, weLeave, restarted, epochFormat, pushUpdated}

// transports are the sights of tunnels over them.
var transports = map[string]sight{"udp": overUDP, "tcp": overTCP}

// renewals are the sights of keys that the peer, or this program, renews.
var renewals = map[bool]sight{true: peerRekeys, false: weRekey}

// page is where the table of peers is.
var page = docPage{"../../docs/peers.md", "TestPeers"}

const seenMark = "yes"

// row is a line of the table: a peer in a role.
type row struct {
	peer, role, version string
	seen                []sight
}

// is reports whether the row is about the peer of an encounter.
func (r *row) is(e *encounter) bool { return r.peer == e.peer.title && r.role == string(e.role) }

// tableOf is what was seen, in the order of the encounters.
func tableOf(t *testing.T, all []*encounter) (rows []*row) {
	for _, e := range all {
		i := slices.IndexFunc(rows, func(r *row) bool { return r.is(e) })
		if i < 0 {
			i, rows = len(rows), append(rows, &row{e.peer.title, string(e.role), e.peer.version(t), nil})
		}
		rows[i].seen = append(rows[i].seen, e.seen...)
	}
	return rows
}

// markdown is the table; what was not seen is empty.
func markdown(rows []*row) string {
	var b strings.Builder
	b.WriteString("| peer | version | is |")
	for _, s := range sights {
		fmt.Fprintf(&b, " %s |", s)
	}
	b.WriteString("\n|---|---|---|" + strings.Repeat("---|", len(sights)) + "\n")
	for _, r := range rows {
		fmt.Fprintf(&b, "| %s | %s | %s |", r.peer, r.version, r.role)
		for _, s := range sights {
			mark := ""
			if slices.Contains(r.seen, s) {
				mark = seenMark
			}
			fmt.Fprintf(&b, " %s |", mark)
		}
		b.WriteString("\n")
	}
	return b.String()
}

// parseTable reads what markdown wrote, as people may have changed it.
func parseTable(text string) (rows []*row, err error) {
	var columns []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		cells := strings.Split(strings.Trim(line, "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		switch {
		case line == "" || strings.HasPrefix(line, "|---"):
		case columns == nil:
			columns = cells
		case len(cells) != len(columns) || len(cells) < 3:
			return nil, fmt.Errorf("a row of %d cells under %d titles: %s", len(cells), len(columns), line)
		default:
			r := &row{peer: cells[0], version: cells[1], role: cells[2]}
			for i, cell := range cells[3:] {
				if cell != "" {
					r.seen = append(r.seen, sight(columns[3+i]))
				}
			}
			rows = append(rows, r)
		}
	}
	return rows, nil
}

// checkPublished fails the test for each claim of the page that no encounter
// shows, and for each that was to be seen by those that were run and was not.
func checkPublished(t *testing.T, all, met []*encounter) {
	t.Helper()
	_, table, _ := page.cut(t)
	rows, err := parseTable(table)
	if err != nil {
		t.Fatalf("%s: %v", page.path, err)
	}
	if len(rows) == 0 {
		t.Fatalf("%s has no table; -update-docs writes it", page.path)
	}
	for _, r := range rows {
		for _, claim := range r.seen {
			shows := func(e *encounter) bool { return r.is(e) && slices.Contains(e.shows, claim) }
			saw := func(e *encounter) bool { return shows(e) && slices.Contains(e.seen, claim) }
			switch {
			case !slices.ContainsFunc(all, shows):
				t.Errorf("%s: no test shows %q of %s as %s", page.path, claim, r.peer, r.role)
			case slices.ContainsFunc(met, shows) && !slices.ContainsFunc(met, saw):
				t.Errorf("%s says %q of %s as %s, which was not seen", page.path, claim, r.peer, r.role)
			}
		}
	}
}
