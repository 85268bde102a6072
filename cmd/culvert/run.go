package main

import (
	"context"
	"fmt"
	"os"
	"strings"

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
	o, args, err := takeOurs(args)
	if err != nil {
		return err
	}
	return service.Run(unsignalled(ctx), me, func() (*config.Config, error) { return conffile.LoadArgs(args) }, o)
}

// unsignalled is ctx without the end that a signal brings: service obeys signals
// itself, one by one.
func unsignalled(ctx context.Context) context.Context { return context.WithoutCancel(ctx) }

// takeOurs takes our own flags out of OpenVPN's command line, and returns the
// rest.
func takeOurs(args []string) (o service.Options, rest []string, err error) {
	values := map[string]*string{"--state-dir": &o.StateDir, "--name": &o.Name, "--socks": &o.SOCKS, "--http": &o.HTTP}
	for i := 0; i < len(args); i++ {
		if args[i] == "--userspace" {
			o.UserSpace = true
			continue
		}
		value, ok := values[args[i]]
		if !ok {
			rest = append(rest, args[i])
			continue
		}
		if i++; i == len(args) || strings.HasPrefix(args[i], "--") {
			return o, nil, fmt.Errorf("%s: a value is missing; write %s VALUE", args[i-1], args[i-1])
		}
		*value = args[i]
	}
	o.UserSpace = o.UserSpace || o.Proxies()
	return o, rest, nil
}
