//go:build linux

package report

import (
	"fmt"
	"os"
	"strings"

	"culvert/bench/peer"
)

// Lines of README between which the bench writes.
const (
	begin = "<!-- written by make bench -->"
	end   = "<!-- end of what make bench writes -->"
)

// columns are the peers of README's table, and shown its metrics.
var (
	columns = []string{peer.Culvert, peer.OpenVPN, peer.WireGuard, peer.Null}
	shown   = []string{TCP1Up, TCP1Down, TCP4Up, TCP4Down, OuterUp, OuterDown, UDP64, UDP1200, RTTIdle, RTTLoaded,
		StockCPU + "-1", StockCPU + "-32", Handshakes, UpTime + "-1000", IdleMemory + "-1000", IdleMemory + "-10000",
		SwarmRate + "-10", SwarmRate + "-1000", UserSpaceUp, UserSpaceDown}
)

// Publish writes the table into a README, with the picture and the whole text
// that Write left in a directory beside it.
func (r *Results) Publish(readme, dir string) error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write between", readme, begin, end)
	}
	section := fmt.Sprintf("%s\n%s\n![Throughput beside peers](%s/throughput.svg)\n\n%s. Medians of %d rounds;\n[all of it](%s/results.txt), with spreads and goals.\n",
		begin, r.markdown(), dir, r.Machine, r.Rounds, dir)
	return os.WriteFile(readme, []byte(before+section+end+after), 0o644)
}

// markdown is the metrics as a table, a column for each peer.
func (r *Results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)))
	for _, name := range shown {
		m, rows := lookup(name), r.rows(name)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "| %s, %s |", m.title, m.unit)
		for _, column := range columns {
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
