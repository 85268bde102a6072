//go:build linux

// Command other runs on this machine what was built for others: `make other`, as
// root. Unit tests and `culvert demo` run for processors that qemu-user emulates,
// a 64-bit ARM and one whose numbers are big-endian, and for one with 32 bits, whose
// programs an amd64 runs itself; and unit tests for Windows under Wine.
//
// What cannot work under emulation is listed in known.txt with the reasons. A test
// that is listed must fail: the list is wrong if it passes, and if it is gone.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
)

func main() {
	err := run(os.Args[1:])
	var status exitStatus
	if errors.As(err, &status) {
		os.Exit(int(status))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "other:", err)
		os.Exit(1)
	}
}

// exitStatus is the exit status of a program that ran in place of this one.
type exitStatus int

func (s exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

func run(args []string) error {
	if len(args) > 2 {
		switch args[0] {
		case within:
			return enter(args[1:])
		case inside:
			return execute(args[1], args[2:])
		}
	}
	f := flag.NewFlagSet("other", flag.ContinueOnError)
	quick := f.Bool("quick", false, "run only what lays out bytes, on s390x, what is in assembly, on arm64, and sockets, on windows; and nothing that is listed in known.txt")
	only := f.String("only", "", "run these processors alone, with commas between: "+strings.Join(names(processors), ",")+" (without it "+usual+", as far as this machine runs them)")
	if err := f.Parse(args); err != nil {
		return err
	}
	if *only == "" {
		all := usual
		if *quick {
			all = strings.Join(slices.Sorted(maps.Keys(quickly)), ",")
		}
		here, elsewhere := fit(all, runtime.GOARCH)
		if *only = strings.Join(here, ","); len(elsewhere) > 0 {
			fmt.Printf("without %s, which take an amd64: this is %s\n", strings.Join(elsewhere, " and "), runtime.GOARCH)
		}
	}
	some, err := choose(*only)
	if err != nil {
		return err
	}
	entries, err := parseKnown(knownText)
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	r := runner{self: self, known: entries, quick: *quick, packages: f.Args()}
	for _, p := range some {
		err = errors.Join(err, r.processor(ctx, p))
	}
	return err
}
