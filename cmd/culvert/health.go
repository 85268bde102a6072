package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func healthCommand() *cobra.Command {
	var r running
	limit := 5 * time.Second
	c := &cobra.Command{
		Use:     "health [NAME]",
		Example: "  culvert health",
		Short:   "Ask a running process whether it works: exit status 0 or 1",
		Long: `Ask a running process whether it works, as containers and monitors do. The exit status
is 0 if a server takes clients, or a client is connected, and 1 if not, or if there is no
answer in time. It says why.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			if limit <= 0 {
				return misused("--timeout %v: expected a time such as 5s", limit)
			}
			client, err := r.dialNamed(args)
			if err != nil {
				return err
			}
			ctx, cancel := context.WithTimeoutCause(c.Context(), limit, fmt.Errorf("no answer within %v", limit))
			defer cancel()
			s, err := client.Status(ctx)
			if err == nil {
				err = s.Health()
			} else if ctx.Err() != nil {
				err = context.Cause(ctx)
			}
			if err != nil {
				return fmt.Errorf("%s: %w", client.Name(), err)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s: works\n", client.Name())
			return err
		},
	}
	c.Flags().DurationVar(&limit, "timeout", limit, "how long to wait for the answer")
	r.flags(c)
	return c
}
