package main

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"culvert/config"
)

// helpCommand explains commands, as cobra's own does, and directives.
func helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [COMMAND | DIRECTIVE | directives]",
		Short: "Explain a command, or a directive of OpenVPN's",
		Long: `Explain a command, or a directive of OpenVPN's configuration language: its values,
where it may stand, and whether Culvert supports it. To list all directives, run:
culvert help directives`,
		Example: `  culvert help connect
  culvert help remote-cert-tls
  culvert help --client     the directive; without dashes it is the command`,
		DisableFlagParsing: true, // --NAME is a directive
		RunE:               help,
	}
}

func help(c *cobra.Command, args []string) error {
	out, root := c.OutOrStdout(), c.Root()
	switch {
	case len(args) == 0:
		return root.Help()
	case len(args) == 1 && (args[0] == "--help" || args[0] == "-h"):
		return c.Help()
	case len(args) == 1 && args[0] == "directives":
		return listDirectives(out)
	}
	command, rest, err := root.Find(args)
	if err != nil || command == root || len(rest) > 0 {
		return helpDirectives(out, args)
	}
	if err := command.Help(); err != nil {
		return err
	}
	if _, found := config.Lookup(args[0]); found && len(args) == 1 {
		_, err = fmt.Fprintf(out, "\nA directive has this name too: culvert help --%s\n", args[0])
	}
	return err
}

// helpDirectives explains each directive that is named.
func helpDirectives(out io.Writer, names []string) error {
	for i, name := range names {
		d, found := config.Lookup(name)
		if !found {
			return misused("%s: no command or directive has this name%s", name, didYouMean(name))
		}
		if i > 0 {
			fmt.Fprintln(out)
		}
		if _, err := io.WriteString(out, d.Text()); err != nil {
			return err
		}
	}
	return nil
}

func didYouMean(name string) string {
	if like := config.Alike(name); len(like) > 0 {
		return "; did you mean " + strings.Join(like, ", ") + "?"
	}
	return "; for a list, run: culvert help directives"
}

// listDirectives shows all directives, one in a line, as config's parts are.
func listDirectives(out io.Writer) error {
	all := config.Directives()
	slices.SortStableFunc(all, func(a, b config.Directive) int { return int(a.Part) - int(b.Part) })
	part := config.Part(0)
	for i, d := range all {
		if i == 0 || d.Part != part {
			part = d.Part
			fmt.Fprintf(out, "%s\n\n", part)
		}
		end := "\n"
		if i+1 < len(all) && all[i+1].Part != part {
			end = "\n\n"
		}
		if _, err := fmt.Fprintf(out, "  %-24s %s%s%s", d.Name, d.Help, notHonoured(d.Status), end); err != nil {
			return err
		}
	}
	return nil
}

// notHonoured marks the directives that are not carried out.
func notHonoured(s config.Status) string {
	switch s {
	case config.Harmless, config.WindowsOnly:
		return " (ignored)"
	case config.Planned:
		return " (not yet)"
	case config.Refused:
		return " (refused)"
	}
	return ""
}

// wantsHelp reports whether --help is among the directives of a command line, and
// which others are.
func wantsHelp(args []string) (others []string, wanted bool) {
	for _, a := range args {
		switch {
		case a == "--help":
			wanted = true
		case strings.HasPrefix(a, "--"):
			others = append(others, a)
		}
	}
	return others, wanted
}
