package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func groupShowCommand() *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:     "show NAME --dir D",
		Short:   "Show a group and its members",
		Example: "  culvert group show staff --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.roll(c, func(r *users.Roll, _ *users.Book) error {
				g, err := r.FindGroup(args[0])
				if err != nil {
					return err
				}
				i := groupInfoOf(r, g)
				return a.print(c, i, func(t *tabwriter.Writer) {
					for _, row := range [][2]string{{"group", i.Name}, {"requires", i.Require}, {"devices allowed", limitText(i.MaxDevices)}, {"sources", strings.Join(i.Sources, ", ")}, {"members", strings.Join(i.Members, ", ")}} {
						if row[1] != "" {
							fmt.Fprintf(t, "%s:\t%s\n", row[0], row[1])
						}
					}
				})
			}, users.Users, users.Groups)
		},
	}
	a.flags(c, true)
	return c
}
