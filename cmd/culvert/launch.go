package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/spf13/cobra"

	"culvert/host/hostnet"
	"culvert/host/process"
)

func launchCommand() *cobra.Command {
	var r running
	var outside bool
	var as string
	c := &cobra.Command{
		Use:   "run [flags] -- COMMAND [ARGUMENT]...",
		Short: "Start a program inside or outside of a running client's tunnel",
		Long: `Start a program inside of a running client's tunnel, or outside of it with
--outside, whatever the routes are. The client's profile has to say

  route-only program      for a tunnel that carries nothing else of this host
  route-except program    for one that carries all else

or culvert connect --only program, --except program. What the program starts goes
the same way. Networks that this host is on are reached directly, and names are
asked as all programs of this host ask.

It takes root's rights. Called by sudo, the program runs as the user who called.
Linux only.`,
		Example: "  sudo culvert run -- firefox\n  sudo culvert run --outside -- curl https://example.org",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			dir, err := r.group(c, outside)
			if err != nil {
				return err
			}
			return process.Launch(dir, as, args)
		},
	}
	c.Flags().BoolVar(&outside, "outside", false, "keep the program out of the tunnel")
	c.Flags().StringVar(&as, "user", "", "run the program as this user (default: who called sudo)")
	c.Flags().SetInterspersed(false)
	r.flags(c)
	return c
}

// group returns the directory of the control group that a running client has for programs.
func (r *running) group(c *cobra.Command, outside bool) (string, error) {
	client, err := r.dial()
	if err != nil {
		return "", err
	}
	status, err := client.Status(c.Context())
	if err != nil {
		return "", err
	}
	if status.Role != "client" {
		return "", fmt.Errorf("%s is no client, but a %s: programs are started inside of a client's tunnel; choose it with --name", client.Name(), status.Role)
	}
	dir, err := hostnet.RunGroupDir(status.Adapter, outside)
	if err != nil {
		return "", err
	}
	if _, err := os.Stat(dir); errors.Is(err, fs.ErrNotExist) {
		line := "route-only program"
		if outside {
			line = "route-except program"
		}
		return "", fmt.Errorf("%s has no place for such programs: add the line %s to its profile and start it again; or it is not connected, or could not make the control group, as its log says", client.Name(), line)
	}
	return dir, nil
}
