package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/people"
	"culvert/store"
)

// named completes one word with names out of the store of the directory that a command
// line names. Where there is no store, it makes none.
func named(list func(c *cobra.Command, b *users.Book) []string) completer {
	return func(c *cobra.Command, args []string, _ string) (names []string, only cobra.ShellCompDirective) {
		if s := storeOf(c); s != nil {
			defer s.Close()
			if len(args) == 0 {
				names = list(c, users.NewBook(s, time.Now))
			}
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// storeOf is the store of the directory that a command line names, nil if there is none.
func storeOf(c *cobra.Command) store.Store {
	dir, err := c.Flags().GetString("dir")
	if err != nil || dir == "" {
		return nil
	}
	if _, err := os.Stat(filepath.Join(dir, people.File)); errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	s, err := openStore(dir)
	if err != nil {
		return nil
	}
	return s
}

func rollOf(c *cobra.Command, b *users.Book, kind users.Kind) *users.Roll {
	r, err := b.Roll(c.Context(), func(error) {}, kind)
	if err != nil {
		return new(users.Roll)
	}
	return r
}

func usersIn(c *cobra.Command, b *users.Book) (names []string) {
	for _, u := range rollOf(c, b, users.Users).Users {
		names = append(names, u.Name)
	}
	return names
}

func groupsIn(c *cobra.Command, b *users.Book) []string {
	names := []string{users.Everyone}
	for _, g := range rollOf(c, b, users.Groups).Groups {
		if g.Name != users.Everyone {
			names = append(names, g.Name)
		}
	}
	return names
}

func devicesIn(c *cobra.Command, b *users.Book) (names []string) {
	user, _ := c.Flags().GetString("user")
	all, _ := b.DevicesOf(c.Context(), user)
	for _, d := range all {
		names = append(names, d.Name)
	}
	return names
}

var userNames, groupNames, deviceNames = named(usersIn), named(groupsIn), named(devicesIn)

// always is a completer of a flag's value, which does not depend on the words.
func always(f completer) completer {
	return func(c *cobra.Command, _ []string, word string) ([]string, cobra.ShellCompDirective) {
		return f(c, nil, word)
	}
}

var anyUser, anyGroup = always(userNames), always(groupNames)

// revocableNames are clients, which devices are among, and users.
func revocableNames(c *cobra.Command, args []string, word string) ([]string, cobra.ShellCompDirective) {
	names, how := clientNames(c, args, word)
	more, _ := userNames(c, args, word)
	return append(names, more...), how
}
