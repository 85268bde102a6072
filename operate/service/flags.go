package service

import (
	"fmt"
	"strings"
)

// TakeFlags takes our own flags out of OpenVPN's command line, and returns what they
// set, and the rest.
func TakeFlags(args []string) (o Options, rest []string, err error) {
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
