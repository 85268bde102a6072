package history

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"culvert/internal/printable"
)

// Print writes sessions as a table.
func Print(w io.Writer, all []Session, more bool, stats Stats, now time.Time) error {
	if len(all) == 0 {
		fmt.Fprintln(w, "no session")
	} else {
		t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		fmt.Fprintln(t, "BEGAN\tLASTED\tUSER\tDEVICE\tADDRESS\tFROM\tIN\tOUT\tENDED")
		for i := range all {
			printSession(t, &all[i], now)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if more {
		fmt.Fprintln(w, "There are more, which began earlier: --limit shows more of them, 0 all.")
	}
	if stats.Trouble != "" {
		fmt.Fprintf(w, "Nothing is written now: %s\n", printable.Line(stats.Trouble))
	}
	if stats.Lost > 0 {
		fmt.Fprintf(w, "%d changes were lost since the server began.\n", stats.Lost)
	}
	return nil
}

func printSession(w io.Writer, s *Session, now time.Time) {
	lasted, ended := s.Until().Sub(s.Begin), string(s.Cause)
	if s.Open() {
		lasted, ended = now.Sub(s.Begin), "goes on"
	}
	fmt.Fprintf(w, "%s\t%v\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", s.Begin.Local().Format(time.DateTime), max(0, lasted).Round(time.Second), word(s.User), word(s.Device),
		s.addresses(), word(s.Remote), size(s.BytesIn), size(s.BytesOut), ended)
}

func word(s string) string {
	if s == "" {
		return "-"
	}
	return printable.Name(s)
}

func (s *Session) addresses() string {
	var all []string
	if s.IPv4.IsValid() {
		all = append(all, s.IPv4.String())
	}
	if s.IPv6.IsValid() {
		all = append(all, s.IPv6.String())
	}
	if len(all) == 0 {
		return "-"
	}
	return strings.Join(all, " ")
}

// size is a number of bytes for people.
func size(n uint64) string {
	if n < 1000 {
		return fmt.Sprint(n, " B")
	}
	f, unit := float64(n), 0
	for ; f >= 999.5 && unit < 6; unit++ {
		f /= 1000
	}
	return fmt.Sprintf("%.3g %cB", f, " kMGTPE"[unit])
}

// PrintLife writes what happened in a session, a line for each moment.
func PrintLife(w io.Writer, l *Life) error {
	if err := Print(w, []Session{l.Session}, false, Stats{}, time.Now()); err != nil {
		return err
	}
	for _, m := range l.Life {
		line := m.Time.Local().Format(time.DateTime) + "  " + m.What
		for _, part := range []string{m.Remote, m.Text} {
			if part != "" {
				line += "  " + printable.Line(part)
			}
		}
		if m.From != "" {
			line += "  from " + printable.Line(m.From)
		}
		if h := m.Handshake; h != nil && !h.Up.IsZero() {
			line += fmt.Sprintf("  handshake took %v", h.Up.Sub(h.Began).Round(time.Millisecond))
		}
		if _, err := fmt.Fprintln(w, line); err != nil {
			return err
		}
	}
	return nil
}

// PrintTotals writes totals as a table.
func PrintTotals(w io.Writer, all *Totals, kind Kind) error {
	if len(all.Totals) == 0 {
		_, err := fmt.Fprintln(w, "no session")
		return err
	}
	title := map[Kind]string{All: "DAY", ByUser: "USER", ByDevice: "DEVICE"}[kind]
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "%s\tSESSIONS\tTIME\tIN\tOUT\n", title)
	for _, sum := range all.Totals {
		name := sum.Day
		if kind != All {
			name = word(sum.Name)
		}
		fmt.Fprintf(t, "%s\t%d\t%v\t%s\t%s\n", name, sum.Sessions, time.Duration(sum.Seconds*float64(time.Second)).Round(time.Second), size(sum.BytesIn), size(sum.BytesOut))
	}
	return t.Flush()
}
