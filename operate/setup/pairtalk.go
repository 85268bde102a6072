package setup

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// PairWith takes a step of a pairing and writes to out what came of it. Without
// a line it invites the other host, and reads the answer from in; at the end of
// in there is no pairing, and the invitation stays good.
func PairWith(o PairOptions, line string, in io.Reader, out io.Writer) error {
	p, err := Pair(o, line)
	if err != nil {
		return err
	}
	if p.Config == "" {
		fmt.Fprint(out, p.Ask(o.Out))
		if p = awaitAnswer(o, in, out); p == nil {
			return nil
		}
	}
	fmt.Fprint(out, p.Summary())
	return nil
}

// awaitAnswer reads lines until one is the answer, and returns nil if none is.
func awaitAnswer(o PairOptions, in io.Reader, out io.Writer) *Pairing {
	for lines := bufio.NewScanner(in); lines.Scan(); {
		if strings.TrimSpace(lines.Text()) == "" {
			continue
		}
		p, err := Pair(o, lines.Text())
		if err == nil {
			return p
		}
		fmt.Fprintln(out, err)
	}
	return nil
}
