// Package standalone has OpenVPN's commands that run no tunnel: they make keys
// and devices, and list what there is to choose from (man page, "Standalone
// Debug Options" and after).
package standalone

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
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
	"--show-ciphers":       list("These ciphers are available for the data channel, the preferred ones first:", ciphers),
	"--show-digests":       list("These digests are available for tls-auth:", digests),
	"--show-tls":           showTLS,
	"--show-groups":        list("These key agreement groups are available:", groups),
	"--show-curves":        list("These elliptic curves are available:", curves),
}

// Find returns the command that a command line asks for, and false if it asks
// for none.
func Find(args []string) (command Command, found bool) {
	for _, a := range args {
		run, found := commands[a]
		if !found {
			continue
		}
		return func(out io.Writer, args []string) error {
			rest, err := general(args)
			if err != nil {
				return err
			}
			return run(out, rest)
		}, true
	}
	return nil, false
}

// generals are directives that may stand beside every command, and how many values they
// take. But for --cd they change nothing.
var generals = map[string]int{"--cd": 1, "--verb": 1, "--mute": 1, "--errors-to-stderr": 0, "--suppress-timestamps": 0, "--machine-readable-output": 0}

// general takes the general directives out of a command line, and carries out --cd.
func general(args []string) (rest []string, err error) {
	for i := 0; i < len(args); i++ {
		n, ok := generals[args[i]]
		if !ok {
			rest = append(rest, args[i])
			continue
		}
		if i+n >= len(args) {
			return nil, fmt.Errorf("%s: a value is missing", args[i])
		}
		if args[i] == "--cd" {
			if err := os.Chdir(args[i+1]); err != nil {
				return nil, fmt.Errorf("--cd: %w", err)
			}
		}
		i += n
	}
	return rest, nil
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

// ciphers are lines as OpenVPN has them, for programs that read these: the name, the
// length of its key, and whether a static key does without it.
func ciphers() (lines []string) {
	for _, name := range seal.Names() {
		bits, block, only := "256", "stream cipher", ""
		if words := strings.Split(name, "-"); words[0] == "AES" {
			bits, block = words[1], "128 bit block"
		}
		if c, err := seal.LookupCipher(name); err == nil && c.IsAEAD() {
			only = ", TLS client/server mode only"
		}
		lines = append(lines, fmt.Sprintf("%s  (%s bit key, %s%s)", name, bits, block, only))
	}
	return lines
}

// digests are lines as OpenVPN has them, for programs that read these.
func digests() (lines []string) {
	for _, d := range digest.All() {
		lines = append(lines, fmt.Sprintf("%s %d bit digest size", d.Name, d.Size()*8))
	}
	return lines
}

// showTLS lists the suites of TLS 1.3 and of 1.2, each with the names and beneath the
// words that OpenVPN has for them.
func showTLS(out io.Writer, _ []string) error {
	var modern, older []string
	for _, s := range tls.CipherSuites() {
		if slices.Contains(s.SupportedVersions, tls.VersionTLS12) {
			older = append(older, strings.ReplaceAll(s.Name, "_", "-"))
		} else {
			modern = append(modern, s.Name)
		}
	}
	_, err := fmt.Fprintf(out, "Available TLS Ciphers, listed in order of preference:\n\nFor TLS 1.3 and newer (--tls-ciphersuites), which are always on:\n\n%s\n\nFor TLS 1.2 and older (--tls-cipher):\n\n%s\n\n",
		strings.Join(modern, "\n"), strings.Join(older, "\n"))
	return err
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
				return nil, fmt.Errorf("%s: does not go with this command; usage: %s", a, f.usage)
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
