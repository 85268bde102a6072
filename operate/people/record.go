package people

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"

	"culvert/access/audit"
	"culvert/store"
)

// recorded has the audit log of a server's directory say what is changed in its store.
func recorded(s store.Store, dir string) store.Store {
	return &audit.Store{
		Store: s, Sink: audit.NewFile(filepath.Join(dir, audit.Name)), By: By(), Command: command(os.Args),
		Failed: func(err error) {
			fmt.Fprintln(os.Stderr, "warning: the change was made, and the audit log does not have it:", err)
		},
	}
}

// By is the user of this machine who changes something, with the one who became it by sudo.
func By() string {
	name := strconv.Itoa(os.Geteuid())
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if who := os.Getenv("SUDO_USER"); who != "" && who != name {
		name = fmt.Sprintf("%s (sudo as %s)", who, name)
	}
	return name
}

// command is a command line as the audit log has it: the program and its words, and the
// names of flags. What flags are set to may be a secret.
func command(args []string) string {
	words := []string{filepath.Base(args[0])}
	value := false // the word before was a flag, and this one may belong to it
	for _, arg := range args[1:] {
		name, _, set := strings.Cut(arg, "=")
		flag := strings.HasPrefix(arg, "-")
		if flag || !value {
			if !flag {
				name = arg
			}
			words = append(words, name)
		}
		value = flag && !set
	}
	return strings.Join(words, " ")
}
