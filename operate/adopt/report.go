package adopt

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"

	"culvert/operate/setup"
)

// Report says what became of an adoption.
type Report struct {
	Source     string   `json:"source"`              // the configuration
	Authority  string   `json:"authority,omitempty"` // the directory with the authority's index
	Dir        string   `json:"dir"`                 // what was made
	DryRun     bool     `json:"dry_run,omitempty"`   // or would be
	Understood []Point  `json:"understood"`
	Problems   []Point  `json:"problems"` // what was not understood, or will not be as it was
	Clients    []Client `json:"clients"`
	Next       []string `json:"next"` // commands to go on with
}

// Point is one thing that is known.
type Point struct {
	What string `json:"what"`
	Text string `json:"text"`
}

// Client is a client of the authority.
type Client struct {
	Name    string    `json:"name"` // as the commands for clients take it
	State   string    `json:"state"`
	Expires time.Time `json:"expires"`
	Serials []string  `json:"serials"` // in hexadecimal, first the one that counts
}

func (r *Report) understood(what, format string, args ...any) {
	r.Understood = append(r.Understood, Point{what, fmt.Sprintf(format, args...)})
}

func (r *Report) problem(what, format string, args ...any) {
	r.Problems = append(r.Problems, Point{what, fmt.Sprintf(format, args...)})
}

// problems adds what is wrong with lines of a file: the first few in words.
func (r *Report) problems(what, file string, faults []*LineError, consequence string) {
	const shown = 3
	if len(faults) == 0 {
		return
	}
	var words []string
	for _, f := range faults[:min(len(faults), shown)] {
		words = append(words, f.Error())
	}
	if n := len(faults) - shown; n > 0 {
		words = append(words, fmt.Sprintf("and %d more", n))
	}
	r.problem(what, "%s: %s; %s", file, strings.Join(words, "; "), consequence)
}

// Print writes the report for a person.
func (r *Report) Print(w io.Writer) error {
	fmt.Fprintf(w, "Understood %s:\n", r.Source)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, p := range r.Understood {
		fmt.Fprintf(t, "  %s\t%s\n", p.What, p.Text)
	}
	if err := t.Flush(); err != nil {
		return err
	}
	if len(r.Problems) > 0 {
		fmt.Fprintln(w, "\nNot understood, or not as it was:")
		t = tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
		for _, p := range r.Problems {
			fmt.Fprintf(t, "  %s\t%s\n", p.What, p.Text)
		}
		if err := t.Flush(); err != nil {
			return err
		}
	}
	if r.DryRun {
		_, err := fmt.Fprintf(w, "\nNothing was made. Without --dry-run, this makes %s.\n", r.Dir)
		return err
	}
	_, err := fmt.Fprintf(w, "\nMade %s. Nothing was changed where it comes from.\n\nNext:\n  %s\n", r.Dir, strings.Join(r.Next, "\n  "))
	return err
}

// counts says how many clients there are, by state.
func counts(all []Client) string {
	n := map[string]int{}
	for _, c := range all {
		n[c.State]++
	}
	text := fmt.Sprintf("%d", len(all))
	for i, state := range []string{setup.Valid, setup.Expiring, setup.Expired, setup.Revoked} {
		separator := ", "
		if i == 0 {
			separator = ": "
		}
		text += fmt.Sprintf("%s%d %s", separator, n[state], state)
	}
	return text
}
