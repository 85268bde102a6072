package main

import (
	"encoding/json"
	"io"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/check"
)

// misreadExit is the exit status of check where it could not check: the command line
// is wrong, or the file cannot be read.
const misreadExit = 3

// statusError ends the program with an exit status of its own. Without an error in it,
// nothing is printed.
type statusError struct {
	error
	status int
}

func (e statusError) Error() string {
	if e.error == nil {
		return ""
	}
	return e.error.Error()
}

func (e statusError) Unwrap() error { return e.error }

func checkCommand() *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Explain a profile or a server's configuration",
		Long: `Explain a profile or a server's configuration: what it would do, what each line
means, what is wrong, insecure, deprecated or without effect in it and what to write
instead, and what OpenVPN 2.4, 2.6 and 2.7 would make of it.

Nothing is run, and nobody is connected to or asked. Only files that FILE names are
read, and what they hold is not shown.

The exit status is 0 if there is nothing to mend, 1 for warnings, 2 for errors, and 3
if FILE cannot be read or the command line is wrong.`,
		Example: "  culvert check office.ovpn",
		Args: func(c *cobra.Command, args []string) error {
			if err := one("file")(c, args); err != nil {
				return statusError{err, misreadExit}
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			r, err := check.File(args[0], time.Now())
			if err != nil {
				return statusError{err, misreadExit}
			}
			return shown(c.OutOrStdout(), r, asJSON)
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return statusError{err, misreadExit} })
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// shown prints a report. Its error has the exit status.
func shown(w io.Writer, r *check.Report, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetEscapeHTML(false)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return statusError{err, misreadExit}
		}
	} else if err := r.Print(w); err != nil {
		return statusError{err, misreadExit}
	}
	if r.Status == check.Clean {
		return nil
	}
	return statusError{nil, r.Status.Exit()}
}
