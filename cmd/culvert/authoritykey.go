package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/setup"
)

// keyFlags are the flags that say where a new authority's key is to be.
type keyFlags struct {
	cert, key, command string
	protect            bool
	limit              time.Duration
}

func (k *keyFlags) add(c *cobra.Command) {
	c.Flags().BoolVar(&k.protect, "passphrase", false, "protect the authority's key by a passphrase, which is asked for, or in --passphrase-file")
	c.Flags().StringVar(&k.command, "sign-command", "", "a program that signs for the authority, with its arguments: the key is elsewhere")
	c.Flags().DurationVar(&k.limit, "sign-time", 0, "how long it may take (default 1m)")
	c.Flags().StringVar(&k.cert, "authority-cert", "", "the certificate of an authority that you have, with those above it (PEM)")
	c.Flags().StringVar(&k.key, "authority-key", "", "its key (PEM); it may have a passphrase")
}

// settle reads what the flags name.
func (k *keyFlags) settle(ctx context.Context, passphraseFile string) (a setup.AuthorityKey, err error) {
	if k.command != "" {
		if a.Command.Argv, err = config.Words(k.command); err != nil {
			return a, fmt.Errorf("--sign-command: %w", err)
		}
		a.Command.Limit = k.limit
	}
	for name, text := range map[string]*[]byte{k.cert: &a.Chain, k.key: &a.Key} {
		if name == "" {
			continue
		}
		if *text, err = process.ReadFile(name); err != nil {
			return a, err
		}
	}
	a.Ask = func(key string) ([]byte, error) { return passphrase(ctx, passphraseFile, key) }
	if k.protect {
		a.Passphrase, err = newPassphrase(ctx, passphraseFile)
	}
	return a, err
}
