package main

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"culvert/operate/manage/filter"
	"culvert/operate/manage/trace"
)

func traceCommand() *cobra.Command {
	var r running
	var asJSON bool
	var count uint
	c := &cobra.Command{
		Use:   "trace [FILTER]",
		Short: "Follow packets through a running server or client",
		Long: `Follow packets through a running server or client, until Ctrl-C: each stop, when
the packet was there, what was decided, and why it was dropped if it was.

FILTER chooses by what the packets are inside the tunnel, in tcpdump's syntax.`,
		Example: `  culvert trace icmp
  culvert trace 'host 10.8.0.6 and tcp port 443' --count 10 --name server-tun0`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := filter.Check(args); err != nil {
				return usageError{err}
			}
			client, err := r.dial()
			if err != nil {
				return err
			}
			answer, err := client.Stream(c.Context(), trace.Path+"?"+query(args, count).Encode())
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			fmt.Fprintf(c.ErrOrStderr(), "following packets of %s, until Ctrl-C\n", client.Name())
			out := c.OutOrStdout()
			end, err := trace.Read(answer.Body, func(p *trace.Packet) error {
				if asJSON {
					return json.NewEncoder(out).Encode(p)
				}
				_, err := out.Write(p.Append(nil))
				return err
			})
			if err != nil {
				return fmt.Errorf("the process has ended: %w", err)
			}
			if end.Lost > 0 {
				fmt.Fprintf(c.ErrOrStderr(), "%d packets are missing, since they came faster than they could be written: use a narrower filter\n", end.Lost)
			}
			return nil
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print a line of JSON for each packet")
	c.Flags().UintVar(&count, "count", 0, "stop after this many packets")
	r.flags(c)
	r.farFlags(c)
	return c
}

// query is the request of trace and capture.
func query(filter []string, count uint) url.Values {
	q := url.Values{"filter": {strings.Join(filter, " ")}}
	if count > 0 {
		q.Set("count", fmt.Sprint(count))
	}
	return q
}
