package accounting

import (
	"context"
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

	queue   sync.Mutex // of waiting
	waiting []radius.Account
	more    chan struct{} // has a value when something waits

	ended chan struct{}
	stop  context.CancelFunc
}

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
	r := &RADIUS{tell: tell, class: class, log: log, given: make(map[string][][]byte), more: make(chan struct{}, 1), ended: make(chan struct{}), stop: cancel}
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
	r.waiting = append(r.waiting, what)
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *RADIUS) forget() {
	at := 1 // the first may be on its way
	for i := 1; i < len(r.waiting); i++ {
		if r.waiting[i].Status == rfc2866.AcctStatusType_Value_InterimUpdate {
			at = i
			break
		}
	}
	r.waiting = slices.Delete(r.waiting, at, at+1)
	if lost := r.lose(1); lost%1000 == 1 {
		r.log.Warn("RADIUS servers have not answered for so long that accounts are forgotten", "forgotten", lost)
	}
}

// first is what waits longest.
func (r *RADIUS) first() (what radius.Account, ok bool) {
	r.queue.Lock()
	defer r.queue.Unlock()
	if len(r.waiting) == 0 {
		return what, false
	}
	return r.waiting[0], true
}

// told forgets what waited longest.
func (r *RADIUS) told() {
	r.queue.Lock()
	defer r.queue.Unlock()
	r.waiting = r.waiting[1:]
}

// run tells what waits, in order, until ctx ends.
func (r *RADIUS) run(ctx context.Context) {
	defer close(r.ended)
	for {
		what, ok := r.first()
		if !ok {
			select {
			case <-r.more:
				continue
			case <-ctx.Done():
				return
			}
		}
		err := r.tell(ctx, what)
		switch {
		case err == nil:
			r.told()
			if r.fares(nil) {
				r.log.Info("a RADIUS server answers again, and is told what waited")
			}
			continue
		case ctx.Err() != nil:
			return
		case r.fares(err):
			r.log.Error("no RADIUS server takes accounts of sessions; what fits into memory waits, and this is tried again", "error", err)
		}
		select {
		case <-time.After(tryAgain):
		case <-ctx.Done():
			return
		}
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
	for end := time.Now().Add(lastTime); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if _, waits := r.first(); !waits {
			break
		}
	}
	r.stop()
	<-r.ended
	r.queue.Lock()
	defer r.queue.Unlock()
	if n := len(r.waiting); n > 0 {
		r.log.Error("the server ends, and RADIUS servers were not told of all: they did not answer", "accounts", n)
	}
}
