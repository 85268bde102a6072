package main

import (
	"context"
	"os"

	"culvert/config"
	"culvert/operate/conffile"
	"culvert/operate/service"
	"culvert/operate/standalone"
)

// runDirectives runs OpenVPN's own command line.
func runDirectives(ctx context.Context, me service.Self, args []string) error {
	if others, wanted := wantsHelp(args); wanted {
		return helpDirectives(os.Stdout, others)
	}
	if command, found := standalone.Find(args); found {
		return command(os.Stdout, args)
	}
	o, args, err := service.TakeFlags(args)
	if err != nil {
		return err
	}
	return service.Run(unsignalled(ctx), me, func() (*config.Config, error) { return conffile.LoadArgs(args) }, o)
}

// unsignalled is ctx without the end that a signal brings: service obeys signals
// itself, one by one.
func unsignalled(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }
