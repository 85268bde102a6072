package main

import (
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"culvert/operate/people"
)

func exportCommand() *cobra.Command {
	var dir, out string
	c := &cobra.Command{
		Use:   "export --dir D [-o FILE]",
		Short: "Write a server's users, devices and groups as text",
		Long: `Write all that a server's store holds as text: users, devices, groups and what else
outlives the server, a line for each record. The server may be running.

The text holds secrets, such as those of one-time codes: keep it as you keep ca.key.`,
		Example: "  culvert export --dir /etc/culvert -o people.txt",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := people.Open(dir)
			if err != nil {
				return err
			}
			defer s.Close()
			export := func(w io.Writer) error { _, err := people.Export(c.Context(), s, w); return err }
			if out == "" {
				fmt.Fprintln(c.ErrOrStderr(), "warning: this text holds secrets of users")
				return export(c.OutOrStdout())
			}
			if err := people.WriteNew(out, export); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Wrote %s, which only you can read: it holds secrets of users.\n", out)
			return nil
		},
	}
	dirFlag(c, &dir)
	c.Flags().StringVarP(&out, "out", "o", "", "the file to write (default: standard output)")
	return c
}

func importCommand() *cobra.Command {
	var dir string
	var replace bool
	c := &cobra.Command{
		Use:   "import --dir D FILE",
		Short: "Read what culvert export has written",
		Long: `Read what culvert export has written into a server's store, which has to be empty.
With --replace it takes the place of all that is there. The server may be running, and
goes by it at once. A file with a fault changes nothing.`,
		Example: "  culvert import --dir /etc/culvert people.txt",
		Args:    one("file that culvert export has written"),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			s, err := people.Open(dir)
			if err != nil {
				return err
			}
			defer s.Close()
			done, err := people.Import(c.Context(), s, args[0], f, replace)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Wrote %d records, deleted %d, and left %d as they were.\n", done.Put, done.Deleted, done.Same)
			return nil
		},
	}
	dirFlag(c, &dir)
	c.Flags().BoolVar(&replace, "replace", false, "delete what the store holds and the file does not")
	return c
}

func backupCommand() *cobra.Command {
	var dir, out string
	c := &cobra.Command{
		Use:   "backup --dir D -o FILE",
		Short: "Copy a server's store while the server runs",
		Long: `Copy a server's store to a file, at one moment, while the server runs. To go back to it,
end the server and put the file in the place of store.db in its directory.

The file holds secrets of users: keep it as you keep ca.key.`,
		Example: "  culvert backup --dir /etc/culvert -o store-2026-11-28.db",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if err := people.Backup(c.Context(), dir, out); err != nil {
				return err
			}
			fmt.Fprintf(c.OutOrStdout(), "Wrote %s, which only you can read: it holds secrets of users.\n", out)
			return nil
		},
	}
	dirFlag(c, &dir)
	c.Flags().StringVarP(&out, "out", "o", "", "the file to write")
	c.MarkFlagRequired("out")
	return c
}

// dirFlag has a command ask for a server's directory.
func dirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "dir", "", "the server's directory")
	c.MarkFlagRequired("dir")
}
