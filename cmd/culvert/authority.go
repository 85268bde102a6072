package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/clients"
	"culvert/operate/setup"
)

func authorityCommand() *cobra.Command {
	c := &cobra.Command{Use: "authority", Example: "  culvert authority show --dir /etc/culvert", Short: "Show a server's authority, or change its key", Args: cobra.NoArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // the command before them is the mistake
		RunE:               func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(authorityShowCommand(), authorityRotateCommand())
	return c
}

func authorityShowCommand() *cobra.Command {
	var dir, stateDir string
	var asJSON bool
	c := &cobra.Command{
		Use:   "show --dir D",
		Short: "Show where the authority's key is, and which clients have its certificates",
		Long: `Show the authority of a server's directory: where its key is, until when it is valid,
and which clients have their newest certificate from it. While its key is changed
(culvert authority rotate), the next authority is shown beside it. Clients whose
certificates end within 30 days are named, with where the next profile waits, or with
the command that makes one.`,
		Example: "  culvert authority show --dir /etc/culvert",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			info, err := setup.Authorities(dir, time.Now())
			if err != nil {
				return err
			}
			running := clients.Ask(c.Context(), stateDir)
			states := []*setup.AuthorityState{&info.Present}
			if info.Next != nil {
				states = append(states, info.Next)
			}
			for _, s := range states {
				for i, one := range s.Clients {
					used := running.Uses(one.Serials)
					s.Clients[i].UsesOld = used != "" && used != one.Serials[0]
				}
			}
			if asJSON {
				return json.NewEncoder(c.OutOrStdout()).Encode(info)
			}
			info.Print(c.OutOrStdout())
			return nil
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "the server's directory")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	stateDirFlag(c, &stateDir)
	c.MarkFlagRequired("dir")
	return c
}

func authorityRotateCommand() *cobra.Command {
	o := setup.RotateOptions{Rand: rand.Reader}
	var keys keyFlags
	var finish, shutOut bool
	var stateDir string
	c := &cobra.Command{
		Use:   "rotate --dir D",
		Short: "Change the authority's key, with both trusted for a time",
		Long: `Make the next authority, and have the server trust both. New profiles are signed by
the next one and trust both, so that old and new profiles work side by side. The
server's certificate stays with the authority before, which all clients trust.

When every client has a new profile, --finish has the next authority sign the
server's certificate, and trusts it alone. It names the clients that have none, and those
that are connected to a running server with the old one, and does nothing then. Both can
be called again when they were interrupted.`,
		Example: `  culvert authority rotate --dir /etc/culvert
  culvert client renew phone --dir /etc/culvert -o phone.ovpn
  culvert authority show --dir /etc/culvert
  culvert authority rotate --dir /etc/culvert --finish`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			o.Now = time.Now()
			var r *setup.Rotation
			if finish && !shutOut {
				if err := stillOld(o.Dir, clients.Ask(c.Context(), stateDir)); err != nil {
					return err
				}
			}
			if finish {
				r, err = setup.Finish(o, shutOut)
			} else {
				file, _ := c.Flags().GetString("passphrase-file")
				if o.Key, err = keys.settle(c.Context(), file); err != nil {
					return err
				}
				r, err = setup.Rotate(o)
			}
			if err != nil {
				return err
			}
			sayRotation(c, o.Dir, r, finish)
			return nil
		},
	}
	c.Flags().StringVar(&o.Dir, "dir", "", "the server's directory")
	c.Flags().BoolVar(&finish, "finish", false, "trust the next authority alone")
	c.Flags().BoolVar(&shutOut, "shut-out", false, "finish although clients have no new profile; they are shut out")
	keys.add(c)
	stateDirFlag(c, &stateDir)
	passphraseFlag(c, &o.Ask)
	c.MarkFlagRequired("dir")
	return c
}

// stillOld fails if clients are connected with certificates of the authority before, though
// they have newer ones: nobody gave them their new profile, or they did not take it.
func stillOld(dir string, running clients.Running) error {
	info, err := setup.Authorities(dir, time.Now())
	if err != nil || info.Next == nil { // which Finish explains
		return nil
	}
	left := setup.LeftError{Dir: dir, Renewed: true}
	for _, one := range info.Next.Clients {
		if running.Uses(one.Before) != "" {
			left.Names = append(left.Names, one.Name)
		}
	}
	if len(left.Names) == 0 {
		return nil
	}
	return fmt.Errorf("authority rotate --finish: %w", &left)
}

// sayRotation prints what was done, and what to do next.
func sayRotation(c *cobra.Command, dir string, r *setup.Rotation, finished bool) {
	out := c.OutOrStdout()
	for _, step := range r.Steps {
		fmt.Fprintln(out, step)
	}
	if len(r.Steps) == 0 {
		fmt.Fprintln(out, "Nothing was left to do.")
	}
	fmt.Fprintln(out, "A running server takes that over after SIGHUP (systemctl reload), and keeps everybody connected.")
	switch {
	case finished:
		fmt.Fprintln(out, "Keep what was retired for as long as you may want to go back; who has that key can still deceive clients that were not given a newer profile since.")
	case len(r.Left) > 0:
		fmt.Fprintf(out, "%d clients need a new profile (%s); the old ones work until you finish.\n", len(r.Left), setup.RenewAnyCommand(dir))
	default:
		fmt.Fprintf(out, "No client needs a new profile; to finish: culvert authority rotate --finish --dir %s\n", dir)
	}
}
