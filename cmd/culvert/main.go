// Command culvert is a VPN, server and client, compatible with OpenVPN on the
// wire and in its configuration language.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"culvert/host/bringup"
	"culvert/host/process"
	"culvert/internal/version"
	"culvert/operate/service"
)

func init() {
	if process.AdoptsOrphans() {
		runtime.LockOSThread()
	}
}

func main() {
	if process.AdoptsOrphans() {
		process.BesideOrphans(run)
		return
	}
	run()
}

// run is the program, wherever it runs.
func run() {
	twoProcessors()
	me, err := service.WhoAmI()
	ctx := context.Background()
	if me.TakesSignals() {
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second signal ends the process at once
	}
	switch {
	case err != nil:
	case isOpenVPN(os.Args[0]):
		err = asOpenVPN(ctx, me, os.Args[1:])
	default:
		err = execute(ctx, me, os.Args[1:])
	}
	if err != nil {
		if err.Error() != "" {
			me.Failed(err)
		}
		os.Exit(exitStatus(ctx, err))
	}
}

// exitStatus is what the program ends with after an error.
func exitStatus(ctx context.Context, err error) int {
	var own statusError
	var program *bringup.ProgramError
	switch {
	case errors.As(err, &program):
		return 1 // as OpenVPN does, also when a signal was why it ran
	case ctx.Err() != nil:
		return 130
	case errors.As(err, &own):
		return own.status
	}
	return 1
}

// twoProcessors gives the runtime two processors on a machine that has one, so
// that it polls the network while it carries packets (tunnel/turns.go).
func twoProcessors() {
	if runtime.GOMAXPROCS(0) == 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2)
	}
}

// execute runs a subcommand, or OpenVPN's own command line if the first word is
// a directive or a configuration file.
func execute(ctx context.Context, me service.Self, args []string) error {
	if isDirectives(args) {
		return runDirectives(ctx, me, args)
	}
	if words, described, asked := isCompletion(args); asked {
		return completeDirectives(os.Stdout, words, described)
	}
	root := rootCommand(me)
	root.SetArgs(args)
	understood := false
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		err := cmp.Or(c.ValidateRequiredFlags(), c.ValidateFlagGroups()) // cobra asks only after this
		understood = err == nil
		return err
	}
	c, err := root.ExecuteContextC(ctx)
	if err != nil && (!understood || errors.As(err, new(usageError))) {
		return fmt.Errorf("%w\n%s", inPlainWords(c, err), howTo(c))
	}
	return err
}

// howTo says how to write a command: its usage, an example, and where its help
// is.
func howTo(c *cobra.Command) string {
	form := strings.TrimSuffix(c.UseLine(), " [flags]")
	text := "usage: " + form
	if at := strings.Index(c.Example, "culvert "); at >= 0 {
		example, _, _ := strings.Cut(c.Example[at:], "\n")
		text += "\nexample: " + example
	}
	return text + "\nhelp: " + c.CommandPath() + " --help"
}

// isDirectives reports whether a command line is OpenVPN's own.
func isDirectives(args []string) bool {
	if len(args) == 0 {
		return false
	}
	first := args[0]
	if strings.HasPrefix(first, "--") {
		return first != "--help" && first != "--version"
	}
	return strings.HasSuffix(first, ".conf") || strings.HasSuffix(first, ".ovpn")
}

func rootCommand(me service.Self) *cobra.Command {
	root := &cobra.Command{
		Use:     "culvert COMMAND",
		Example: "  culvert connect laptop.ovpn",
		Short:   "A VPN, compatible with OpenVPN",
		Long: `Culvert is a VPN: server and client in one program, compatible with OpenVPN on
the wire and in its configuration language.

  culvert init --dir D --host NAME     make a server's keys and configuration
  culvert adopt DIR --dir D            make them of what OpenVPN and easy-rsa have
  culvert serve --dir D                run the server
  culvert client add NAME --dir D -o F make a profile for a client
  culvert client list --dir D          list the clients; also revoke NAME, renew NAME
  culvert user | device | group        manage a server's users, with their devices and groups
  culvert token add NAME --dir D       let a program ask the server's API over the network
  culvert revoke NAME --dir D          shut out a client, a device or a user's devices
  culvert renew --dir D                renew the server's certificate
  culvert backup --dir D -o F          copy a server's users while it runs; also export,
                                       import FILE
  culvert connect F                    connect with a profile, from any provider
  culvert install NAME F               make a service of a profile; uninstall NAME removes it
  culvert pair -o F                    connect two hosts, with one line from each
  culvert hub --uplink IF --nic NAME   run many adapters on one uplink
  culvert swarm F --clients N          load a server with many clients
  culvert servers F                    measure a profile's servers
  culvert use REMOTE                   move a running client to another server; also
                                       reconnect, disconnect
  culvert status | trace | capture     look into a running process
  culvert dashboard                    see and steer a running process in a browser
  culvert history --dir D              who was connected, and what they carried
  culvert health                       ask a running process whether it works
  culvert container                    run a server as environment variables say
  culvert push-update --to NAME OPTION change what a running server has pushed
  culvert demo                         see a tunnel at work on this machine
  culvert check FILE                   explain a profile or a server's configuration
  culvert doctor FILE                  say what keeps a tunnel from working; also --dir D
  culvert help DIRECTIVE               say what a line of a configuration does

OpenVPN's own command line works too: culvert --config FILE [--directive ...].
Not root? connect --userspace needs neither root nor a device. serve does without
both by itself.`,
		Version:       version.Current().String(),
		SilenceUsage:  true,
		SilenceErrors: true,

		DisableSuggestions: true, // inPlainWords has its own
	}
	root.AddCommand(initCommand(), adoptCommand(), serveCommand(me), renewCommand(), authorityCommand(), clientCommand(), exportCommand(), importCommand(), backupCommand(), userCommand(), deviceCommand(), groupCommand(), tokenCommand(), revokeCommand(), connectCommand(me), pairCommand(), hubCommand(), cleanupCommand(), demoCommand(), installCommand(), uninstallCommand(),
		containerCommand(me), healthCommand(), dashboardCommand(), statusCommand(), topCommand(), logsCommand(), historyCommand(), serversCommand(), disconnectCommand(), reconnectCommand(), useCommand(), launchCommand(), traceCommand(), captureCommand(), pushUpdateCommand(), swarmCommand(), checkCommand(), policyCommand(), doctorCommand(), manCommand(), versionCommand())
	root.SetVersionTemplate("{{.Version}}")
	root.SetHelpCommand(helpCommand())
	root.InitDefaultHelpCmd()
	addCompletion(root)
	return root
}

// one checks that a command is given exactly one argument: a name, a profile or
// whatever what says.
func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("expected one %s, got %d", what, len(args))
		}
		return nil
	}
}

// notDirective helps people who give OpenVPN's directives to a subcommand.
func notDirective(_ *cobra.Command, err error) error {
	return ifUnknown(err, "to give OpenVPN's directives, such as --verb 4, use: culvert --config FILE --verb 4")
}

// ifUnknown adds a hint to the error of a flag that does not exist.
func ifUnknown(err error, hint string) error {
	if unknown := new(pflag.NotExistError); !errors.As(err, &unknown) {
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// usageError marks the error of a command line that is wrong, so that its usage
// follows.
type usageError struct{ error }

func misused(format string, args ...any) error { return usageError{fmt.Errorf(format, args...)} }
