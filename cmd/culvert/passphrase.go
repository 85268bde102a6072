package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"culvert/host/process"
	"culvert/operate/service"
	"culvert/operate/setup"
	"culvert/role/profile"
)

// credential is the name under which systemd hands over the passphrase of an authority's
// key (LoadCredential=).
const credential = "culvert-authority"

// passphraseFlag gives a command that signs the flag by which it learns the passphrase of
// the authority's key.
func passphraseFlag(c *cobra.Command, ask *setup.Passphrase) {
	file := c.Flags().String("passphrase-file", "", "the passphrase of the authority's key, in the first line of this file (default: ask)")
	*ask = func(key string) ([]byte, error) { return passphrase(c.Context(), *file, key) }
}

// passphrase is that of a key: from a file, or from systemd, or else whoever sits at the
// terminal is asked.
func passphrase(ctx context.Context, file, key string) ([]byte, error) {
	if dir := os.Getenv("CREDENTIALS_DIRECTORY"); file == "" && dir != "" {
		path := filepath.Join(dir, credential)
		if _, err := os.Stat(path); err == nil {
			file = path
		}
	}
	if file != "" {
		return firstLine(file)
	}
	text, err := service.AskUntil(ctx)(fmt.Sprintf("Passphrase of %s: ", key), false)
	if errors.Is(err, profile.ErrNobody) {
		return nil, fmt.Errorf("the passphrase of %s is needed, and there is no terminal to ask at; name a file that holds it: --passphrase-file FILE", key)
	}
	return []byte(text), err
}

func firstLine(file string) ([]byte, error) {
	text, err := process.ReadFile(file)
	if err != nil {
		return nil, err
	}
	line, _, _ := bytes.Cut(text, []byte("\n"))
	if line = bytes.TrimRight(line, "\r"); len(line) == 0 {
		return nil, fmt.Errorf("%s: its first line is empty; expected the passphrase", file)
	}
	return line, nil
}

// newPassphrase is one for a key that is being made. At a terminal it is asked for twice.
func newPassphrase(ctx context.Context, file string) ([]byte, error) {
	const key = "the new authority's key"
	first, err := passphrase(ctx, file, key)
	if err != nil || file != "" {
		return first, err
	}
	again, err := passphrase(ctx, file, key+", again")
	switch {
	case err != nil:
		return nil, err
	case len(first) == 0:
		return nil, errors.New("an empty passphrase protects nothing")
	case !bytes.Equal(first, again):
		return nil, errors.New("the two passphrases differ; run the command again")
	}
	return first, nil
}
