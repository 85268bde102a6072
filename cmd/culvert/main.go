// Command culvert is a virtual private network: server and client, in
// OpenVPN's language and on its wire.
package main

import (
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

	"culvert/internal/version"
	"culvert/operate/service"
)

func main() {
	twoProcessors()
	me, err := service.WhoAmI()
	ctx := context.Background()
	if !me.Worker() { // a worker leaves signals to its keeper
		var stop func()
		ctx, stop = signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
		defer stop()
		context.AfterFunc(ctx, stop) // a second one ends what the first did not
	}
	if err == nil {
		err = execute(me.In(ctx), os.Args[1:])
	}
	if err != nil {
		me.Failed(err)
		if ctx.Err() == nil {
			os.Exit(1)
		}
		os.Exit(130)
	}
}

// twoProcessors lets the runtime ask its poller while it carries packets, where
// the machine has one processor (tunnel/turns.go).
func twoProcessors() {
	if runtime.GOMAXPROCS(0) == 1 && os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(2)
	}
}

// execute runs a subcommand, or OpenVPN's own command line where the first
// word is a directive or a configuration file.
func execute(ctx context.Context, args []string) error {
	if isDirectives(args) {
		return runDirectives(ctx, args)
	}
	root := rootCommand()
	root.SetArgs(args)
	understood := false
	root.PersistentPreRunE = func(c *cobra.Command, _ []string) error {
		err := c.ValidateRequiredFlags() // cobra asks only after this
		understood = err == nil
		return err
	}
	c, err := root.ExecuteContextC(ctx)
	if err != nil && (!understood || errors.Is(err, errUsage)) {
		return fmt.Errorf("%w\n%s", inPlainWords(c, err), howTo(c))
	}
	return err
}

// howTo is what to write for a command: where its help is, its form, and a line
// that is right.
func howTo(c *cobra.Command) string {
	form := strings.TrimSuffix(c.UseLine(), " [flags]")
	text := fmt.Sprintf("its use: %s --help\nwrite it as: %s", c.CommandPath(), form)
	if at := strings.Index(c.Example, "culvert "); at >= 0 {
		example, _, _ := strings.Cut(c.Example[at:], "\n")
		text += "\nsuch as: " + example
	}
	return text
}

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

func rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:     "culvert COMMAND",
		Example: "  culvert connect laptop.ovpn",
		Short:   "A virtual private network, compatible with OpenVPN on both ends",
		Long: `culvert is a virtual private network: server and client in one program,
compatible with OpenVPN on the wire and in its configuration language.

  culvert init --dir D --host NAME     make a server's keys and configuration
  culvert serve --dir D                run it
  culvert client add NAME --dir D -o F make a profile for a client
  culvert client list --dir D          who there is; also revoke NAME, renew NAME
  culvert renew --dir D                issue the server's certificate again
  culvert connect F                    connect with a profile, any provider's
  culvert pair -o F                    join two hosts, with one line from each
  culvert hub --uplink IF --nic NAME   many adapters on one uplink
  culvert swarm F --clients N          load a server with many clients
  culvert status | trace | capture     see what a running one does
  culvert push-update --to NAME OPTION change what a running server pushed

OpenVPN's own command line works too: culvert --config FILE [--directive ...].
No root? Add --userspace to serve and connect: they need no device then.`,
		Version:       version.Current().String(),
		SilenceUsage:  true,
		SilenceErrors: true,

		DisableSuggestions: true, // inPlainWords makes them
	}
	root.AddCommand(initCommand(), serveCommand(), renewCommand(), clientCommand(), connectCommand(), pairCommand(), hubCommand(), cleanupCommand(), demoCommand(),
		statusCommand(), traceCommand(), captureCommand(), pushUpdateCommand(), swarmCommand(), versionCommand())
	root.SetVersionTemplate("{{.Version}}")
	return root
}

// one is for commands that take one word, of which what says what it is.
func one(what string) cobra.PositionalArgs {
	return func(c *cobra.Command, args []string) error {
		if len(args) != 1 {
			return fmt.Errorf("expected one %s, got %d", what, len(args))
		}
		return nil
	}
}

// notDirective helps those who give OpenVPN's directives to a subcommand.
func notDirective(_ *cobra.Command, err error) error {
	return ifUnknown(err, "OpenVPN's directives, such as --verb 4, go with: culvert --config FILE")
}

// ifUnknown adds a hint to what is wrong with a flag, where there is no such
// flag.
func ifUnknown(err error, hint string) error {
	if unknown := new(pflag.NotExistError); !errors.As(err, &unknown) {
		return err
	}
	return fmt.Errorf("%w (%s)", err, hint)
}

// errUsage marks a command line that cannot be understood.
var errUsage = errors.New("see --help")
