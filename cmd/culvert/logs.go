package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"culvert/operate/logs"
)

func logsCommand() *cobra.Command {
	var r running
	var q logs.Query
	var asJSON bool
	c := &cobra.Command{
		Use:        "logs [NAME]",
		Example:    "  culvert logs -f --level warn",
		SuggestFor: []string{"log", "journal", "tail"},
		Short:      "Show the latest lines of a running process's log, and those that come",
		Long: `Show the latest lines of a running process's log, whatever it is written to, and with
-f those that come. NAME is the process's, such as server-tun0; it is needed where several
run. Filters go together: a line is shown if it passes all of them. culvert logs level says
how much each part of the program logs, and changes that while the process runs.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := r.dialNamed(args)
			if err != nil {
				return err
			}
			return logs.Read(c.Context(), client, q, func(e logs.Entry) error { return printed(c, asJSON, &e) }, func(count uint64) error {
				fmt.Fprintf(c.ErrOrStderr(), "%d lines are not here: they came faster than they could be written\n", count)
				return nil
			})
		},
	}
	c.Flags().BoolVarP(&q.Follow, "follow", "f", false, "go on with lines that come, until Ctrl-C")
	c.Flags().IntVarP(&q.Lines, "lines", "n", 100, "how many of the latest lines come first")
	c.Flags().StringVar(&q.Level, "level", "", "only lines of this level and above: debug, info, warn or error")
	c.Flags().StringVar(&q.Subsystem, "subsystem", "", "only lines of this part of the program, such as access")
	c.Flags().StringVar(&q.Client, "client", "", "only lines about the client of this name")
	c.Flags().StringVar(&q.Text, "grep", "", "only lines with this text in them, in upper or lower case")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON, a line each")
	r.flags(c)
	r.farFlags(c)
	c.AddCommand(logsLevelCommand())
	return c
}

func logsLevelCommand() *cobra.Command {
	var r running
	var asJSON bool
	c := &cobra.Command{
		Use:     "level [SUBSYSTEM LEVEL]",
		Example: "  culvert logs level access debug",
		Short:   "Show how much each part of the program logs, or change it while it runs",
		Long: `Show how much each part of the program (subsystem) logs. With a subsystem and a level,
which is error, warn, info or debug, change that at once; default takes it back to what
verb says. It lasts until the configuration is read again, or the process ends: write the
line log-level SUBSYSTEM LEVEL into the configuration to keep it.`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 0 || len(args) == 2 {
				return nil
			}
			return misused("expected a subsystem and a level, such as: access debug")
		},
		RunE: func(c *cobra.Command, args []string) error {
			client, err := r.dial()
			if err != nil {
				return err
			}
			var s *logs.LevelStates
			if len(args) == 2 {
				s, err = logs.Change(c.Context(), client, args[0], args[1])
			} else {
				s, err = logs.States(c.Context(), client)
			}
			if err != nil {
				return err
			}
			return printed(c, asJSON, s)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	r.flags(c)
	r.farFlags(c)
	return c
}
