package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/term"

	"culvert/access/users"
	"culvert/config"
	"culvert/internal/qr"
	"culvert/operate/conffile"
	"culvert/operate/handover"
	"culvert/store"
)

// linking is how a profile is handed over by a link, if it is.
type linking struct {
	text string        // as the flag has it; "": by no link
	life time.Duration // of the link
	web  config.Web    // of the server
}

// flags gives a command that makes a profile --link.
func (l *linking) flags(c *cobra.Command) {
	c.Flags().StringVar(&l.text, "link", "", "hand the profile over by a link that works once, within this `time`: 12h, 7d (docs/web.md)")
	c.MarkFlagsMutuallyExclusive("link", "output")
}

// prepare finds out, before anything is made, whether the server of a directory can answer
// for a link.
func (l *linking) prepare(dir string, now time.Time) error {
	if l.text == "" {
		return nil
	}
	end, err := users.ParseExpiry(l.text, now)
	if err != nil || end.IsZero() {
		return misused("--link %.40q: expected how long the link works, such as 12h or 7d", l.text)
	}
	l.life = end.Sub(now).Round(time.Second)
	if err := handover.CheckLife(l.life); err != nil {
		return misused("--link: %v", err)
	}
	file := filepath.Join(dir, "server.conf")
	c, err := conffile.Load(file, "the configuration of the server in "+dir)
	if err != nil {
		return err
	}
	if l.web = c.Server.Web; !l.web.Yes() {
		return fmt.Errorf("--link: the server has no web pages, where the link would lead; add these lines to %s, with its public name, and restart it:\n  setenv opt web-listen *:8443\n  setenv opt web-url https://NAME:8443", file)
	}
	return nil
}

// handOver offers a profile, and prints the link to it.
func (l *linking) handOver(ctx context.Context, c *cobra.Command, s store.Store, name string, profile []byte) error {
	token, err := handover.Make(ctx, s, time.Now(), name, profile, l.life)
	if err != nil {
		return fmt.Errorf("the profile was made, and no link to it: %w; make another one by culvert device renew --link", err)
	}
	out := c.OutOrStdout()
	link := handover.Link(l.web.URL, token)
	picture, err := qr.Text(link, isTerminal(out))
	if err != nil {
		return err
	}
	fmt.Fprintf(out, `%s
The profile of %s can be fetched once, until %s, by whoever has the link. Open it
on the device, or read the code with its camera:
  %s
OpenVPN Connect takes the profile by this one at once:
  %s
`, picture, name, time.Now().Add(l.life).Local().Format("2006-01-02 15:04 MST"), link, handover.ConnectLink(l.web.URL, token))
	l.warn(c.ErrOrStderr())
	return nil
}

// warn says why the link may not work.
func (l *linking) warn(out io.Writer) {
	if l.web.Cert == "" {
		fmt.Fprintln(out, "note: web-listen names no certificate, so the page has one of the server's own authority, which phones and browsers do not trust: see docs/web.md")
	}
	at := l.web.Address()
	conn, err := net.DialTimeout("tcp", at, time.Second)
	if err != nil {
		fmt.Fprintf(out, "note: nothing answers on this host at %s: the link works once the server runs with web-listen as it is in server.conf\n", at)
		return
	}
	conn.Close()
}

// isTerminal reports whether people see what is written.
func isTerminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
