// Package history keeps the sessions of a server, and what people and devices carried by day, in
// a file of its own beside the store of users. It reads the server's events and writes at most
// once a second; the server never waits for it, and it says what it could not keep.
package history

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"culvert/operate/history/track"
	"culvert/store"
)

// File is the name of the file in a server's directory.
const File = "history.db"

// The keys of the file. A session is under the day (UTC) on which it began. One that goes on over
// midnight is found by an entry under each further day. Totals are by the days of the server's
// own time zone.
const (
	sessions = "s/" // s/20261124/ID: track.Session
	lives    = "l/" // l/20261124/ID: its life
	carried  = "x/" // x/20261125/ID: it went on on this day
	opened   = "o/" // o/ID: it goes on
	totals   = "d/" // d/20261124/KIND/NAME: Total
	stateKey = "m/state"
	hashKey  = "m/key" // by which names are replaced
)

// The versions of the records. A record of an older version is brought up to date where it is
// read; there is none yet.
const (
	sessionVersion = 1
	lifeVersion    = 1
	totalVersion   = 1
	stateVersion   = 1
	markVersion    = 1
)

// kept is a session as it is kept.
type kept struct {
	track.Session
	// Hidden says what was replaced, as Hide.word does.
	Hidden string `json:"hidden,omitempty"`
}

// life is the life of a session, as it is kept.
type life struct {
	Moments []track.Moment `json:"moments"`
}

// mark is an entry that says all by its key.
type mark struct{}

// state is what is known of the whole file.
type state struct {
	First string `json:"first"`           // the first day that may have sessions
	Clear string `json:"clear,omitempty"` // the first day that is not anonymised
	Hides string `json:"hides,omitempty"` // what is hidden before that, as Hide.word says
}

// Kind is by what totals are.
type Kind string

// The kinds of totals.
const (
	All      Kind = "total"
	ByUser   Kind = "user"
	ByDevice Kind = "device"
)

// Total is what a day, or several, came to: of all, of a person or of a device.
type Total struct {
	Day      string  `json:"day,omitempty" doc:"in the time zone of the server, as 2026-11-24; absent for the sum of several"`
	Name     string  `json:"name,omitempty" doc:"of the person or device; absent for all together"`
	Sessions uint64  `json:"sessions" doc:"how many began"`
	Seconds  float64 `json:"seconds" doc:"how long sessions were there, all together"`
	BytesIn  uint64  `json:"bytes_in" doc:"received from clients, of the data channel"`
	BytesOut uint64  `json:"bytes_out" doc:"sent to clients, of the data channel"`
	Hidden   bool    `json:"hidden,omitempty" doc:"the name was replaced"`
}

// add adds what another has to t.
func (t *Total) add(o Total) {
	t.Sessions += o.Sessions
	t.Seconds += o.Seconds
	t.BytesIn += o.BytesIn
	t.BytesOut += o.BytesOut
}

const dayFormat = "20060102"

// dayOf is the day of a time, as keys have it.
func dayOf(t time.Time) string { return t.Format(dayFormat) }

// beganOn is the day under which a session is kept.
func beganOn(id string) (day string, ok bool) {
	at, ok := track.Began(id)
	return dayOf(at), ok
}

func sessionKey(id string) string { return under(sessions, id) }
func lifeKey(id string) string    { return under(lives, id) }

func under(kind, id string) string {
	day, _ := beganOn(id)
	return kind + day + "/" + id
}

// totalKey is where a total is kept. Names are of any bytes and length, and keys are not.
func totalKey(day string, kind Kind, name string) string {
	escaped := url.QueryEscape(name)
	if len(escaped) > 300 {
		sum := sha256.Sum256([]byte(name))
		escaped = "~" + hex.EncodeToString(sum[:])
	}
	return totalsOf(day, kind) + escaped
}

func totalsOf(day string, kind Kind) string { return totals + day + "/" + string(kind) + "/" }

// idOf is the ID in a key of sessions, lives or carried.
func idOf(key string) string { return key[strings.LastIndexByte(key, '/')+1:] }

// reader is what is read of a store.
type reader interface {
	Get(ctx context.Context, key string) (store.Entry, error)
	List(ctx context.Context, prefixes ...string) (store.Snapshot, error)
}

// file is what is read and written.
type file interface {
	reader
	CommitAll(ctx context.Context, t store.Txn) (store.Revision, error)
}

// read reads a record into a value; there is none where it returns false.
func read(ctx context.Context, r reader, key string, version int, into any) (there bool, err error) {
	e, err := r.Get(ctx, key)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return false, nil
	case err != nil:
		return false, err
	}
	_, err = store.Decode(e, version, into)
	return err == nil, err
}

func readState(ctx context.Context, r reader) (s state, err error) {
	_, err = read(ctx, r, stateKey, stateVersion, &s)
	return s, err
}

// put is a change of a record. Records are plain structs of ours, which can be encoded.
func put(key string, version int, record any) store.Put {
	value, err := store.Encode(version, record)
	if err != nil {
		panic(fmt.Sprintf("history: %s: %v", key, err))
	}
	return store.Put{Key: key, Value: value}
}
