package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"
)

func statusCommand() *cobra.Command {
	var r running
	var asJSON bool
	c := &cobra.Command{
		Use:     "status [NAME]",
		Example: "  culvert status",
		Short:   "Show the peers and dropped packets of a running process",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.name = args[0]
			}
			client, err := r.dial()
			if err != nil {
				return err
			}
			s, err := client.Status(c.Context())
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(s)
			}
			_, err = c.OutOrStdout().Write(s.Append(nil, time.Now()))
			return err
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	r.flags(c)
	return c
}
