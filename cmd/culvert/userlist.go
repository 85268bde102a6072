package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func userListCommand() *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:     "list --dir D",
		Short:   "List a server's users",
		Example: "  culvert user list --dir /etc/culvert",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			now := time.Now()
			return a.view(c, func(v *users.View, _ *users.Book) error {
				all := []userInfo{}
				for u := range v.Users() {
					all = append(all, infoOf(v, u, now))
				}
				return a.print(c, all, func(t *tabwriter.Writer) {
					fmt.Fprintln(t, "NAME\tSTATE\tEXPIRES\tDEVICES\tGROUPS\tFULL NAME")
					for _, u := range all {
						fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%s\t%s\n", u.Name, u.State, day(u.Expires), len(u.Devices), strings.Join(u.Groups, ","), u.FullName)
					}
				})
			})
		},
	}
	a.flags(c, true)
	return c
}
