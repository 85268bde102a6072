package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/signin"
	"culvert/access/users"
)

func userShowCommand() *cobra.Command {
	var a accounts
	c := &cobra.Command{
		Use:     "show NAME --dir D",
		Short:   "Show a user and their devices",
		Example: "  culvert user show alice --dir /etc/culvert",
		Args:    one("name"),
		RunE: func(c *cobra.Command, args []string) error {
			return a.view(c, args[0], func(v *users.View, b *users.Book) (err error) {
				u := v.User(args[0])
				i := infoOf(u, v.GroupsOf(u), v.DevicesOf(u.Name), time.Now())
				if err := used(c, b, u.Name, i.Devices); err != nil {
					return err
				}
				if i.Quotas, err = quotasOf(c, b, v.Standing("", u.Name)); err != nil {
					return err
				}
				return a.print(c, i, func(t *tabwriter.Writer) { showUser(t, v, u, i) })
			})
		},
	}
	a.flags(c, true)
	return c
}

func showUser(t *tabwriter.Writer, v *users.View, u *users.User, i userInfo) {
	row := func(what, text string) {
		if text != "" {
			fmt.Fprintf(t, "%s:\t%s\n", what, text)
		}
	}
	row("user", i.Name)
	row("full name", i.FullName)
	row("email", i.Email)
	row("state", i.State)
	row("created", day(i.Created))
	row("expires", ends(i.Expires))
	row("groups", strings.Join(i.Groups, ", "))
	row("signs in with", users.FormatWays(signin.Ways(u, v.GroupsOf(u))))
	row("password", yes(i.Password))
	row("one-time codes", yes(i.Code))
	row("known by", i.Source)
	row("gone", i.Gone)
	if limit, from := users.Limit(u, v.GroupsOf(u)); limit != nil {
		row("devices allowed", fmt.Sprintf("%d, by %s", *limit, from))
	}
	l := v.Standing("", u.Name).Limits()
	row("rate up", rateText(l.Up))
	row("rate down", rateText(l.Down))
	row("hours", l.Hours.String())
	for _, use := range i.Quotas {
		row("quota", use.String())
	}
	row("devices", fmt.Sprint(len(i.Devices)))
	for _, d := range i.Devices {
		row("  "+d.Name, d.text())
	}
}

// quotasOf returns what is used of the quotas that count for a client, as of the last minute.
func quotasOf(c *cobra.Command, b *users.Book, who users.Standing) ([]users.Use, error) {
	if who.User == nil {
		return nil, nil
	}
	spending, err := users.OpenSpending(c.Context(), b, who.User.Name, warning(c))
	if err != nil {
		return nil, err
	}
	return spending.Uses(who, time.Now()), nil
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
