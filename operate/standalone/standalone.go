// Package standalone has OpenVPN's commands that run no tunnel: they make keys
// and devices, and list what there is to choose from (man page, "Standalone
// Debug Options" and after).
package standalone

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"strings"

	"culvert/config"
	"culvert/internal/digest"
	"culvert/session/seal"
)

// Command carries out a whole command line and writes what it has to say to out.
type Command func(out io.Writer, args []string) error

var commands = map[string]Command{
	"--genkey":             genkey,
	"--mktun":              mktun,
	"--rmtun":              rmtun,
	"--test-crypto":        testCrypto,
	"--show-gateway":       showGateway,
	"--show-net":           showNet,
	"--show-adapters":      showAdapters,
	"--show-valid-subnets": showValidSubnets,
	"--show-engines":       list("There is no OpenSSL here, so there are no engines of it. Keys and certificates are read from files:", none),
	"--show-pkcs11-ids":    showPKCS11,
	"--show-ciphers":       list("These ciphers are available for the data channel, the preferred ones first:", seal.Names),
	"--show-digests":       list("These digests are available for tls-auth:", digest.Names),
	"--show-tls":           list("These TLS suites are available. Those of TLS 1.3 (TLS-AES, TLS-CHACHA20) are always on:", suites),
	"--show-groups":        list("These key agreement groups are available:", groups),
	"--show-curves":        list("These elliptic curves are available:", curves),
}

// Find returns the command that a command line asks for, and false if it asks
// for none.
func Find(args []string) (command Command, found bool) {
	for _, a := range args {
		if command, found = commands[a]; found {
			return command, true
		}
	}
	return nil, false
}

func list(title string, names func() []string) Command {
	return func(out io.Writer, _ []string) error {
		_, err := fmt.Fprintf(out, "%s\n\n%s\n", title, strings.Join(names(), "\n"))
		return err
	}
}

func none() []string { return nil }

// showPKCS11 says why there are no keys in hardware, and how to go on without.
func showPKCS11(io.Writer, []string) error {
	d, _ := config.Lookup("show-pkcs11-ids")
	return errors.New("--show-pkcs11-ids: " + d.State())
}

func suites() (names []string) {
	for _, s := range tls.CipherSuites() {
		names = append(names, strings.ReplaceAll(s.Name, "_", "-"))
	}
	return names
}

func groups() []string { return append([]string{tls.X25519MLKEM768.String()}, curves()...) }

func curves() []string { return []string{"X25519", "secp256r1", "secp384r1", "secp521r1"} }

// form is what a command takes: its usage, and how many values may follow each
// of its directives.
type form struct {
	usage string
	most  map[string]int
}

// read returns the values that follow each directive of a command line.
func (f form) read(args []string) (map[string][]string, error) {
	given := map[string][]string{}
	last := ""
	for _, a := range args {
		if strings.HasPrefix(a, "--") {
			if _, ok := f.most[a]; !ok {
				return nil, fmt.Errorf("%s: not with %s; usage: %s", a, args[0], f.usage)
			}
			last = a
			given[last] = []string{}
			continue
		}
		if given[last] = append(given[last], a); len(given[last]) > f.most[last] {
			return nil, fmt.Errorf("%s %s: too many values; usage: %s", last, a, f.usage)
		}
	}
	return given, nil
}
