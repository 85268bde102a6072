package service

import (
	"context"
	"fmt"
	"os"

	"golang.org/x/term"

	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/console"
	"culvert/operate/logs"
	"culvert/role/profile"
)

// screenFor returns the screen on which a user sees a client of a configuration, nil for
// none: the log goes elsewhere, or all of it is wanted.
func (o Options) screenFor(c *config.Config) *console.Screen {
	p, out := c.Process, os.Stderr
	if o.Show != ShowLive || c.Mode == config.ModeServer || p.Log != "" || p.Syslog != "" || p.Daemon || p.Verb > 3 || p.LogFormat != config.LogText || p.LogJournal == config.JournalOn || !term.IsTerminal(int(out.Fd())) {
		return nil
	}
	s := console.NewScreen(out, func() int {
		width, _, err := term.GetSize(int(out.Fd()))
		if err != nil {
			return 0
		}
		return width
	})
	s.Front = func() bool { return inFront(int(out.Fd())) }
	return s
}

// show shows a role at work, until the function that it returns is called.
func (l *life) show(ctx context.Context, b backend.Backend) (stop func()) {
	switch {
	case l.log.screen != nil:
		return console.Show(ctx, l.log.screen, b, func(page string) {
			if console.Browse(page) {
				fmt.Fprintln(l.log.screen, "· opened in your browser")
			}
		})
	case l.Show == ShowJSON:
		return console.JSON(ctx, os.Stdout, b)
	}
	return func() {}
}

// asking has the log written before a user is asked, and keeps the live line away
// meanwhile; s is nil where there is none.
func asking(s *console.Screen, log *logs.Queue, ask profile.Ask) profile.Ask {
	if ask == nil {
		return ask
	}
	return func(question string, echo bool) (string, error) {
		log.Flush(outputTime)
		if s != nil {
			defer s.Hold()()
		}
		return ask(question, echo)
	}
}
