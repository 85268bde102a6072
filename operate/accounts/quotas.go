package accounts

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"culvert/access/users"
)

// quotas knows what is used of the quotas.
type quotas struct {
	directory *users.Directory
	spending  *users.Spending
	log       *slog.Logger

	stale atomic.Bool // the directory changed since some was found out

	mu   sync.Mutex
	some bool                 // somebody has a quota
	told map[string]time.Time // whose quota is nearly used up, until when it lasts
}

func openQuotas(ctx context.Context, d *users.Directory, b *users.Book, log *slog.Logger) (*quotas, error) {
	spending, err := users.OpenSpending(ctx, b, "", func(err error) {
		log.Error("a record of the store cannot be read: quotas count from nothing for whom it is about", "error", err)
	})
	q := &quotas{directory: d, spending: spending, log: log, told: make(map[string]time.Time)}
	q.stale.Store(true)
	d.OnChange(func(*users.View) { q.stale.Store(true) })
	return q, err
}

// any reports whether anybody has a quota.
func (q *quotas) any() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stale.Swap(false) {
		v := q.directory.View()
		q.some = v.Quotas()
		q.spending.Forget(v)
	}
	return q.some
}

// warn logs, once in a period, that a client's quota is used up by four fifths.
func (q *quotas) warn(now time.Time, in []users.Carried) {
	q.mu.Lock()
	defer q.mu.Unlock()
	v := q.directory.View()
	for _, c := range in {
		for _, u := range q.spending.Uses(v.Standing(c.CommonName, c.User), now) {
			if u.Over() || u.Bytes < u.Quota.Bytes/5*4 || q.told[u.Whose].Equal(u.Until) {
				continue
			}
			q.told[u.Whose] = u.Until
			q.log.Warn("a quota is nearly used up: "+u.String(), "whose", u.Whose)
		}
	}
}
