//go:build linux

package report

import (
	"fmt"
	"os"
	"strings"

	"culvert/lab/bench/peer"
)

// Section is a part of README that the bench writes: between two lines, a table
// with columns for some peers and rows for some metrics.
type Section struct {
	begin, end     string
	intro          string // before the table; "": none
	columns, shown []string
	picture        string // a file beside the results; "": none
}

// MainSection is README's part on one machine without a path.
var MainSection = Section{
	begin: "<!-- written by make bench -->", end: "<!-- end of what make bench writes -->",
	columns: []string{peer.Culvert, peer.OpenVPN, peer.WireGuard, peer.Null},
	shown: []string{TCP1Up, TCP1Down, TCP4Up, TCP4Down, OuterUp, OuterDown, UDP64, UDP1200, RTTIdle, RTTLoaded,
		StockCPU + "-1", StockCPU + "-32", Handshakes, UpTime + "-1000", IdleMemory + "-1000", IdleMemory + "-10000",
		SwarmRate + "-10", SwarmRate + "-1000", UserSpaceUp, UserSpaceDown},
	picture: "throughput.svg",
}

// Publish writes a section of a README, with the picture and the whole text
// that Write left in a directory beside it.
func (r *Results) Publish(readme, dir string, s Section) error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(text), s.begin)
	_, after, ok2 := strings.Cut(rest, s.end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write between", readme, s.begin, s.end)
	}
	picture := ""
	if s.picture != "" {
		picture = fmt.Sprintf("\n![Throughput beside peers](%s/%s)\n", dir, s.picture)
	}
	intro := ""
	if s.intro != "" {
		intro = s.intro + "\n\n"
	}
	section := fmt.Sprintf("%s\n%s%s%s\n%s. Medians of %d rounds;\n[all of it](%s/results.txt), with spreads and goals.\n",
		s.begin, intro, r.markdown(s), picture, r.Machine, r.Rounds, dir)
	return os.WriteFile(readme, []byte(before+section+s.end+after), 0o644)
}

// markdown is a section's metrics as a table, a column for each peer.
func (r *Results) markdown(s Section) string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(s.columns, " | "), strings.Repeat("---:|", len(s.columns)))
	for _, name := range s.shown {
		m, rows := lookup(name), r.rows(name)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "| %s, %s |", m.title, m.unit)
		for _, column := range s.columns {
			fmt.Fprintf(&b, " %s |", cell(m, rows, column))
		}
		b.WriteString("\n")
	}
	return b.String()
}

// cell is the median of a peer, or of what stands for it over TCP.
func cell(m metric, rows []row, name string) string {
	for _, row := range rows {
		if row.peer == name || row.peer == name+" over TCP" {
			return m.format(row.Median)
		}
	}
	return ""
}
