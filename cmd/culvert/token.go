package main

import (
	"context"
	"fmt"
	"path/filepath"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/conffile"
	"culvert/operate/manage/api"
	"culvert/operate/manage/tokens"
	"culvert/operate/people"
)

func tokenCommand() *cobra.Command {
	return parent("token", "culvert token add backup-job --scope read --expires 90d --dir /etc/culvert", "Manage the tokens by which programs ask a server's API",
		tokenAddCommand(), tokenListCommand(), tokenRemoveCommand())
}

func tokenAddCommand() *cobra.Command {
	var a accounts
	var scope, expires string
	c := &cobra.Command{
		Use:   "add NAME --scope read|operate|administer --dir D",
		Short: "Make a token, and print it this once",
		Long: `Make a token by which a program asks the server's API over the network (api-listen),
and print it. It is shown this once: the server keeps a hash of it. What it may do is
its scope: read (see), operate (and steer), administer (and change who may do what).`,
		Example: "  culvert token add backup-job --scope read --expires 90d --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			may, err := api.ParseScope(scope)
			if err != nil {
				return misused("--scope: %v", err)
			}
			end, _, err := expiry(c, expires, time.Now())
			if err != nil {
				return err
			}
			return a.book(c, func(ctx context.Context, _ *users.Book) error {
				made, secret, err := tokens.Add(ctx, a.store, time.Now(), args[0], may, end, people.By())
				if err != nil {
					return fmt.Errorf("token add: %w", err)
				}
				if a.asJSON {
					return a.print(c, tokens.Made{Token: made, Secret: secret}, nil)
				}
				fmt.Fprintln(c.OutOrStdout(), secret)
				fmt.Fprintf(c.ErrOrStderr(), "This is shown once: keep it where only the program that uses it can read it.\n")
				a.hintListen(c)
				return nil
			})
		},
	}
	a.flags(c, true)
	c.Flags().StringVar(&scope, "scope", "", "what it may do: read, operate or administer")
	c.Flags().StringVar(&expires, "expires", "", "when it ends: a `day` such as 2026-12-31, a time from now such as 90d, or never (default)")
	c.MarkFlagRequired("scope")
	return c
}

// hintListen says how to have the server answer tokens, where it does not.
func (a *accounts) hintListen(c *cobra.Command) {
	file := filepath.Join(a.dir, "server.conf")
	if cfg, err := conffile.Load(file, "the configuration of the server"); err == nil && !cfg.Server.API.Yes() {
		fmt.Fprintf(c.ErrOrStderr(), "The server listens for no tokens yet: add this line to %s, with an address of this host, and restart it:\n  setenv opt api-listen 192.0.2.1:8445\n", file)
	}
}

func tokenListCommand() *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:     "list --dir D",
		Short:   "List a server's tokens",
		Example: "  culvert token list --dir /etc/culvert",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.book(c, func(ctx context.Context, _ *users.Book) error {
				all, err := tokens.List(ctx, a.store, warning(c))
				if err != nil {
					return err
				}
				return a.print(c, all, func(t *tabwriter.Writer) {
					fmt.Fprintln(t, "NAME\tSCOPE\tCREATED\tEXPIRES\tBY")
					for _, one := range all {
						fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\n", one.Name, one.Scope, one.Created.Local().Format(time.DateOnly), endText(one.Expires, time.Now()), one.By)
					}
				})
			})
		},
	}
	a.flags(c, true)
	return c
}

// endText is when something ends, as a list has it.
func endText(end *time.Time, now time.Time) string {
	switch {
	case end == nil:
		return "never"
	case !now.Before(*end):
		return "ended"
	}
	return end.Local().Format("2006-01-02 15:04")
}

func tokenRemoveCommand() *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:     "remove NAME --dir D",
		Short:   "Remove a token: it is good for nothing from then on",
		Example: "  culvert token remove backup-job --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.book(c, func(ctx context.Context, _ *users.Book) error {
				if err := tokens.Remove(ctx, a.store, args[0]); err != nil {
					return fmt.Errorf("token remove: %w", err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%s is removed.\n", args[0])
				return nil
			})
		},
	}
	a.flags(c, false)
	return c
}
