package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"text/tabwriter"
	"time"

	encoder "github.com/go-json-experiment/json"
	jsonv1 "github.com/go-json-experiment/json/v1"
	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/internal/share"
	"culvert/operate/people"
	"culvert/store"
)

// openStore opens the store of a server's directory.
var openStore = people.Open

// accounts is the directory whose users a command is about, and how it prints them.
type accounts struct {
	dir    string
	asJSON bool
	store  store.Store // of the directory, while book calls its function
}

// flags gives a command --dir, and --json if it prints something.
func (a *accounts) flags(c *cobra.Command, prints bool) {
	c.Flags().StringVar(&a.dir, "dir", "", "the server's directory")
	if prints {
		c.Flags().BoolVar(&a.asJSON, "json", false, "print JSON")
	}
	c.MarkFlagRequired("dir")
}

// collects is by how much memory may grow before it is collected, in percent of what is in
// use: a command ends soon, and lists of all users are read and written faster so.
const collects = 1000

// book calls f with the directory's book.
func (a *accounts) book(c *cobra.Command, f func(ctx context.Context, b *users.Book) error) error {
	defer debug.SetGCPercent(debug.SetGCPercent(collects))
	s, err := openStore(a.dir)
	if err != nil {
		return err
	}
	defer s.Close()
	a.store = s
	return f(c.Context(), users.NewBook(s, time.Now))
}

// roll calls f with all users, groups or devices. It warns about records that cannot be
// read.
func (a *accounts) roll(c *cobra.Command, f func(r *users.Roll, b *users.Book) error, kinds ...users.Kind) error {
	return a.book(c, func(ctx context.Context, b *users.Book) error {
		r, err := b.Roll(ctx, warning(c), kinds...)
		if err != nil {
			return err
		}
		return f(r, b)
	})
}

// view calls f with one user, who is there, their devices and all groups. It warns about
// records that cannot be read.
func (a *accounts) view(c *cobra.Command, user string, f func(v *users.View, b *users.Book) error) error {
	return a.book(c, func(ctx context.Context, b *users.Book) error {
		v, err := b.ViewOf(ctx, user, warning(c))
		if err != nil {
			return err
		}
		return f(v, b)
	})
}

func warning(c *cobra.Command) func(error) {
	return func(err error) { fmt.Fprintln(c.ErrOrStderr(), "warning:", err) }
}

// sameJSON has JSON written as encoding/json does, which takes three times as long.
var sameJSON = jsonv1.DefaultOptionsV1()

// print prints a value as JSON, or calls table to write what people read.
func (a *accounts) print(c *cobra.Command, value any, table func(t *tabwriter.Writer)) error {
	if a.asJSON {
		text, err := encoder.Marshal(value, sameJSON)
		if err != nil {
			return err
		}
		_, err = c.OutOrStdout().Write(append(text, '\n'))
		return err
	}
	return tabled(c, table)
}

// tabled has a table written, a cell at a time.
func tabled(c *cobra.Command, table func(t *tabwriter.Writer)) error {
	b := bufio.NewWriterSize(c.OutOrStdout(), 64<<10)
	t := tabwriter.NewWriter(b, 0, 0, 2, ' ', 0)
	table(t)
	return errors.Join(t.Flush(), b.Flush())
}

// printList is print for a list, which is formatted on all processors: title is the table's
// first row, and row writes that of one.
func printList[T any](a *accounts, c *cobra.Command, all []T, title string, row func(w io.Writer, one *T)) error {
	if a.asJSON {
		return printJSONList(c, all)
	}
	parts := share.Parts(len(all), func(from, to int) []byte {
		var b bytes.Buffer
		for i := range all[from:to] {
			row(&b, &all[from+i])
		}
		return b.Bytes()
	})
	return tabled(c, func(t *tabwriter.Writer) {
		fmt.Fprintln(t, title)
		for _, part := range parts {
			t.Write(part)
		}
	})
}

func printJSONList[T any](c *cobra.Command, all []T) error {
	type list struct {
		text []byte
		err  error
	}
	lists := share.Parts(len(all), func(from, to int) list {
		text, err := encoder.Marshal(all[from:to], sameJSON)
		return list{text, err}
	})
	whole := net.Buffers{[]byte("[")}
	for i, l := range lists {
		if l.err != nil {
			return l.err
		}
		if i > 0 {
			whole = append(whole, []byte(","))
		}
		whole = append(whole, l.text[1:len(l.text)-1])
	}
	whole = append(whole, []byte("]\n"))
	_, err := whole.WriteTo(c.OutOrStdout())
	return err
}

// expiry is the time that a flag --expires means.
func expiry(c *cobra.Command, text string, now time.Time) (end time.Time, given bool, err error) {
	if !c.Flags().Changed("expires") {
		return end, false, nil
	}
	end, err = users.ParseExpiry(text, now)
	return end, true, err
}

const expiresHelp = "`when` it ends: 2026-12-31, 30d, 8w, 12h or never"

// day is when something ends, for people.
func day(end time.Time) string {
	if end.IsZero() {
		return "never"
	}
	return end.Local().Format(time.DateOnly)
}

// ends is when something ends, for people: a day, where that is to its end, and else the
// minute.
func ends(end time.Time) string {
	if end = end.Local(); end.IsZero() || end.Format(time.TimeOnly) == "23:59:59" {
		return day(end)
	}
	return end.Format("2006-01-02 15:04")
}

// parent makes a command that has others below it.
func parent(name, example, short string, below ...*cobra.Command) *cobra.Command {
	c := &cobra.Command{Use: name, Example: "  " + example, Short: short, Args: cobra.NoArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // the command before them is the mistake
		RunE:               func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(below...)
	return c
}
