package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
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
		Use:        "install NAME FILE",
		Short:      "Make a service of a profile",
		SuggestFor: []string{"enable", "autostart", "service"},
		Long: `Make a service of systemd that keeps a profile's tunnel up, from the start of the
machine on, and start it. The profile is copied to /etc/openvpn/client/NAME.conf with
the files that it names.

With --user, or if you are not root, it is a service of yours, without a device:
programs use the tunnel through a SOCKS5 proxy. It runs while you are logged in, or
always after: loginctl enable-linger

A service has nobody to ask. A profile with a password needs it in a file.`,
		Example: `  sudo culvert install office office.ovpn
  culvert install office office.ovpn --user --socks 127.0.0.1:1080
  sudo culvert uninstall office`,
		Args: func(_ *cobra.Command, args []string) error {
			if remove {
				return oneService(args)
			}
			return serviceAndProfile(args)
		},
		RunE: func(c *cobra.Command, args []string) error {
			o.Start = !later
			if remove {
				return manageService(c, o, install.Remove, args)
			}
			return manageService(c, o, install.Install, args)
		},
	}
	c.Flags().BoolVar(&o.User, "user", false, "a service of this user, without a device (default unless root)")
	c.Flags().BoolVar(&later, "later", false, "do not start it now")
	c.Flags().BoolVar(&remove, "remove", false, "stop the service NAME and remove it, with its profile, as culvert uninstall NAME does")
	c.Flags().StringVar(&o.SOCKS, "socks", "", "address of the SOCKS5 proxy of a user's service (default "+service.DefaultSOCKS+")")
	c.Flags().BoolVar(&o.AllowScripts, "allow-scripts", false, "allow lines that run programs, write files or send files, without asking")
	return c
}

func uninstallCommand() *cobra.Command {
	var o install.Options
	c := &cobra.Command{
		Use:        "uninstall NAME",
		Short:      "Remove a service that culvert install made",
		SuggestFor: []string{"remove", "rm", "delete", "purge"},
		Long: `Stop a service that culvert install made, and remove it with its copy of the profile.
With --user, or if you are not root, it is one of yours.`,
		Example: "  sudo culvert uninstall office",
		Args:    func(_ *cobra.Command, args []string) error { return oneService(args) },
		RunE:    func(c *cobra.Command, args []string) error { return manageService(c, o, install.Remove, args) },
	}
	c.Flags().BoolVar(&o.User, "user", false, "a service of this user (default unless root)")
	return c
}

// oneService checks the words of a command that removes a service.
func oneService(args []string) error {
	if len(args) != 1 {
		return fmt.Errorf("expected the name of a service to remove, such as office; got %d words", len(args))
	}
	return nil
}

// serviceAndProfile checks the words of a command that makes a service.
func serviceAndProfile(args []string) error {
	const expected = "expected a name for the service and a profile"
	isFile := func(word string) bool { return strings.ContainsAny(word, "./") }
	switch {
	case len(args) == 1 && isFile(args[0]):
		return fmt.Errorf("%s; the name is missing: culvert install %s %s", expected, serviceName(args[0]), args[0])
	case len(args) == 1:
		return fmt.Errorf("%s; the profile is missing: culvert install %s FILE", expected, args[0])
	case len(args) == 2 && isFile(args[0]) && !isFile(args[1]):
		return fmt.Errorf("%s, in this order: culvert install %s %s", expected, args[1], args[0])
	case len(args) == 2 && (args[0] == "remove" || args[0] == "uninstall"):
		return fmt.Errorf("to remove a service: culvert uninstall %s", args[1])
	case len(args) != 2:
		return fmt.Errorf("%s, such as: office office.ovpn; got %d words", expected, len(args))
	}
	return nil
}

// serviceName is a name for the service of a profile.
func serviceName(file string) string {
	name := strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))
	if name = strings.Join(strings.FieldsFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9')
	}), "-"); name == "" {
		return "office"
	}
	return name
}

// manageService makes or removes a service, and says what was done.
func manageService(c *cobra.Command, o install.Options, do func(context.Context, install.Options) ([]string, error), args []string) error {
	o.Name, o.Ask, o.Run = args[0], service.AskUntil(c.Context()), runProgram
	if len(args) > 1 {
		o.Profile = args[1]
	}
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
	done, err := do(c.Context(), o)
	for _, line := range done {
		fmt.Fprintln(c.OutOrStdout(), line)
	}
	return err
}

// runProgram runs a program to its end. Its error has what the program said.
func runProgram(ctx context.Context, argv ...string) error {
	out, err := exec.CommandContext(ctx, argv[0], argv[1:]...).CombinedOutput()
	if errors.As(err, new(*exec.ExitError)) && len(out) > 0 {
		return errors.New(strings.TrimSpace(string(out)))
	}
	return err
}
