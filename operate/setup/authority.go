package setup

import (
	"bytes"
	"crypto"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"culvert/access/pki"
	"culvert/access/signing"
	"culvert/host/process"
)

// Passphrase returns the passphrase of the key in a file, from whoever knows it.
type Passphrase func(file string) ([]byte, error)

// ErrPassphrase is returned where the authority's key has a passphrase, and there is
// nobody to ask for it.
var ErrPassphrase = errors.New("has a passphrase, and there is nobody to ask for it")

// AuthorityKey says where a new authority's key is to be. The zero value has it in a
// file, without a passphrase.
type AuthorityKey struct {
	Passphrase []byte          // for the file
	Command    signing.Command // signs instead, if it has a program
	// Chain is PEM: the authority's certificate, and those above it. nil: a new one that
	// signs itself.
	Chain []byte
	// Key is PEM: the key of Chain, with or without a passphrase, as it is kept; not with
	// Command. Ask knows its passphrase.
	Key []byte
	Ask Passphrase
}

// made is an authority that was made, and the files that hold its key: secret is that
// of the key, or else text that of its command.
type made struct {
	*pki.Authority
	secret, text []byte
}

// make makes the authority.
func (k AuthorityKey) make(rand io.Reader, now time.Time) (m made, err error) {
	switch {
	case len(k.Command.Argv) > 0:
		return k.remote(rand, now)
	case k.Key != nil && k.Chain == nil:
		return m, errors.New("an authority's key needs its certificate, too")
	case k.Chain != nil && k.Key == nil:
		return m, errors.New("an authority's certificate needs its key, too, or a command that signs by it")
	case k.Key != nil:
		key, err := openKey(k.Key, "the authority's key", k.Ask)
		if err != nil {
			return m, err
		}
		if m.Authority, err = pki.OpenAuthority(k.Chain, key); err != nil {
			return m, err
		}
		m.secret = k.Key
		if len(k.Passphrase) > 0 {
			m.secret, err = pki.EncryptKey(key, k.Passphrase)
		}
		return m, errors.Join(err, m.Rooted())
	}
	if m.Authority, err = newAuthority(rand, now, nil); err != nil {
		return m, err
	}
	m.secret, err = m.keep(k.Passphrase)
	return m, err
}

// remote is make for a key that is elsewhere.
func (k AuthorityKey) remote(rand io.Reader, now time.Time) (m made, err error) {
	if k.Key != nil || len(k.Passphrase) > 0 {
		return m, errors.New("a key that a command signs by is in no file: give neither the file nor a passphrase")
	}
	if k.Chain == nil {
		key, err := signing.Find(k.Command)
		if err != nil {
			return m, err
		}
		m.Authority, err = newAuthority(rand, now, key)
		if err != nil {
			return m, err
		}
	} else {
		certs, err := pki.ParseCertificates(k.Chain)
		if err != nil {
			return m, fmt.Errorf("the authority's certificate: %w", err)
		}
		key, err := signing.New(k.Command, certs[0].PublicKey)
		if err != nil {
			return m, err
		}
		if m.Authority, err = pki.OpenAuthority(k.Chain, key); err != nil {
			return m, err
		}
		if err := m.Rooted(); err != nil {
			return m, err
		}
	}
	m.text, err = encodeSource(k.Command)
	return m, err
}

// keep returns the PEM of the authority's key, with a passphrase if there is one.
func (m made) keep(passphrase []byte) ([]byte, error) {
	text, err := m.KeyPEM()
	if err != nil || len(passphrase) == 0 {
		return text, err
	}
	key, err := pki.ParseKey(text)
	if err != nil {
		return nil, err
	}
	return pki.EncryptKey(key, passphrase)
}

// newAuthority has a unique name, since programs take two authorities of one name for
// the same. A nil key is a fresh one.
func newAuthority(rand io.Reader, now time.Time, key crypto.Signer) (*pki.Authority, error) {
	var id [4]byte
	if _, err := io.ReadFull(rand, id[:]); err != nil {
		return nil, fmt.Errorf("random name for the authority: %w", err)
	}
	return pki.NewAuthority(rand, now, pki.Options{Name: "Culvert CA " + hex.EncodeToString(id[:]), Key: key})
}

// source is the file that says which command signs. Without it, the key is in a file.
type source struct {
	Command []string `json:"sign_command"`
	Seconds int      `json:"timeout_seconds,omitempty"` // 0: as signing.DefaultLimit
}

func encodeSource(c signing.Command) ([]byte, error) {
	text, err := json.MarshalIndent(source{c.Argv, int(c.Limit / time.Second)}, "", "  ")
	return append(text, '\n'), err
}

// parseSource reads what encodeSource wrote.
func parseSource(text []byte) (signing.Command, error) {
	const expected = `expected {"sign_command": ["/path/of/program", "argument"], "timeout_seconds": 60}`
	var s source
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	if err := d.Decode(&s); err != nil {
		return signing.Command{}, fmt.Errorf("%w; %s", err, expected)
	}
	if most := int(signing.MaxLimit / time.Second); s.Seconds < 0 || s.Seconds > most {
		return signing.Command{}, fmt.Errorf("timeout_seconds %d: expected 1 to %d", s.Seconds, most)
	}
	if len(s.Command) == 0 {
		return signing.Command{}, fmt.Errorf("it names no command; %s", expected)
	}
	return signing.Command{Argv: s.Command, Limit: time.Duration(s.Seconds) * time.Second}, nil
}

// openKey reads a private key, and asks for its passphrase if it has one.
func openKey(text []byte, name string, ask Passphrase) (crypto.Signer, error) {
	if !pki.KeyEncrypted(text) {
		return pki.ParseKey(text)
	}
	if ask == nil {
		return nil, fmt.Errorf("%s %w: sign by a command at a terminal, or with --passphrase-file", name, ErrPassphrase)
	}
	passphrase, err := ask(name)
	if err != nil {
		return nil, err
	}
	plain, err := pki.DecryptKey(text, passphrase)
	clear(passphrase)
	if errors.Is(err, pki.ErrPassword) {
		return nil, fmt.Errorf("%s: the passphrase is wrong", name)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	defer clear(plain)
	return pki.ParseKey(plain)
}

// place of an authority's files in a server's directory.
type keyFiles struct{ cert, key, source string }

var (
	presentFiles = keyFiles{caCertFile, caKeyFile, sourceFile}
	nextFiles    = keyFiles{nextCertFile, nextKeyFile, nextSourceFile}
)

// command returns the command that signs; false if the key is in a file.
func (f keyFiles) command(dir string) (c signing.Command, is bool, err error) {
	path := filepath.Join(dir, f.source)
	text, err := process.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return c, false, nil
	}
	if err == nil {
		c, err = parseSource(text)
		if err != nil {
			err = fmt.Errorf("%s: %w", path, err)
		}
	}
	return c, true, err
}

// open opens an authority. Its certificate is one of trusted: that of the key; for a
// command, which does not say, the first.
func (f keyFiles) open(dir string, trusted []byte, ask Passphrase) (*pki.Authority, error) {
	c, remote, err := f.command(dir)
	if err != nil {
		return nil, err
	}
	var key crypto.Signer
	path := filepath.Join(dir, f.key)
	if remote {
		certs, err := pki.ParseCertificates(trusted)
		if err != nil {
			return nil, err
		}
		path = filepath.Join(dir, f.source)
		if key, err = signing.New(c, certs[0].PublicKey); err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
	} else {
		text, err := process.ReadFile(path)
		if err != nil {
			return nil, lost(err, dir)
		}
		if key, err = openKey(text, path, ask); err != nil {
			return nil, named(path, err)
		}
	}
	a, err := pki.OpenAuthority(trusted, key)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return a, nil
}

// named adds a file's name to an error that lacks it.
func named(path string, err error) error {
	if bytes.Contains([]byte(err.Error()), []byte(path)) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// certificates reads the certificates of a file in a server's directory.
func certificates(dir, file string) (text []byte, certs []*x509.Certificate, err error) {
	path := filepath.Join(dir, file)
	if text, err = process.ReadFile(path); err != nil {
		return nil, nil, lost(err, dir)
	}
	if certs, err = pki.ParseCertificates(text); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	return text, certs, nil
}

// changing reports whether the authority's key is being changed in a directory.
func changing(dir string) bool {
	_, err := os.Lstat(filepath.Join(dir, nextCertFile))
	return err == nil
}

// remembering asks for one passphrase once, and keeps it for as long as it is used.
func remembering(ask Passphrase) Passphrase {
	if ask == nil {
		return nil
	}
	known := make(map[string][]byte)
	return func(file string) ([]byte, error) {
		if known[file] == nil {
			text, err := ask(file)
			if err != nil {
				return nil, err
			}
			known[file] = text
		}
		return bytes.Clone(known[file]), nil
	}
}
