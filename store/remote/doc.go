// Package remote is a store that another process of this machine has open: HTTP with JSON
// over a Unix socket that only the store's owner and root can use. Serve is the side of
// that process, Dial that of the others.
//
//	GET  /v1/                         whether anybody answers
//	GET  /v1/get?key=K
//	GET  /v1/list?prefix=P&prefix=...  all entries, as snapshot.go has them
//	POST /v1/commit                   a transaction
//	POST /v1/commit-all               a large transaction
//	GET  /v1/watch?prefix=P&after=N   a line for each revision, until one of the two ends it
//	GET  /v1/backup                   a file
package remote

import (
	"context"
	"errors"

	"culvert/store"
)

// reply is the answer to a request, or a line of a watch. What a request does not ask for
// is left out.
type reply struct {
	Entry    *store.Entry   `json:"entry,omitempty"`
	Revision store.Revision `json:"revision"`
	Changes  []store.Change `json:"changes,omitempty"`
	Fault    *fault         `json:"fault,omitempty"`
}

// fault is an error.
type fault struct {
	Kind     string               `json:"kind"` // of kinds or "conflict", "" for another
	Text     string               `json:"text"`
	Conflict *store.ConflictError `json:"conflict,omitempty"`
}

// kinds are the errors that callers tell apart.
var kinds = map[string]error{"not found": store.ErrNotFound, "compacted": store.ErrCompacted, "closed": store.ErrClosed, "steps": store.ErrSteps, "ending": ErrNobody}

func faultOf(err error) *fault {
	f := &fault{Text: err.Error()}
	if errors.As(err, &f.Conflict) {
		f.Kind = "conflict"
		return f
	}
	if errors.Is(err, context.Canceled) { // not by the client, which listens no more then
		return &fault{Kind: "ending", Text: "the server that has the store open is ending"}
	}
	for kind, e := range kinds {
		if errors.Is(err, e) {
			f.Kind = kind
		}
	}
	return f
}

// err is the error that faultOf was given, as far as callers tell it apart.
func (f *fault) err() error {
	if f.Conflict != nil {
		return f.Conflict
	}
	if e := kinds[f.Kind]; e != nil && f.Text == e.Error() {
		return e
	} else if e != nil {
		return &said{f.Text, e}
	}
	return &said{text: f.Text}
}

// said is an error of the other process.
type said struct {
	text string
	is   error
}

func (s *said) Error() string { return s.text }

func (s *said) Unwrap() error { return s.is }
