package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"culvert/operate/history"
	"culvert/operate/manage"
	"culvert/store/bolt"
)

// historyQuery is what `culvert history` is asked.
type historyQuery struct {
	running
	dir                                       string
	address, at, user, device, from, until, s string
	days                                      string
	limit                                     int
	asJSON                                    bool
}

func historyCommand() *cobra.Command {
	var q historyQuery
	c := &cobra.Command{
		Use:        "history --dir D",
		SuggestFor: []string{"sessions", "last", "who", "accounting", "lastlog"},
		Short:      "Show who was connected to a server, and what they carried",
		Long: `Show the sessions of a server that keeps a history (docs/history.md), the latest
first: who had which address, when, and what they carried. It works while the server
runs, and when it does not.

--at, --from and --until take times as people say them, in the time zone of this
machine: "2026-11-24 15:00", "Tuesday at 3pm", yesterday, noon, "two hours ago". A day
means all of it, and "Tuesday at 3" is in the morning; which time --at was taken for is
said.

--days shows what each day came to; --days=user and --days=device what each person
or device carried between --from and --until, those that carried most first.`,
		Example: `  culvert history --dir /etc/culvert --address 10.8.0.17 --at "Tuesday 15:00"
  culvert history --dir /etc/culvert --user alice --from "30 days ago"
  culvert history --dir /etc/culvert --days=user --from 2026-11-01`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return q.run(c.Context(), c.OutOrStdout(), c.ErrOrStderr(), time.Now())
		},
	}
	f := c.Flags()
	dirFlag(c, &q.dir)
	f.StringVar(&q.address, "address", "", "sessions that had this address in the tunnel, or came from it")
	f.StringVar(&q.at, "at", "", "sessions that were there at this time")
	f.StringVar(&q.user, "user", "", "sessions of this person")
	f.StringVar(&q.device, "device", "", "sessions of this device, or name in a certificate")
	f.StringVar(&q.from, "from", "", "sessions that were there at this time or later")
	f.StringVar(&q.until, "until", "", "sessions that were there at this time or earlier")
	f.StringVar(&q.s, "session", "", "what happened in the session of this id (--json shows ids)")
	f.StringVar(&q.days, "days", "", "totals by `day`, user or device")
	f.Lookup("days").NoOptDefVal = "day"
	f.IntVar(&q.limit, "limit", 100, "how many sessions at most; 0 for all")
	f.BoolVar(&q.asJSON, "json", false, "print JSON")
	q.running.flags(c)
	c.MarkFlagsMutuallyExclusive("days", "session", "at")
	return c
}

func (q *historyQuery) run(ctx context.Context, out, said io.Writer, now time.Time) error {
	asker, done, err := q.asker(ctx)
	if err != nil {
		return err
	}
	defer done()
	switch {
	case q.s != "":
		return q.life(ctx, out, asker)
	case q.days != "":
		return q.totals(ctx, out, asker, now)
	}
	return q.sessions(ctx, out, said, asker, now)
}

// asker opens the file, or finds the server that has it open.
func (q *historyQuery) asker(ctx context.Context) (history.Asker, func(), error) {
	b, done, err := history.OpenBook(q.dir)
	if err == nil {
		return history.FileAsker{Book: b}, done, nil
	}
	if !errors.Is(err, bolt.ErrLocked) {
		if errors.Is(err, os.ErrPermission) {
			err = fmt.Errorf("%w; run this as root, or as the directory's owner", err)
		}
		return nil, nil, err
	}
	client, err := q.server(ctx)
	return history.Client{Doer: client}, func() {}, err
}

// server is the server that runs, has a history, and has the name that was given, if any.
func (q *historyQuery) server(ctx context.Context) (*manage.Client, error) {
	if q.name != "" {
		return q.dial()
	}
	names, err := manage.Names(q.running.dir)
	if err != nil {
		return nil, err
	}
	var found []*manage.Client
	for _, name := range names {
		client, err := manage.Dial(q.running.dir, "", name)
		if err != nil {
			continue
		}
		if p, err := client.Process(ctx); err == nil && has(p.Features, "history") {
			found = append(found, client)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("the history of %s is in use, and no server that keeps one answers in %s; name the directory of its socket with --state-dir", q.dir, q.running.dir)
	case 1:
		return found[0], nil
	}
	var all []string
	for _, c := range found {
		all = append(all, c.Name())
	}
	return nil, fmt.Errorf("several servers run here that keep a history: %s; name the one of %s with --name", strings.Join(all, ", "), q.dir)
}

func has(list []string, word string) bool {
	for _, w := range list {
		if w == word {
			return true
		}
	}
	return false
}

// query is what is asked about sessions.
func (q *historyQuery) query(now time.Time) (h history.SessionsQuery, err error) {
	h = history.SessionsQuery{User: q.user, Device: q.device, Address: q.address}
	if q.address != "" {
		if _, err := netip.ParseAddr(q.address); err != nil {
			return h, misused("--address %s: expected an address, such as 10.8.0.17", q.address)
		}
	}
	for _, f := range []struct {
		name, text string
		to         func(history.Moments)
	}{
		{"from", q.from, func(m history.Moments) { h.From = m.From }}, {"until", q.until, func(m history.Moments) { h.Until = m.Until }},
		{"at", q.at, func(m history.Moments) { h.From, h.Until = m.From, m.Until }},
	} {
		if f.text == "" {
			continue
		}
		m, err := history.ParseTime(f.text, now)
		if err != nil {
			return h, misused("--%s %v", f.name, err)
		}
		f.to(m)
	}
	if !h.From.IsZero() && !h.Until.IsZero() && h.Until.Before(h.From) {
		return h, misused("--until is before --from")
	}
	return h, nil
}

func (q *historyQuery) sessions(ctx context.Context, out, said io.Writer, asker history.Asker, now time.Time) error {
	h, err := q.query(now)
	if err != nil {
		return err
	}
	if q.at != "" && h.From.Equal(h.Until) {
		fmt.Fprintln(said, "at "+h.From.In(now.Location()).Format("Monday 2006-01-02 15:04:05 MST")+":")
	}
	all, stats := []history.Session{}, history.Stats{}
	for {
		h.Limit = history.MostSessions
		if q.limit > 0 {
			h.Limit = min(q.limit-len(all), history.MostSessions)
		}
		page, err := asker.Sessions(ctx, h)
		if err != nil {
			return err
		}
		all, stats, h.After = append(all, page.Sessions...), page.Stats, page.After
		if h.After == "" || q.limit > 0 && len(all) >= q.limit {
			break
		}
	}
	if q.asJSON {
		return json.NewEncoder(out).Encode(history.Page{Sessions: all, After: h.After, Stats: stats})
	}
	return history.Print(out, all, h.After != "", stats, now)
}

func (q *historyQuery) life(ctx context.Context, out io.Writer, asker history.Asker) error {
	l, err := asker.Session(ctx, q.s)
	switch {
	case err != nil:
		return err
	case q.asJSON:
		return json.NewEncoder(out).Encode(l)
	}
	return history.PrintLife(out, l)
}

// totalKinds are the words of --days.
var totalKinds = map[string]history.Kind{"day": history.All, "user": history.ByUser, "device": history.ByDevice}

func (q *historyQuery) totals(ctx context.Context, out io.Writer, asker history.Asker, now time.Time) error {
	kind, ok := totalKinds[q.days]
	if !ok {
		return misused("--days=%s: expected day, user or device", q.days)
	}
	h, err := q.query(now)
	if err != nil {
		return err
	}
	d := history.DaysQuery{By: kind, Sum: kind != history.All}
	if !h.From.IsZero() {
		d.From = h.From.In(now.Location()).Format(time.DateOnly)
	}
	if !h.Until.IsZero() {
		d.Until = h.Until.In(now.Location()).Format(time.DateOnly)
	}
	t, err := history.AllDays(ctx, asker, d)
	switch {
	case err != nil:
		return err
	case q.asJSON:
		return json.NewEncoder(out).Encode(t)
	}
	return history.PrintTotals(out, t, kind)
}
