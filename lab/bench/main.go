//go:build linux

// Command bench measures this project beside its peers, all on this machine,
// in network namespaces of its own: `make bench`, as root.
//
// Each measurement is taken of every peer in turn before the next, and all of
// them in several rounds, so that what else the machine does falls on all alike.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"culvert/lab/bench/load"
	"culvert/lab/bench/path"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) > 0 {
		switch args[0] {
		case "load":
			return load.Main(args[1:])
		case "path":
			return path.Main(args[1:])
		}
	}
	var o options
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.BoolVar(&o.paths, "paths", false, "measure on long, lossy, reordering and narrow paths instead: "+strings.Join(names(pathWorks), ","))
	f.IntVar(&o.rounds, "rounds", 3, "how often each measurement is taken")
	only := f.String("only", "", "measure these alone, by name, with commas between: "+strings.Join(names(mainWorks), ","))
	peers := f.String("peers", "", "measure these peers alone, with commas between")
	f.DurationVar(&o.within, "within", 18*time.Minute, "begin no measurement later, but for those of the first round")
	f.BoolVar(&o.publish, "publish", false, "write the results into README and lab/bench/published")
	if err := f.Parse(args); err != nil {
		return err
	}
	o.only, o.peers = split(*only), split(*peers)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Whoever reads the output may go before the hosts are removed.
	signal.Ignore(syscall.SIGPIPE)
	return measure(ctx, o)
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ",")
}
