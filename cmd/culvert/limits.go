package main

import (
	"github.com/spf13/cobra"

	"culvert/access/limits"
	"culvert/access/users"
)

// limitFlags are what can be set of the limits of a user, a device or a group.
type limitFlags struct{ up, down, hours, quota string }

// limitNames are the names of limitFlags.
var limitNames = []string{"up", "down", "hours", "quota"}

func (f *limitFlags) flags(c *cobra.Command) {
	c.Flags().StringVar(&f.up, "up", "", "bits a second that may come from a client, such as `5M`; none for no limit here")
	c.Flags().StringVar(&f.down, "down", "", "bits a second that may go to a client, such as `20M`; none for no limit here")
	c.Flags().StringVar(&f.hours, "hours", "", "`when` clients may be connected, by this machine's clock, such as \"mon-fri 08:00-18:00\"; none for no limit here")
	c.Flags().StringVar(&f.quota, "quota", "", "bytes for a day, week or month, both ways together, such as `50G/month`; none for no limit here")
}

// given reports whether one of the flags is.
func (f *limitFlags) given(c *cobra.Command) bool {
	for _, name := range limitNames {
		if c.Flags().Changed(name) {
			return true
		}
	}
	return false
}

// read returns what sets limits to what the flags say.
func (f *limitFlags) read(c *cobra.Command) (set func(*users.Limits), err error) {
	var l users.Limits
	for _, one := range []struct {
		text string
		to   interface{ UnmarshalText([]byte) error }
	}{{f.up, &l.Up}, {f.down, &l.Down}, {f.hours, &l.Hours}, {f.quota, &l.Quota}} {
		if one.text == "none" {
			continue
		}
		if err := one.to.UnmarshalText([]byte(one.text)); err != nil {
			return nil, misused("%v", err)
		}
	}
	given := c.Flags().Changed
	return func(to *users.Limits) {
		if given("up") {
			to.Up = l.Up
		}
		if given("down") {
			to.Down = l.Down
		}
		if given("hours") {
			to.Hours = l.Hours
		}
		if given("quota") {
			to.Quota = l.Quota
		}
	}, nil
}

// rateText shows a rate; "" for none.
func rateText(r limits.Rate) string {
	if r == 0 {
		return ""
	}
	return r.String() + "bit/s"
}
