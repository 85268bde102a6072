package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
	"culvert/operate/setup"
)

func deviceCommand() *cobra.Command {
	return parent("device", "culvert device add phone --user alice --dir /etc/culvert -o phone.ovpn", "Manage the devices of a server's users",
		deviceAddCommand(), deviceListCommand(), deviceShowCommand(), deviceSetCommand(), deviceDisableCommand(), deviceEnableCommand(), deviceRenewCommand(), deviceRemoveCommand())
}

// deviceInfo is a device as --json shows it.
type deviceInfo struct {
	User       string     `json:"user"`
	Name       string     `json:"name"`
	CommonName string     `json:"common_name"` // of its certificate, and its name in client list
	State      string     `json:"state"`       // active, disabled or expired
	Created    time.Time  `json:"created"`
	Expires    time.Time  `json:"expires,omitzero"`
	IPv4       netip.Addr `json:"ipv4,omitzero"` // its own addresses
	IPv6       netip.Addr `json:"ipv6,omitzero"`
	// Certificate is the state of its newest certificate; nil: not looked up.
	Certificate *setup.ClientInfo `json:"certificate,omitempty"`
	// Usage is what it carried; nil: nothing yet, or not looked up.
	Usage *users.Usage `json:"usage,omitempty"`
	// Quotas are those that count for it; not looked up in lists.
	Quotas []users.Use `json:"quotas,omitempty"`
}

// used notes what devices carried, of those of one user, or of all if that is "".
func used(c *cobra.Command, b *users.Book, user string, all []deviceInfo) error {
	usage, err := b.Usages(c.Context(), user, warning(c))
	if err != nil {
		return err
	}
	for i := range all {
		key := all[i].Name
		if user == "" {
			key = all[i].User + "/" + key
		}
		if u, ok := usage[key]; ok {
			all[i].Usage = &u
		}
	}
	return nil
}

// seen is when a device was seen last, for people.
func (d deviceInfo) seen() string {
	if d.Usage == nil {
		return "never"
	}
	return d.Usage.LastSeen.Local().Format(time.DateTime)
}

// carried is how many bytes came from the device and went to it.
func (d deviceInfo) carried() (in, out string) {
	if d.Usage == nil {
		return "0 B", "0 B"
	}
	return bytesText(d.Usage.BytesIn), bytesText(d.Usage.BytesOut)
}

// bytesText is a number of bytes, for people.
func bytesText(n uint64) string {
	if n < 1000 {
		return fmt.Sprintf("%d B", n)
	}
	value, unit := float64(n), ""
	for _, unit = range []string{"kB", "MB", "GB", "TB", "PB", "EB"} {
		if value /= 1000; value < 1000 {
			break
		}
	}
	return fmt.Sprintf("%.1f %s", value, unit)
}

func deviceInfoOf(d *users.Device, now time.Time) deviceInfo {
	return deviceInfo{User: d.User, Name: d.Name, CommonName: d.CommonName, State: d.State(now), Created: d.Created, Expires: d.Expires, IPv4: d.IPv4, IPv6: d.IPv6}
}

// addresses are its own, for people.
func (d deviceInfo) addresses() string {
	var all []string
	for _, a := range []netip.Addr{d.IPv4, d.IPv6} {
		if a.IsValid() {
			all = append(all, a.String())
		}
	}
	return strings.Join(all, " ")
}

// text is a device in a few words.
func (d deviceInfo) text() string {
	words := []string{d.State}
	if !d.Expires.IsZero() {
		words = append(words, "expires "+ends(d.Expires))
	}
	if a := d.addresses(); a != "" {
		words = append(words, a)
	}
	if d.Usage != nil {
		in, out := d.carried()
		words = append(words, fmt.Sprintf("last seen %s, %s from it, %s to it", d.seen(), in, out))
	}
	return strings.Join(words, ", ")
}

// devices is the device that a command is about, and where its certificate is.
type devices struct {
	accounts
	user string
	ask  setup.Passphrase // of the authority's key; nil: it is not needed
}

func (d *devices) flags(c *cobra.Command, prints bool) {
	d.accounts.flags(c, prints)
	c.Flags().StringVar(&d.user, "user", "", "whose device it is")
	c.MarkFlagRequired("user")
}

// signs gives a command that has the authority sign what that may need.
func (d *devices) signs(c *cobra.Command) { passphraseFlag(c, &d.ask) }

// all calls f with the server's devices.
func (d *devices) all(c *cobra.Command, f func(ctx context.Context, all setup.Devices) error) error {
	return d.book(c, func(ctx context.Context, b *users.Book) error {
		return f(ctx, setup.Devices{Dir: d.dir, Book: b, Now: time.Now(), Rand: rand.Reader, Ask: d.ask})
	})
}

// handOver writes a profile to standard output, where out names no file, or says where it is.
func handOver(c *cobra.Command, out, what string, profile []byte) error {
	if out == "" {
		_, err := c.OutOrStdout().Write(profile)
		return err
	}
	_, err := fmt.Fprintf(c.OutOrStdout(), "%s is the %s. Whoever has the file can connect: copy it to the device over a connection you trust.\n", out, what)
	return err
}
