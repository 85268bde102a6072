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
)

// viewOf is what the store has of the directory that a command line names, nil if there is
// no store: to complete a word makes none.
func viewOf(c *cobra.Command) *users.View {
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
	defer s.Close()
	v, _ := users.NewBook(s, time.Now).Read(c.Context(), func(error) {})
	return v
}

// named completes one word with names out of the store.
func named(list func(c *cobra.Command, v *users.View) []string) completer {
	return func(c *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
		if v := viewOf(c); v != nil && len(args) == 0 {
			return list(c, v), cobra.ShellCompDirectiveNoFileComp
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

func usersIn(_ *cobra.Command, v *users.View) (names []string) {
	for u := range v.Users() {
		names = append(names, u.Name)
	}
	return names
}

func groupsIn(_ *cobra.Command, v *users.View) []string {
	names := []string{users.Everyone}
	for g := range v.Groups() {
		if g.Name != users.Everyone {
			names = append(names, g.Name)
		}
	}
	return names
}

func devicesIn(c *cobra.Command, v *users.View) (names []string) {
	user, _ := c.Flags().GetString("user")
	for _, d := range v.DevicesOf(user) {
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
