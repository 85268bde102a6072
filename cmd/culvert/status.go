package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/backend"
)

func statusCommand() *cobra.Command {
	var r running
	var asJSON, follow bool
	c := &cobra.Command{
		Use:        "status [NAME]",
		Example:    "  culvert status",
		SuggestFor: []string{"list", "ls", "ps", "info", "show", "state", "log", "logs", "peers"},
		Short:      "Show the peers and dropped packets of a running process",
		Long: `Show what a running process is connected to, its peers, and the packets that it
dropped. NAME is the process's, such as server-tun0, or that of its service, such as
office; it is needed where several run.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if err := r.named(args); err != nil {
				return err
			}
			client, err := r.dial()
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
			status := func(s backend.Status) error { return print(s, s.Append(nil, time.Now())) }
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
	r.flags(c)
	return c
}
