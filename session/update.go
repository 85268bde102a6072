package session

import (
	"errors"

	"culvert/session/negotiate"
)

// Errors of PushUpdate.
var (
	ErrNoUpdate = errors.New("the client does not take changes while it is connected (PUSH_UPDATE); they reach it when it connects again")
	ErrNotIn    = errors.New("the client is not in yet")
)

// PushUpdated tells a client what the server changed of what it pushed: one
// option each, with "-" in front of what it takes back and "?" of what may be
// passed over.
type PushUpdated struct{ Options []string }

func (PushUpdated) event() {}

// PushUpdate changes what was pushed to a client that is in (draft,
// "PUSH_UPDATE"). It fails with ErrNoUpdate, ErrNotIn or negotiate.ErrPush.
func (s *Session) PushUpdate(options []string) error {
	switch {
	case s.err != nil:
		return s.err
	case s.hello == nil || s.active == nil:
		return ErrNotIn
	case !s.hello.PeerInfo.Has(negotiate.ProtoPushUpdate):
		return ErrNoUpdate
	}
	parts, err := negotiate.PushUpdate(options)
	if err != nil {
		return err
	}
	s.forgetReply()
	s.sendAll(parts)
	return nil
}

// receiveUpdate is the client's side.
func (s *Session) receiveUpdate(text string) {
	if s.active == nil {
		return
	}
	complete, err := s.update.Add(text)
	if err != nil {
		s.fail(err)
		return
	}
	if complete {
		s.emit(PushUpdated{s.update.Options()})
		s.update = negotiate.PushReader{}
	}
}
