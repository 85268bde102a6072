package main

import (
	"bytes"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/access/auth"
	"culvert/host/process"
	"culvert/internal/digest"
	"culvert/nic"
	"culvert/nic/tuntap"
	"culvert/session/seal"
	"culvert/session/wrap"
)

// standaloneCommands are OpenVPN's own commands that run no tunnel (man page,
// "Standalone Debug Options" and after).
var standaloneCommands = map[string]func(out io.Writer, args []string) error{
	"--genkey":       genkey,
	"--mktun":        mktun,
	"--rmtun":        rmtun,
	"--show-ciphers": list("The following ciphers are available for the data channel, the preferred first:", seal.Names),
	"--show-digests": list("The following digests are available for tls-auth:", digest.Names),
	"--show-tls":     list("The following TLS suites are available, those of TLS 1.3 (TLS-AES, TLS-CHACHA20) always on:", suites),
	"--show-groups":  list("The following key agreement groups are available:", groups),
	"--show-curves":  list("The following elliptic curves are available:", curves),
}

// standalone finds the command on a command line, if there is one.
func standalone(args []string) (command func(io.Writer, []string) error, found bool) {
	for _, a := range args {
		if command, found = standaloneCommands[a]; found {
			return command, true
		}
	}
	return nil, false
}

func list(title string, names func() []string) func(io.Writer, []string) error {
	return func(out io.Writer, _ []string) error {
		_, err := fmt.Fprintf(out, "%s\n\n%s\n", title, strings.Join(names(), "\n"))
		return err
	}
}

func suites() (names []string) {
	for _, s := range tls.CipherSuites() {
		names = append(names, strings.ReplaceAll(s.Name, "_", "-"))
	}
	return names
}

func groups() []string { return append([]string{tls.X25519MLKEM768.String()}, curves()...) }

func curves() []string { return []string{"X25519", "secp256r1", "secp384r1", "secp521r1"} }

// values are the values after each directive of a command line. Those allowed
// are given with how many they take.
func values(args []string, allowed map[string]int) (map[string][]string, error) {
	given := map[string][]string{}
	last := ""
	for _, a := range args {
		if strings.HasPrefix(a, "--") {
			if _, ok := allowed[a]; !ok {
				return nil, fmt.Errorf("%s: not with %s: %w", a, args[0], errUsage)
			}
			last = a
			given[last] = []string{}
			continue
		}
		if given[last] = append(given[last], a); len(given[last]) > allowed[last] {
			return nil, fmt.Errorf("%s %s: too many values: %w", last, a, errUsage)
		}
	}
	return given, nil
}

// genkey makes a key file: --genkey KIND [FILE [METADATA]], or as before 2.5
// --genkey --secret FILE. Without a file it goes to out.
func genkey(out io.Writer, args []string) error {
	given, err := values(args, map[string]int{"--genkey": 3, "--secret": 1, "--tls-crypt-v2": 1})
	if err != nil {
		return err
	}
	want := given["--genkey"]
	if file, ok := given["--secret"]; ok {
		want = append([]string{"secret"}, file...)
	}
	want = append(want, slices.Repeat([]string{""}, 3)...)
	key, err := makeKey(want[0], want[2], given["--tls-crypt-v2"])
	if err != nil {
		return err
	}
	if want[1] == "" {
		_, err = out.Write(key)
		return err
	}
	return writeNew(want[1], key)
}

// writeNew writes a file that only its owner reads, and never over another. A
// device or a pipe, such as /dev/stdout may be, is written to.
func writeNew(name string, text []byte) error {
	const owner = 0o600
	mode := os.O_CREATE | os.O_EXCL
	if info, err := os.Stat(name); err == nil && (!info.Mode().IsRegular() || isStdout(info)) {
		mode = os.O_APPEND
	}
	f, err := os.OpenFile(name, os.O_WRONLY|mode, owner)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s is there already, and a key is never overwritten, since all who have that key would be locked out: "+
			"name another file; or, where the key is to go for good, remove the file (rm %s) and give the command again", name, name)
	}
	if errors.Is(err, os.ErrNotExist) {
		dir := filepath.Dir(name)
		return fmt.Errorf("%s: there is no directory %s: make it (mkdir -p %[2]s), or name a file elsewhere", name, dir)
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w; name a file where you may write, or run this as root", err)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// isStdout reports whether a file is what the standard output was sent to.
func isStdout(info os.FileInfo) bool {
	out, err := os.Stdout.Stat()
	return err == nil && os.SameFile(info, out)
}

func makeKey(kind, metadata string, serverKey []string) ([]byte, error) {
	switch kind {
	case "", "secret", "tls-auth", "tls-crypt":
		k, err := wrap.GenerateStaticKey(rand.Reader)
		if err != nil {
			return nil, err
		}
		return k.Format(), nil
	case "tls-crypt-v2-server":
		k, err := wrap.GenerateServerKeyV2(rand.Reader)
		if err != nil {
			return nil, err
		}
		return k.Format(), nil
	case "tls-crypt-v2-client":
		return makeClientKey(metadata, serverKey)
	case "auth-token":
		var key bytes.Buffer
		err := auth.WriteTokenKey(&key)
		return key.Bytes(), err
	}
	return nil, fmt.Errorf("--genkey %s: expected secret, tls-auth, tls-crypt, tls-crypt-v2-server, tls-crypt-v2-client or auth-token", kind)
}

// makeClientKey has the time in it unless other metadata, in base64, is given.
func makeClientKey(metadata string, serverKey []string) ([]byte, error) {
	if len(serverKey) != 1 {
		return nil, fmt.Errorf("--genkey tls-crypt-v2-client: the server's key is needed: add --tls-crypt-v2 FILE")
	}
	text, err := process.ReadFile(serverKey[0])
	if err != nil {
		return nil, unread(err, serverKey[0], "the server's key, as made by --genkey tls-crypt-v2-server FILE")
	}
	server, err := wrap.ParseServerKeyV2(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", serverKey[0], err)
	}
	data := wrap.TimestampMetadata(time.Now())
	if metadata != "" {
		user, err := base64.StdEncoding.DecodeString(metadata)
		if err != nil {
			return nil, fmt.Errorf("--genkey tls-crypt-v2-client: the metadata: expected base64: %w", err)
		}
		data = wrap.UserMetadata(user)
	}
	k, err := wrap.GenerateClientKeyV2(rand.Reader, server, data)
	if err != nil {
		return nil, err
	}
	return k.Format(), nil
}

// deviceValues are those of --mktun and --rmtun.
var deviceValues = map[string]int{"--mktun": 0, "--rmtun": 0, "--dev": 1, "--dev-type": 1, "--user": 1, "--group": 1}

func device(args []string) (kind nic.Kind, name string, owner process.Identity, err error) {
	given, err := values(args, deviceValues)
	if err != nil {
		return kind, "", owner, err
	}
	one := func(directive string) string { return strings.Join(given[directive], " ") }
	if name = one("--dev"); name == "" {
		return kind, "", owner, fmt.Errorf("%s: which device? add --dev NAME, such as --dev tun0", args[0])
	}
	if given := one("--dev-type"); given == "tap" || given == "" && strings.HasPrefix(name, "tap") {
		kind = nic.Ethernet
	}
	owner, err = process.Lookup(one("--user"), "")
	if err != nil {
		return kind, "", owner, err
	}
	owner.GID = -1 // of a device, the user's own group has no say
	if one("--group") != "" {
		group, err := process.Lookup("", one("--group"))
		if err != nil {
			return kind, "", owner, err
		}
		owner.GID = group.GID
	}
	return kind, name, owner, nil
}

// mktun makes a device that stays.
func mktun(out io.Writer, args []string) error {
	kind, name, owner, err := device(args)
	if err != nil {
		return err
	}
	if name, err = tuntap.Persist(kind, name, owner.UID, owner.GID); err != nil {
		return err
	}
	text := "made " + name + ", which stays until --rmtun or the next boot"
	if owner.UID >= 0 {
		text += "; user " + strconv.Itoa(owner.UID) + " may open it"
	}
	_, err = fmt.Fprintln(out, text)
	return err
}

// rmtun removes it.
func rmtun(out io.Writer, args []string) error {
	_, name, _, err := device(args)
	if err != nil {
		return err
	}
	if err := tuntap.Remove(name); err != nil {
		return err
	}
	_, err = fmt.Fprintln(out, "removed "+name)
	return err
}
