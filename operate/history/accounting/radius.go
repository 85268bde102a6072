package accounting

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"time"

	"layeh.com/radius/rfc2866"

	"culvert/access/auth/radius"
	"culvert/operate/history/track"
)

// RADIUS tells RADIUS servers: a track.Follower, with a goroutine that asks them. Make it with
// NewRADIUS.
type RADIUS struct {
	tally
	tell  func(ctx context.Context, what radius.Account) error
	class func(user, from string) [][]byte
	log   *slog.Logger
	given map[string][][]byte // classes, by session

	queue   sync.Mutex // of waiting and telling
	waiting []*waiting
	telling *waiting      // is on its way
	more    chan struct{} // has a value when something waits
	closing chan struct{} // closed when this server ends

	ended chan struct{}
	stop  context.CancelFunc
}

// waiting is something that servers are to be told.
type waiting struct {
	radius.Account
	failed  bool // it was not taken once
	refused int  // how often it was not taken again, when servers had just taken another
}

// What no server takes may be at fault itself, or its servers are away: they would say nothing
// in either case. So after every few tries of what waits longest, something else is tried. If
// that is taken, and what waits longest is not taken still, it goes to the end of what waits; when
// that has happened mostRefused times, it is lost.
const (
	triesOfFirst = 3
	mostRefused  = 5
)

// mostAccounts is how many accounts wait while no server answers, and lastTime how long the last
// ones are tried when this server ends.
const (
	mostAccounts = 10000
	lastTime     = 5 * time.Second
)

// NewRADIUS returns what tells servers by tell. class returns what servers gave with a login; nil:
// nothing is known. It begins by telling that all former sessions have ended.
func NewRADIUS(tell func(context.Context, radius.Account) error, class func(user, from string) [][]byte, log *slog.Logger) *RADIUS {
	ctx, cancel := context.WithCancel(context.Background())
	r := &RADIUS{tell: tell, class: class, log: log, given: make(map[string][][]byte), more: make(chan struct{}, 1), closing: make(chan struct{}), ended: make(chan struct{}), stop: cancel}
	r.add(radius.Account{Status: rfc2866.AcctStatusType_Value_AccountingOn, Session: track.ID(time.Now(), 0), At: time.Now()})
	go r.run(ctx)
	return r
}

// statuses are those of RFC 2866, 5.1.
var statuses = map[string]rfc2866.AcctStatusType{
	start: rfc2866.AcctStatusType_Value_Start, interim: rfc2866.AcctStatusType_Value_InterimUpdate, stop: rfc2866.AcctStatusType_Value_Stop,
}

// causes are those of RFC 2866, 5.10.
var causes = map[track.Cause]rfc2866.AcctTerminateCause{
	track.Left: rfc2866.AcctTerminateCause_Value_UserRequest, track.Lost: rfc2866.AcctTerminateCause_Value_LostCarrier,
	track.CutOff: rfc2866.AcctTerminateCause_Value_AdminReset, track.Stopped: rfc2866.AcctTerminateCause_Value_AdminReboot,
	track.Unknown: rfc2866.AcctTerminateCause_Value_NASError,
}

// Changed is track.Follower's.
func (r *RADIUS) Changed(c track.Change, l *track.Live) {
	event := eventOf(c)
	if event == "" {
		return
	}
	s := &l.Session
	if c == track.Begun && r.class != nil {
		if given := r.class(s.User, s.Remote); given != nil {
			r.given[s.ID] = given
		}
	}
	r.add(radius.Account{
		Status: statuses[event], Session: s.ID, User: s.Person(), Remote: s.Remote, IPv4: s.IPv4, IPv6: s.IPv6,
		InputOctets: s.BytesIn, OutputOctets: s.BytesOut, InputPackets: s.PacketsIn, OutputPackets: s.PacketsOut,
		Duration: s.Until().Sub(s.Begin), Cause: causes[s.Cause], Class: r.given[s.ID], At: s.Until(),
	})
	if c == track.Ended {
		delete(r.given, s.ID)
	}
}

// add has servers told of something. Where too much waits, the oldest interim is forgotten, since
// others follow it, or else the oldest of all.
func (r *RADIUS) add(what radius.Account) {
	r.queue.Lock()
	defer r.queue.Unlock()
	if len(r.waiting) >= mostAccounts {
		r.forget()
	}
	r.waiting = append(r.waiting, &waiting{Account: what})
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *RADIUS) forget() {
	at := slices.IndexFunc(r.waiting, func(w *waiting) bool {
		return w != r.telling && w.Status == rfc2866.AcctStatusType_Value_InterimUpdate
	})
	if at < 0 {
		at = slices.IndexFunc(r.waiting, func(w *waiting) bool { return w != r.telling })
	}
	r.waiting = slices.Delete(r.waiting, at, at+1)
	if lost := r.lose(1); lost%1000 == 1 {
		r.log.Warn("RADIUS servers have not answered for so long that accounts are forgotten", "forgotten", lost)
	}
}

// next is what is told next: what stands at a place, or what waits longest. It is nil where
// nothing waits.
func (r *RADIUS) next(at int) *waiting {
	r.queue.Lock()
	defer r.queue.Unlock()
	r.telling = nil
	if len(r.waiting) > 0 {
		r.telling = r.waiting[at%len(r.waiting)]
	}
	return r.telling
}

// done forgets what is on its way, or puts it at the end of what waits.
func (r *RADIUS) done(again bool) {
	r.queue.Lock()
	defer r.queue.Unlock()
	what := r.telling
	r.waiting = slices.DeleteFunc(r.waiting, func(w *waiting) bool { return w == what })
	if again {
		r.waiting = append(r.waiting, what)
	}
	r.telling = nil
}

// run tells what waits, in order but for what is not taken, until ctx ends.
func (r *RADIUS) run(ctx context.Context) {
	defer close(r.ended)
	taken, tries := false, 0 // whether the one before was taken, and how many since then were not
	for {
		at := 0
		if tries%(triesOfFirst+1) == triesOfFirst {
			at = 1 + tries/(triesOfFirst+1)
		}
		what := r.next(at)
		if what == nil {
			select {
			case <-r.more:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := r.tell(ctx, what.Account)
		if err != nil && ctx.Err() != nil {
			return
		}
		blamed := err != nil && (errors.Is(err, radius.ErrUntellable) || taken && what.failed)
		switch {
		case err == nil:
			r.done(false)
			if r.fares(nil) {
				r.log.Info("a RADIUS server answers again, and is told what waited")
			}
		case blamed:
			r.refused(what, err)
		default:
			what.failed = true
			if r.fares(err) {
				r.log.Error("no RADIUS server takes accounts of sessions; what fits into memory waits, and this is tried again", "error", err)
			}
		}
		taken = err == nil
		if taken || blamed {
			tries = 0
			continue
		}
		tries++
		r.pause(ctx)
	}
}

// refused is something that no server takes, though they take others.
func (r *RADIUS) refused(what *waiting, err error) {
	what.refused++
	again := what.refused < mostRefused && !errors.Is(err, radius.ErrUntellable)
	r.done(again)
	if !again {
		r.log.Error("no RADIUS server takes an account of a session, though they take others: it is lost", "session", what.Session, "user", what.User, "status", what.Status, "error", err, "lost", r.lose(1))
	}
}

// pause waits until something is tried again, which is soon where this server ends.
func (r *RADIUS) pause(ctx context.Context) {
	select {
	case <-time.After(tryAgain):
		return
	case <-r.closing:
	}
	select {
	case <-time.After(lastTime / 50):
	case <-ctx.Done():
	}
}

// Missed is track.Follower's.
func (r *RADIUS) Missed(events uint64) {
	r.lose(events)
	r.log.Warn("accounts of sessions may be missing, or late: events came faster than they were taken", "events", events)
}

// Tick is track.Follower's.
func (r *RADIUS) Tick(time.Time) bool { return false }

// Close tells that this server ends, and what waits for some seconds more.
func (r *RADIUS) Close() {
	r.add(radius.Account{Status: rfc2866.AcctStatusType_Value_AccountingOff, Session: track.ID(time.Now(), 0), At: time.Now()})
	close(r.closing)
	for end := time.Now().Add(lastTime); time.Now().Before(end) && r.waits() > 0; time.Sleep(10 * time.Millisecond) {
	}
	r.stop()
	<-r.ended
	if n := r.waits(); n > 0 {
		r.log.Error("the server ends, and RADIUS servers were not told of all: they did not answer", "accounts", n)
	}
}

// waits is how much waits.
func (r *RADIUS) waits() int {
	r.queue.Lock()
	defer r.queue.Unlock()
	return len(r.waiting)
}
