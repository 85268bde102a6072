package history

import (
	"context"
	"net/url"
	"strings"

	"culvert/operate/manage/api"
)

// Asker answers questions: a Book, or a server that runs.
type Asker interface {
	Sessions(ctx context.Context, q SessionsQuery) (*Page, error)
	Session(ctx context.Context, id string) (*Life, error)
	Days(ctx context.Context, q DaysQuery) (*Totals, error)
}

// Client asks a server that runs.
type Client struct{ Doer api.Doer }

var _ Asker = Client{}

// Sessions implements Asker.
func (c Client) Sessions(ctx context.Context, q SessionsQuery) (*Page, error) {
	return api.Get[Page](ctx, c.Doer, SessionsPath, q)
}

// Session implements Asker.
func (c Client) Session(ctx context.Context, id string) (*Life, error) {
	return api.Get[Life](ctx, c.Doer, strings.Replace(SessionPath, "{id}", url.PathEscape(id), 1), nil)
}

// Days implements Asker.
func (c Client) Days(ctx context.Context, q DaysQuery) (*Totals, error) {
	return api.Get[Totals](ctx, c.Doer, DaysPath, q)
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
