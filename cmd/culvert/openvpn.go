package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"culvert/config"
	"culvert/internal/version"
	"culvert/operate/service"
)

// isOpenVPN reports whether this program was called by OpenVPN's name, as by a link:
// its command line is then OpenVPN's, and has none of our commands.
func isOpenVPN(program string) bool {
	return strings.TrimSuffix(filepath.Base(program), ".exe") == "openvpn"
}

// runOpenVPN runs OpenVPN's command line and returns the exit status. As there, no
// arguments or --help print all directives and end with 1, and --version ends with 0.
func runOpenVPN(ctx context.Context, me service.Self, out io.Writer, args []string) (status int, err error) {
	switch help, about := slices.Index(args, "--help"), slices.Index(args, "--version"); {
	case len(args) == 0 || help >= 0 && (about < 0 || help < about):
		_, err = io.WriteString(out, version.Current().Title()+"\n"+config.Usage())
		return 1, err
	case about >= 0:
		if about+1 < len(args) && !strings.HasPrefix(args[about+1], "--") {
			return 1, fmt.Errorf("--version %q: takes no value; see --help", args[about+1])
		}
		_, err = io.WriteString(out, version.Current().OpenVPN())
		return 0, err
	}
	if err := runDirectives(ctx, me, args); err != nil {
		return 1, err
	}
	return 0, nil
}

// asOpenVPN ends the process with the status that OpenVPN would have. Its log and its
// errors go to the standard output, where programs read them; with --errors-to-stderr
// what ends it goes to the standard error.
func asOpenVPN(ctx context.Context, me service.Self, args []string) error {
	own := os.Stderr
	os.Stderr = os.Stdout
	status, err := runOpenVPN(ctx, me, os.Stdout, args)
	if slices.Contains(args, "--errors-to-stderr") {
		os.Stderr = own
	}
	if err == nil && status != 0 {
		os.Exit(status)
	}
	return err
}
