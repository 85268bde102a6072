package main

import (
	"encoding/json"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"culvert/operate/backend"
	"culvert/operate/top"
)

func statusCommand() *cobra.Command {
	var r running
	var asJSON, follow bool
	var o top.Options
	c := &cobra.Command{
		Use:        "status [NAME]",
		Example:    "  culvert status",
		SuggestFor: []string{"list", "ls", "ps", "info", "show", "state", "peers"},
		Short:      "Show the peers and dropped packets of a running process",
		Long: `Show what a running process is connected to, its peers, and the packets that it
dropped. Peers come a line each: those who are connected first, and of them the last that
was heard; --sort and --match choose. On a terminal, lines are as wide as that. NAME is the process's, such as server-tun0, or that of its service, such as
office; it is needed where several run.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if !slices.Contains(top.Sorts, o.Sort) {
				return misused("--sort %s: expected one of %s", o.Sort, strings.Join(top.Sorts, ", "))
			}
			client, err := r.dialNamed(args)
			if err != nil {
				return err
			}
			out := c.OutOrStdout()
			print := func(value any, text []byte) error {
				if asJSON {
					return json.NewEncoder(out).Encode(value)
				}
				_, err := out.Write(text)
				return err
			}
			o.Width = columns(out)
			status := func(s backend.Status) error { return print(s, []byte(top.Text(&s, o, time.Now()))) }
			if follow {
				return client.Follow(c.Context(), status, func(e backend.Event) error { return print(e, e.Append(nil)) })
			}
			s, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			return status(s)
		},
	}
	c.Flags().BoolVar(&follow, "follow", false, "then show what happens, a line for each event, until Ctrl-C")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	c.Flags().StringVar(&o.Sort, "sort", top.Sorts[0], "which peers come first: "+strings.Join(top.Sorts, ", "))
	c.Flags().StringVar(&o.Match, "match", "", "only peers with this in their name, user or addresses")
	r.flags(c)
	r.farFlags(c)
	return c
}

// columns is how wide the terminal is that out is; 0: it is none.
func columns(out io.Writer) int {
	if f, ok := out.(*os.File); ok {
		if width, _, err := term.GetSize(int(f.Fd())); err == nil {
			return width
		}
	}
	return 0
}
