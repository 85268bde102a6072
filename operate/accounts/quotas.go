package accounts

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"culvert/access/users"
	"culvert/store"
)

// quotas knows what is used of the quotas.
type quotas struct {
	directory *users.Directory
	spending  *users.Spending
	log       *slog.Logger

	mu     sync.Mutex
	looked bool // at the view of revision
	at     store.Revision
	some   bool                 // somebody has a quota
	told   map[string]time.Time // whose quota is nearly used up, until when it lasts
}

func openQuotas(ctx context.Context, d *users.Directory, b *users.Book, log *slog.Logger) (*quotas, error) {
	spending, err := users.OpenSpending(ctx, b, "")
	return &quotas{directory: d, spending: spending, log: log, told: make(map[string]time.Time)}, err
}

// any reports whether anybody has a quota.
func (q *quotas) any() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if v := q.directory.View(); !q.looked || q.at != v.Revision {
		q.looked, q.at, q.some = true, v.Revision, v.Quotas()
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
