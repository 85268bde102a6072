package history

import (
	"cmp"
	"context"
	"net/http"
	"net/netip"
	"time"

	"culvert/operate/history/track"
	"culvert/operate/manage/api"
)

// The paths of the operations, with what they answer.
const (
	SessionsPath = "/v1/history/sessions"      // Page
	SessionPath  = "/v1/history/sessions/{id}" // Life
	DaysPath     = "/v1/history/days"          // Totals
)

// SessionsQuery is what sessions are asked by. All that is set has to hold.
type SessionsQuery struct {
	Device  string    `query:"name" doc:"of this device, or name in a certificate"`
	User    string    `query:"user" doc:"of this person"`
	Address string    `query:"address" doc:"that had this address in the tunnel, or came from it"`
	At      time.Time `query:"at" doc:"that were there at this time"`
	From    time.Time `query:"from" doc:"that were there at this time or later"`
	Until   time.Time `query:"until" doc:"that were there at this time or earlier"`
	Limit   int       `query:"limit" minimum:"1" maximum:"1000" default:"100" doc:"how many at most"`
	After   string    `query:"after" maxLength:"40" doc:"the id of the last session of the page before"`
}

// Page is an answer of sessions.
type Page struct {
	Sessions []Session `json:"sessions" nullable:"false" doc:"the latest first"`
	After    string    `json:"after,omitempty" doc:"where the next page begins; absent on the last one"`
	Stats    Stats     `json:"stats" doc:"how the history fares"`
}

// Life is a session, and what happened in it.
type Life struct {
	Session Session        `json:"session" doc:"who it was, from when to when, and what was carried"`
	Life    []track.Moment `json:"life" nullable:"false" doc:"what happened, the first first"`
}

// DaysQuery is what totals are asked by.
type DaysQuery struct {
	By    Kind   `query:"by" enum:"total,user,device" default:"total" doc:"all together, or each person or device"`
	From  string `query:"from" maxLength:"10" doc:"the first day, as 2026-11-24"`
	Until string `query:"until" maxLength:"10" doc:"the last day"`
	Sum   bool   `query:"sum" doc:"one total for all of the days, in place of one for each"`
	Limit int    `query:"limit" minimum:"1" maximum:"10000" default:"1000" doc:"how many"` // 0: all
	After int    `query:"after" minimum:"0" doc:"that of the page before"`
}

// Totals is an answer of totals.
type Totals struct {
	Totals []Total `json:"totals" nullable:"false" doc:"the latest day first; with sum, who carried most first"`
	After  int     `json:"after,omitempty" doc:"there are more: ask with it for those"`
}

// one is what a session is asked by.
type one struct {
	ID string `path:"id" maxLength:"40" doc:"the session's id, as GET /v1/history/sessions has it"`
}

// AddOperations adds the operations of a server that keeps a history.
func AddOperations(a *api.API, b *Book, stats func() Stats) {
	const group = "history"
	api.Add(a, api.Op{Method: http.MethodGet, Path: SessionsPath, Group: group, Scope: api.Read, Summary: "Sessions that were, and those that go on", Errors: []api.Kind{notOpen}},
		func(ctx context.Context, in *SessionsQuery) (*Page, error) {
			page, err := Ask(ctx, b, *in)
			if err != nil {
				return nil, answerable(err)
			}
			page.Stats = stats()
			return page, nil
		})
	api.Add(a, api.Op{Method: http.MethodGet, Path: SessionPath, Group: group, Scope: api.Read, Summary: "A session and its life", Errors: []api.Kind{api.NotFound, notOpen}},
		func(ctx context.Context, in *one) (*Life, error) {
			life, err := AskSession(ctx, b, in.ID)
			return life, answerable(err)
		})
	api.Add(a, api.Op{Method: http.MethodGet, Path: DaysPath, Group: group, Scope: api.Read, Summary: "What days came to: all, each person or each device", Errors: []api.Kind{notOpen}},
		func(ctx context.Context, in *DaysQuery) (*Totals, error) {
			totals, err := AskDays(ctx, b, *in)
			return totals, answerable(err)
		})
}

// Ask answers a query of sessions.
func Ask(ctx context.Context, b *Book, in SessionsQuery) (*Page, error) {
	q := Query{User: in.User, Device: in.Device, From: in.From, Until: in.Until, Limit: in.Limit, After: in.After}
	if !in.At.IsZero() {
		if q.From.IsZero() || q.From.Before(in.At) {
			q.From = in.At
		}
		if q.Until.IsZero() || q.Until.After(in.At) {
			q.Until = in.At
		}
	}
	if in.Address != "" {
		addr, err := netip.ParseAddr(in.Address)
		if err != nil {
			return nil, wrong("address", in.Address, "an address, such as 10.8.0.17")
		}
		q.Address = addr.Unmap().WithZone("")
	}
	if in.After != "" {
		if _, ok := track.Began(in.After); !ok {
			return nil, wrong("after", in.After, "the id of a session, as an answer had it")
		}
	}
	found, more, err := b.Sessions(ctx, q)
	if err != nil {
		return nil, err
	}
	page := &Page{Sessions: append([]Session{}, found...)}
	if more && len(found) > 0 {
		page.After = found[len(found)-1].ID
	}
	return page, nil
}

// AskSession answers who a session was of, and what happened in it.
func AskSession(ctx context.Context, b *Book, id string) (*Life, error) {
	s, life, ok, err := b.Session(ctx, id)
	switch {
	case err != nil:
		return nil, err
	case !ok:
		return nil, api.NotFound.Error("there is no session of this id", "it may be older than the history is kept; culvert history --json has the ids")
	}
	return &Life{Session: s, Life: append([]track.Moment{}, life...)}, nil
}

// AskDays answers a query of totals.
func AskDays(ctx context.Context, b *Book, in DaysQuery) (*Totals, error) {
	for _, d := range []struct{ name, day string }{{"from", in.From}, {"until", in.Until}} {
		if _, err := time.Parse(time.DateOnly, d.day); d.day != "" && err != nil {
			return nil, wrong(d.name, d.day, "a day, such as 2026-11-24")
		}
	}
	if in.By == "" {
		in.By = All
	}
	list, err := b.Days(ctx, in.By, Span{in.From, in.Until}, in.Sum)
	if err != nil {
		return nil, err
	}
	list = list[min(max(in.After, 0), len(list)):]
	out := &Totals{Totals: append([]Total{}, list...)}
	if in.Limit > 0 && len(list) > in.Limit {
		out.Totals, out.After = out.Totals[:in.Limit], in.After+in.Limit
	}
	return out, nil
}

// mostTotals is the most that a page may have, as DaysQuery says: each page takes as long as all.
const mostTotals = 10000

// AllDays asks a query of totals page after page.
func AllDays(ctx context.Context, a Asker, q DaysQuery) (*Totals, error) {
	q.Limit = cmp.Or(q.Limit, mostTotals)
	all := new(Totals)
	for {
		page, err := a.Days(ctx, q)
		if err != nil {
			return nil, err
		}
		all.Totals = append(all.Totals, page.Totals...)
		if q.After = page.After; q.After == 0 {
			return all, nil
		}
	}
}

// wrong is what is answered to a field that is not as expected.
func wrong(field, value, expected string) error {
	e := api.BadRequest.Error(field+" "+value+": expected "+expected, "")
	e.Fields = []api.Field{{Field: field, Value: value, Expected: expected}}
	return e
}
