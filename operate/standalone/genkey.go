package standalone

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"

	"culvert/access/auth"
	"culvert/host/process"
	"culvert/operate/conffile"
	"culvert/session/wrap"
)

var genkeyForm = form{"culvert --genkey KIND [FILE]", map[string]int{"--genkey": 3, "--secret": 1, "--tls-crypt-v2": 1}}

// genkey makes a key: --genkey KIND [FILE [METADATA]], or as before OpenVPN 2.5
// --genkey --secret FILE. Without a file it writes the key to out.
func genkey(out io.Writer, args []string) error {
	given, err := genkeyForm.read(args)
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

// writeNew writes a new file that only its owner may read. It never overwrites a
// file, but writes to a device or a pipe, which /dev/stdout may be.
func writeNew(name string, text []byte) error {
	const owner = 0o600
	mode := os.O_CREATE | os.O_EXCL
	if info, err := os.Stat(name); err == nil && (!info.Mode().IsRegular() || isStdout(info)) {
		mode = os.O_APPEND
	}
	f, err := os.OpenFile(name, os.O_WRONLY|mode, owner)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s exists, and a key is never overwritten, since everybody who has it would be locked out: "+
			"name another file; or, if nobody needs the old key, remove it (rm %s) and run this again", name, name)
	}
	if errors.Is(err, os.ErrNotExist) {
		dir := filepath.Dir(name)
		return fmt.Errorf("%s: there is no directory %s: make it (mkdir -p %[2]s), or name another file", name, dir)
	}
	if errors.Is(err, os.ErrPermission) {
		return fmt.Errorf("%w; name a file in a directory of yours, or run this as root", err)
	}
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

// isStdout reports whether a file is where standard output goes.
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

// makeClientKey makes a client's key, wrapped with the server's. Its metadata is
// the time, unless other metadata is given, in base64.
func makeClientKey(metadata string, serverKey []string) ([]byte, error) {
	if len(serverKey) != 1 {
		return nil, fmt.Errorf("--genkey tls-crypt-v2-client: it needs the server's key: add --tls-crypt-v2 FILE")
	}
	text, err := process.ReadFile(serverKey[0])
	if err != nil {
		return nil, conffile.Unread(err, serverKey[0], "the server's key, as made by --genkey tls-crypt-v2-server FILE")
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
