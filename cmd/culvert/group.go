package main

import (
	"github.com/spf13/cobra"

	"culvert/access/users"
)

func groupCommand() *cobra.Command {
	return parent("group", "culvert group add staff --require certificate+password --dir /etc/culvert", "Manage the groups of a server's users",
		groupAddCommand(), groupListCommand(), groupShowCommand(), groupSetCommand(), groupRemoveCommand())
}

// groupInfo is a group as --json shows it.
type groupInfo struct {
	Name       string   `json:"name"`
	Require    string   `json:"require,omitempty"` // as --require reads it
	MaxDevices *int     `json:"max_devices,omitempty"`
	Sources    []string `json:"sources,omitempty"`
	Members    []string `json:"members"`
}

func groupInfoOf(r *users.Roll, g *users.Group) groupInfo {
	return groupInfo{Name: g.Name, Require: users.FormatWays(g.Require), MaxDevices: g.MaxDevices, Sources: g.Sources, Members: r.Members(g.Name)}
}

// groupFlags are what can be set of a group.
type groupFlags struct {
	limitFlags
	require, maxDevices string
	sources             []string
}

func (f *groupFlags) flags(c *cobra.Command) {
	f.limitFlags.flags(c)
	c.Flags().StringVar(&f.require, "require", "", "`ways` to sign in, of which a member has to go one, such as certificate+password,browser; factors are certificate, password, code and browser; \"\": the group says nothing")
	c.Flags().StringVar(&f.maxDevices, "max-devices", "", maxDevicesHelp+", for each member")
	c.Flags().StringSliceVar(&f.sources, "source", nil, "a group of a `directory` whose users are in this one, such as ldap:staff; several times, \"\" for none")
}

// read returns what sets a group to what the flags say.
func (f *groupFlags) read(c *cobra.Command) (set func(*users.Group), err error) {
	ways, err := users.ParseWays(f.require)
	if err != nil {
		return nil, err
	}
	limit, err := parseLimit(f.maxDevices)
	if err != nil {
		return nil, err
	}
	bounds, err := f.limitFlags.read(c)
	if err != nil {
		return nil, err
	}
	given := c.Flags().Changed
	return func(g *users.Group) {
		bounds(&g.Limits)
		if given("require") {
			g.Require = ways
		}
		if given("max-devices") {
			g.MaxDevices = limit
		}
		if given("source") {
			g.Sources = f.sources
		}
	}, nil
}
