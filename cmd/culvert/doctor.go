package main

import (
	"encoding/json"
	"errors"

	"github.com/spf13/cobra"

	"culvert/operate/doctor"
)

func doctorCommand() *cobra.Command {
	var o doctor.Options
	var asJSON bool
	c := &cobra.Command{
		Use:        "doctor {FILE | --dir D}",
		Short:      "Say what keeps a tunnel from working, and what mends it",
		SuggestFor: []string{"test", "diagnose", "debug", "fix", "why", "troubleshoot", "ping"},
		Long: `Say what keeps a tunnel from working, and what mends it: for a client's profile, on
the way to its servers and inside the tunnel; for a server, on its host. It takes 15
seconds at most. docs/doctor.md lists what is looked at, and what is found.

A client is tried in user space, so that nothing on this host changes and no rights are
needed: a connection is made, measured and ended. If the tunnel of the profile runs
already, none is made, and the running one is asked. Nobody is asked for a password,
and none that is good only once is spent. --no-connect makes no connection: servers get
first packets alone, sent again until they answer. One that does not answer gets those
of other keys (tls-auth, tls-crypt), too.

Most of a server is looked at on Linux as root. If it runs, it is asked, too.

--fix mends what is safe to mend without asking, and says what it did and how to undo
that.

The exit status is 0 if nothing is wrong, 1 if something is, and 2 if the doctor could
not look, or not at all of it.`,
		Example: `  culvert doctor office.ovpn
  culvert doctor --dir /etc/culvert --fix`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case len(args) == 1 && o.Dir == "":
				o.File = args[0]
				return nil
			case len(args) == 0 && o.Dir != "":
				return nil
			}
			return blind(errors.New("expected either a profile, a server's configuration, or --dir D"))
		},
		RunE: func(c *cobra.Command, _ []string) error {
			out := c.OutOrStdout()
			emit := func(r doctor.Result) {
				if !asJSON {
					_ = r.Print(out)
				}
			}
			r, err := doctor.Examine(c.Context(), o, emit)
			if err != nil {
				return blind(err)
			}
			if asJSON {
				e := json.NewEncoder(out)
				e.SetEscapeHTML(false)
				e.SetIndent("", "  ")
				err = e.Encode(r)
			} else {
				_, err = out.Write([]byte("\n" + r.Summary() + "\n"))
			}
			if err != nil {
				return blind(err)
			}
			if status := r.Exit(); status != doctor.ExitHealthy {
				return statusError{nil, status}
			}
			return nil
		},
	}
	c.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return blind(err) })
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory, as made by culvert init")
	c.Flags().BoolVar(&o.Fix, "fix", false, "mend what is safe to mend, and say how to undo it")
	c.Flags().BoolVar(&o.NoConnect, "no-connect", false, "make no connection to a server, beyond a first packet")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON (docs/doctor.md)")
	stateDirFlag(c, &o.StateDir)
	return c
}

// blind marks an error after which nothing was looked at.
func blind(err error) error { return statusError{err, doctor.ExitUnknown} }
