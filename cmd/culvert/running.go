package main

import (
	"encoding/json"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/hub"
	"culvert/operate/manage"
)

// running is which process a command is for.
type running struct{ name, dir string }

func (r *running) flags(c *cobra.Command) {
	c.Flags().StringVar(&r.name, "name", "", "which process, such as server-tun0 (default: the only one)")
	c.Flags().StringVar(&r.dir, "state-dir", manage.DefaultDir(), "where running processes have their sockets")
}

func (r *running) dial() (*manage.Client, error) {
	return manage.Dial(r.dir, "", r.name)
}

// hub is dial for a hub.
func (r *running) hub() (*manage.Client, error) {
	c, err := hub.Dial(r.dir, r.name)
	return c.Client, err
}

func statusCommand() *cobra.Command {
	var r running
	var asJSON bool
	c := &cobra.Command{
		Use:     "status [NAME]",
		Example: "  culvert status",
		Short:   "Peers and dropped packets of a running server or client",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if len(args) == 1 {
				r.name = args[0]
			}
			client, err := r.dial()
			if err != nil {
				return err
			}
			answer, err := client.Do(c.Context(), "GET", manage.StatusPath, nil)
			if err != nil {
				return err
			}
			defer answer.Close()
			var s manage.Status
			if err := json.NewDecoder(answer).Decode(&s); err != nil {
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
