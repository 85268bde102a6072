package server

import (
	"net/netip"
	"time"

	"culvert/config"
	"culvert/internal/mute"
)

// strangers reports as events what happens to clients that are not in, no more than a
// few a minute, whatever they do.
type strangers struct {
	report    func(Event)
	quota     mute.Strangers
	hanging   mute.Strangers // of its own: neither hides the other
	halted    mute.Strangers // handshakes that make no progress
	begun     begun
	displaced mute.Tally
	postponed mute.Tally
	unheard   mute.Tally
}

// allow reports whether something about an address may be an event.
func (s *strangers) allow(now time.Time, a netip.Addr) bool { return s.quota.Allow(now, a) }

// failed reports somebody who did not get in: one event a minute for each address and
// reason.
func (s *strangers) failed(now time.Time, from netip.AddrPort, err error) {
	more := func(n int) { s.report(FailedMore{n}) }
	if times := s.quota.Failure(now, from.Addr(), mute.Kind(err), more); times > 0 {
		s.report(Failed{From: from, Err: err, Times: times})
	}
}

// overdue reports a program that did not decide about a client: one event a minute for
// each address and program.
func (s *strangers) overdue(client About, err error) {
	more := func(n int) { s.report(FailedMore{n}) }
	if times := s.hanging.Failure(client.At, client.Remote.Addr(), mute.Kind(err), more); times > 0 {
		s.report(Overdue{About: client, Err: err, Times: times})
	}
}

// stuck reports a client whose handshake makes no progress: once for each address and
// kind of stage, for as long as failures are remembered.
func (s *strangers) stuck(client About, kind, stage string) {
	if s.halted.Failure(client.At, client.Remote.Addr(), kind, s.moreStuck) == 1 {
		s.report(Stuck{About: client, Stage: stage})
	}
}

// unreached reports somebody who was answered that often and does not go on, as stuck
// does.
func (s *strangers) unreached(now time.Time, from netip.AddrPort, times int) {
	kind := "unreached"
	if times == 1 {
		if s.halted.Known(now, from.Addr(), kind) {
			return // it goes on asking, ever more seldom
		}
		kind = "once"
	}
	if s.halted.Failure(now, from.Addr(), kind, s.moreStuck) == 1 {
		s.report(Unreached{From: from, Times: times})
	}
}

// moreStuck reports how many more there were than stuck and unreached report one by one.
func (s *strangers) moreStuck(n int) { s.report(StuckMore{n}) }

// madeRoom counts a client that made room for a newcomer; room is how many sessions there
// is room for.
func (s *strangers) madeRoom(room int) {
	s.displaced.Count(func(n int) { s.report(Displaced{Count: n, Room: room}) })
}

// postpone counts a newcomer beyond connect-freq.
func (s *strangers) postpone(freq config.Rate) {
	s.postponed.Count(func(n int) { s.report(Postponed{Count: n, Limit: freq.N, In: freq.Per}) })
}

// unanswered counts a first packet beyond connect-freq-initial.
func (s *strangers) unanswered(freq config.Rate) {
	s.unheard.Count(func(n int) { s.report(Unanswered{Count: n, Limit: freq.N, In: freq.Per}) })
}

// stop reports what was counted.
func (s *strangers) stop() {
	s.quota.Stop()
	s.hanging.Stop()
	s.halted.Stop()
	s.displaced.Stop()
	s.postponed.Stop()
	s.unheard.Stop()
}
