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

// columns are the peers of README's table.
var columns = []string{peer.Culvert, peer.OpenVPN, peer.WireGuard, peer.Null}

// Publish writes table and goals into a README, whose picture is at the path
// given.
func (r *Results) Publish(readme, picture string) error {
	text, err := os.ReadFile(readme)
	if err != nil {
		return err
	}
	before, rest, ok1 := strings.Cut(string(text), begin)
	_, after, ok2 := strings.Cut(rest, end)
	if !ok1 || !ok2 {
		return fmt.Errorf("%s has no lines %q and %q to write between", readme, begin, end)
	}
	section := fmt.Sprintf("%s\n\n%s; medians of %d rounds.\n\n%s\n![Throughput beside peers](%s)\n\n%s\n",
		begin, r.Machine, r.Rounds, r.markdown(), picture, r.goalsMarkdown())
	return os.WriteFile(readme, []byte(before+section+end+after), 0o644)
}

// markdown is the metrics as a table, a column for each peer.
func (r *Results) markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "| | %s |\n|---|%s\n", strings.Join(columns, " | "), strings.Repeat("---:|", len(columns)))
	for _, m := range metrics {
		rows := r.rows(m.name)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(&b, "| %s, %s |", m.title, m.unit)
		for _, name := range columns {
			fmt.Fprintf(&b, " %s |", cell(m, rows, name))
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
