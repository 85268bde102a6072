package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/backend"
	"culvert/operate/manage"
)

func disconnectCommand() *cobra.Command {
	var r running
	c := &cobra.Command{
		Use:   "disconnect [NAME]",
		Short: "End a running client",
		Long: `End a running client: it says goodbye to its server, undoes what it changed on
this host, and its process ends.

A service made by culvert install stays ended until it is started again by its
manager; another service manager may start a client at once.`,
		Example:    "  culvert disconnect",
		SuggestFor: []string{"stop", "down", "end", "quit", "exit", "kill", "off", "logout"},
		Args:       cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			client, err := r.dialNamed(args)
			if err != nil {
				return err
			}
			if err := client.Disconnect(c.Context()); err != nil {
				return err
			}
			if !gone(c.Context(), client) {
				return fmt.Errorf("%s was asked to end and still runs after %v: its log says what it waits for", client.Name(), endingTime)
			}
			_, err = fmt.Fprintf(c.OutOrStdout(), "%s has ended\n", client.Name())
			return err
		},
	}
	r.flags(c)
	r.farFlags(c)
	return c
}

// endingTime is how long disconnect waits for a process to end.
const endingTime = 30 * time.Second

// gone waits until a process answers no more, and reports whether it does not.
func gone(ctx context.Context, client *manage.Client) bool {
	for end := time.Now().Add(endingTime); time.Now().Before(end) && ctx.Err() == nil; time.Sleep(50 * time.Millisecond) {
		if _, err := client.Status(ctx); err != nil {
			return true
		}
	}
	return false
}

func reconnectCommand() *cobra.Command {
	return moveCommand(&cobra.Command{
		Use:   "reconnect [NAME]",
		Short: "Have a running client make a new connection to its server",
		Long: `Have a running client make a new connection to the same server. The present one
goes on until the new one is up, and stays if that fails. The adapter stays, too.`,
		Example:    "  culvert reconnect",
		SuggestFor: []string{"restart", "renegotiate", "refresh"},
		Args:       cobra.MaximumNArgs(1),
	}, func(ctx context.Context, r running, args []string) (backend.Used, error) {
		client, err := r.dialNamed(args)
		if err != nil {
			return backend.Used{}, err
		}
		return client.Reconnect(ctx)
	})
}

func useCommand() *cobra.Command {
	return moveCommand(&cobra.Command{
		Use:   "use REMOTE",
		Short: "Have a running client move to another of its servers",
		Long: `Have a running client move to another server of its profile, without a gap: the
present connection goes on until the new one is up, and stays if that fails. The
adapter stays, too.

REMOTE is a remote of the profile: its host, HOST:PORT, or its number from 1, in
the order of the profile.`,
		Example:    "  culvert use 2\n  culvert use vpn2.example.org",
		SuggestFor: []string{"switch", "select", "choose", "move", "change"},
		Args: func(_ *cobra.Command, args []string) error {
			switch len(args) {
			case 1:
				return nil
			case 0:
				return errors.New("expected a remote of the client's profile: its number from 1, its host, or HOST:PORT")
			}
			return errors.New("expected one remote of the client's profile; to name one of several clients, use --name")
		},
	}, func(ctx context.Context, r running, args []string) (backend.Used, error) {
		client, err := r.dial()
		if err != nil {
			return backend.Used{}, err
		}
		return client.Use(ctx, args[0])
	})
}

// moveCommand completes a command that has a client move.
func moveCommand(c *cobra.Command, move func(ctx context.Context, r running, args []string) (backend.Used, error)) *cobra.Command {
	var r running
	var asJSON bool
	c.RunE = func(c *cobra.Command, args []string) error {
		used, err := move(c.Context(), r, args)
		if err != nil {
			return err
		}
		return printed(c, asJSON, &used)
	}
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	r.flags(c)
	r.farFlags(c)
	return c
}
