package backend

import (
	"errors"
	"fmt"
	"slices"

	"culvert/internal/printable"
	"culvert/role/profile/reach/fastest"
)

// Measured is a server that a client may use, as measured.
type Measured = fastest.Row

// Measurer is a role that measures its servers. *Client is one.
type Measurer interface {
	// Servers returns the table, in the order of the configuration. It fails where nothing
	// is measured.
	Servers() ([]Measured, error)
}

// Servers is Measurer's.
func (c *Client) Servers() ([]Measured, error) {
	rows := c.controls.Servers()
	if rows == nil {
		return nil, errors.New("this client tries its servers in order, and measures none: start it with --fastest (remote-select fastest), or measure a profile's servers: culvert servers FILE")
	}
	return rows, nil
}

// AppendServers appends a table of servers as text.
func AppendServers(b []byte, rows []Measured) []byte {
	width := len("server")
	for _, r := range rows {
		width = max(width, len(printable.Name(r.Name)))
	}
	b = fmt.Appendf(b, "  %-*s  %9s  %9s  %6s\n", width, "server", "delay", "jitter", "loss")
	for _, r := range rows {
		mark := " "
		if r.Chosen {
			mark = "*"
		}
		delay, jitter := "-", "-"
		if r.Delay > 0 {
			delay, jitter = fmt.Sprintf("%.1f ms", r.Delay), fmt.Sprintf("%.1f ms", r.Jitter)
		}
		b = fmt.Appendf(b, "%s %-*s  %9s  %9s  %4.1f %%", mark, width, printable.Name(r.Name), delay, jitter, 100*r.Loss)
		if r.Why != "" {
			b = append(b, "  "+r.Why...)
		}
		b = append(b, '\n')
	}
	if !AnyAnswers(rows) {
		b = append(b, "no server answers\n"...)
	}
	return b
}

// AnyAnswers reports whether a server of a table is in use, or answers and so could be.
func AnyAnswers(rows []Measured) bool {
	return slices.ContainsFunc(rows, func(r Measured) bool { return r.Chosen })
}
