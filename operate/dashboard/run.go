package dashboard

import (
	"context"
	"time"
)

// lookEvery is how often it is looked whose session has ended: while nothing is asked, what is
// being answered goes on.
const lookEvery = 10 * time.Second

// Review has Run look at once whose session does not go on, since people or groups have
// changed. It does not wait.
func (d *Dashboard) Review() {
	select {
	case d.changed <- struct{}{}:
	default:
	}
}

// Run ends sessions that do not go on, with what is being answered to them, until ctx ends;
// then it ends all.
func (d *Dashboard) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			d.sessions.close()
			return
		case <-d.changed:
		case <-tick.C:
		}
		d.sessions.review(d.o.Now())
	}
}
