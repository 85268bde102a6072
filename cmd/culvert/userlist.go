package main

import (
	"fmt"
	"io"
	"strings"
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
			kinds := []users.Kind{users.Users, users.DeviceCounts}
			if a.asJSON {
				kinds = []users.Kind{users.Users, users.Groups, users.Devices}
			}
			return a.roll(c, func(r *users.Roll, _ *users.Book) error {
				all := make([]userInfo, len(r.Users))
				for i, u := range r.Users {
					all[i] = infoOf(u, r.GroupsOf(u), r.DevicesOf(u.Name), now)
				}
				return printList(&a, c, all, "NAME\tSTATE\tEXPIRES\tDEVICES\tGROUPS\tFULL NAME", func(w io.Writer, u *userInfo) {
					fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%s\t%s\n", u.Name, u.State, ends(u.Expires), r.DeviceCount(u.Name), strings.Join(u.Groups, ","), u.FullName)
				})
			}, kinds...)
		},
	}
	a.flags(c, true)
	return c
}
