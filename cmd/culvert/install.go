package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"github.com/spf13/cobra"

	"culvert/operate/install"
	"culvert/operate/manage"
	"culvert/operate/service"
)

func installCommand() *cobra.Command {
	var o install.Options
	var remove, later bool
	c := &cobra.Command{
		Use:   "install NAME FILE",
		Short: "Make a service of a profile",
		Long: `Make a service of systemd that keeps a profile's tunnel up, from the start of the
machine on, and start it. The profile is copied to /etc/openvpn/client/NAME.conf with
the files that it names.

With --user, or if you are not root, it is a service of yours, without a device:
programs use the tunnel through a SOCKS5 proxy. It runs while you are logged in, or
always after: loginctl enable-linger

A service has nobody to ask. A profile with a password needs it in a file.`,
		Example: `  sudo culvert install office office.ovpn
  culvert install office office.ovpn --user --socks 127.0.0.1:1080
  sudo culvert install --remove office`,
		Args: func(_ *cobra.Command, args []string) error {
			switch {
			case remove && len(args) != 1:
				return fmt.Errorf("expected the name of a service to remove, such as office; got %q", args)
			case !remove && len(args) != 2:
				return fmt.Errorf("expected a name for the service and a profile, such as: office office.ovpn; got %q", args)
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.Name, o.Start, o.Ask, o.Run = args[0], !later, service.AskTerminal, runProgram
			o.User = o.User || os.Geteuid() != 0
			var err error
			if o.Program, err = os.Executable(); err != nil {
				return err
			}
			if o.Home, err = os.UserHomeDir(); err != nil && o.User {
				return err
			}
			if o.Config, err = os.UserConfigDir(); err != nil && o.User {
				return err
			}
			if o.User && os.Getenv("XDG_RUNTIME_DIR") == "" { // as after su
				os.Setenv("XDG_RUNTIME_DIR", manage.RuntimeDir())
			}
			do := install.Remove
			if !remove {
				o.Profile, do = args[1], install.Install
			}
			done, err := do(c.Context(), o)
			for _, line := range done {
				fmt.Fprintln(c.OutOrStdout(), line)
			}
			return err
		},
	}
	c.Flags().BoolVar(&o.User, "user", false, "a service of this user, without a device (default unless root)")
	c.Flags().BoolVar(&later, "later", false, "do not start it now")
	c.Flags().BoolVar(&remove, "remove", false, "stop the service NAME and remove it, with its profile")
	c.Flags().StringVar(&o.SOCKS, "socks", "", "address of the SOCKS5 proxy of a user's service (default "+service.DefaultSOCKS+")")
	c.Flags().BoolVar(&o.AllowScripts, "allow-scripts", false, "allow lines that run programs, write files or send files, without asking")
	return c
}

// runProgram runs a program to its end. Its error has what the program said.
func runProgram(ctx context.Context, argv ...string) error {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if errors.As(err, new(*exec.ExitError)) && len(out) > 0 {
		return errors.New(strings.TrimSpace(string(out)))
	}
	return err
}
