package main

import (
	"fmt"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func groupListCommand() *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:     "list --dir D",
		Short:   "List a server's groups",
		Example: "  culvert group list --dir /etc/culvert",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return a.roll(c, func(r *users.Roll, _ *users.Book) error {
				all := make([]groupInfo, len(r.Groups))
				for i, g := range r.Groups {
					all[i] = groupInfoOf(r, g)
				}
				return a.print(c, all, func(t *tabwriter.Writer) {
					fmt.Fprintln(t, "NAME\tMEMBERS\tREQUIRES\tMAX DEVICES")
					for _, g := range all {
						fmt.Fprintf(t, "%s\t%d\t%s\t%s\n", g.Name, len(g.Members), g.Require, limitText(g.MaxDevices))
					}
				})
			}, users.Users, users.Groups)
		},
	}
	a.flags(c, true)
	return c
}

func limitText(limit *int) string {
	if limit == nil {
		return ""
	}
	return fmt.Sprint(*limit)
}
