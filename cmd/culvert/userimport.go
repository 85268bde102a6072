package main

import (
	"bufio"
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func userImportCommand() *cobra.Command {
	var a accounts
	var source string
	c := &cobra.Command{
		Use:   "import FILE --dir D",
		Short: "Add many users from a table",
		Long: `Add the users of a file with comma-separated values (CSV), one in a line: name, full
name, email address, and groups with spaces between them. All but the name may be
left out, and a first line with these four words is passed over. A faulty line, or a
name that is there already, is found before any user is added.`,
		Example: "  culvert user import people.csv --dir /etc/culvert",
		Args:    one("file"),
		RunE: func(c *cobra.Command, args []string) error {
			f, err := os.Open(args[0])
			if err != nil {
				return err
			}
			defer f.Close()
			all, lines, err := readUsers(f)
			if err != nil {
				return fmt.Errorf("user import: %s: %w", args[0], err)
			}
			for i := range all {
				if c.Flags().Changed("source") {
					if err := setSource(&all[i], source, time.Now()); err != nil {
						return err
					}
				}
			}
			return a.book(c, func(ctx context.Context, b *users.Book) error {
				n, err := b.Import(ctx, all)
				if fault := new(users.ImportError); errors.As(err, &fault) {
					err = fmt.Errorf("line %d: %w", lines[fault.Number], err)
				}
				if err != nil {
					return fmt.Errorf("user import: %s: %w", args[0], err)
				}
				fmt.Fprintf(c.OutOrStdout(), "%d users are added.\n", n)
				return nil
			})
		},
	}
	a.flags(c, false)
	c.Flags().StringVar(&source, "source", "", sourceHelp)
	return c
}

// readUsers reads a table of users, and returns the line of each.
func readUsers(in io.Reader) (all []users.User, lines []int, err error) {
	text := bufio.NewReader(in)
	if mark, _ := text.Peek(3); string(mark) == "\ufeff" { // as some spreadsheets begin
		text.Discard(3)
	}
	r := csv.NewReader(text)
	r.FieldsPerRecord, r.Comment, r.TrimLeadingSpace = -1, '#', true
	for first := true; ; first = false {
		fields, err := r.Read()
		if errors.Is(err, io.EOF) {
			return all, lines, nil
		}
		if err != nil {
			return nil, nil, err
		}
		if first && isHeader(fields) {
			continue
		}
		line, _ := r.FieldPos(0)
		if len(fields) > 4 {
			return nil, nil, fmt.Errorf("line %d: %d fields: expected name, full name, email address and groups", line, len(fields))
		}
		fields = append(fields, "", "", "")
		u := users.User{Name: strings.TrimSpace(fields[0]), FullName: strings.TrimSpace(fields[1]), Email: strings.TrimSpace(fields[2]), Groups: strings.Fields(fields[3])}
		if err := users.CheckName(u.Name); err != nil {
			return nil, nil, fmt.Errorf("line %d: %w", line, err)
		}
		all, lines = append(all, u), append(lines, line)
	}
}

// isHeader reports whether the fields of a line are the columns' names.
func isHeader(fields []string) bool {
	for i, name := range fields {
		if !slices.Contains([][]string{{"name"}, {"full name"}, {"email", "email address"}, {"groups"}}[min(i, 3)], strings.ToLower(strings.TrimSpace(name))) {
			return false
		}
	}
	return len(fields) > 1 // a user may be called so
}
