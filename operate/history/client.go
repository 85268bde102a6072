package history

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Asker answers questions: a Book, or a server that runs.
type Asker interface {
	Sessions(ctx context.Context, q SessionsQuery) (*Page, error)
	Session(ctx context.Context, id string) (*Life, error)
	Days(ctx context.Context, q DaysQuery) (*Totals, error)
}

// Doer asks the API of a process, as manage.Client does.
type Doer interface {
	Do(ctx context.Context, method, path string, body any) (io.ReadCloser, error)
}

// Client asks a server that runs.
type Client struct{ Doer Doer }

var _ Asker = Client{}

// Sessions implements Asker.
func (c Client) Sessions(ctx context.Context, q SessionsQuery) (*Page, error) {
	v := values{}
	v.text("name", q.Device)
	v.text("user", q.User)
	v.text("address", q.Address)
	v.time("at", q.At)
	v.time("from", q.From)
	v.time("until", q.Until)
	v.text("after", q.After)
	if q.Limit > 0 {
		v.text("limit", strconv.Itoa(q.Limit))
	}
	return get[Page](ctx, c.Doer, SessionsPath, v)
}

// Session implements Asker.
func (c Client) Session(ctx context.Context, id string) (*Life, error) {
	return get[Life](ctx, c.Doer, strings.Replace(SessionPath, "{id}", url.PathEscape(id), 1), nil)
}

// Days implements Asker.
func (c Client) Days(ctx context.Context, q DaysQuery) (*Totals, error) {
	v := values{}
	v.text("by", string(q.By))
	v.text("from", q.From)
	v.text("until", q.Until)
	if q.Sum {
		v.text("sum", "true")
	}
	return get[Totals](ctx, c.Doer, DaysPath, v)
}

// values are those of a query.
type values url.Values

func (v values) text(name, value string) {
	if value != "" {
		url.Values(v).Set(name, value)
	}
}

func (v values) time(name string, t time.Time) {
	if !t.IsZero() {
		v.text(name, t.UTC().Format(time.RFC3339Nano))
	}
}

func get[T any](ctx context.Context, d Doer, path string, v values) (*T, error) {
	if len(v) > 0 {
		path += "?" + url.Values(v).Encode()
	}
	body, err := d.Do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	into := new(T)
	return into, json.NewDecoder(body).Decode(into)
}

// FileAsker asks a Book.
type FileAsker struct{ Book *Book }

var _ Asker = FileAsker{}

// Sessions implements Asker.
func (f FileAsker) Sessions(ctx context.Context, q SessionsQuery) (*Page, error) {
	return Ask(ctx, f.Book, q)
}

// Session implements Asker.
func (f FileAsker) Session(ctx context.Context, id string) (*Life, error) {
	return AskSession(ctx, f.Book, id)
}

// Days implements Asker.
func (f FileAsker) Days(ctx context.Context, q DaysQuery) (*Totals, error) {
	return AskDays(ctx, f.Book, q)
}
