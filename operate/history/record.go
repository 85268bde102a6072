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

	"google.golang.org/protobuf/encoding/protowire"

	"culvert/operate/history/packed"
	"culvert/operate/history/track"
	"culvert/store"
)

// File is the name of the file in a server's directory.
const File = "history.db"

// The keys of the file. A session is under the day (UTC) on which it began. One that goes on over
// midnight is found by an entry under each further day. Totals are by the days of the server's
// own time zone.
const (
	sessions = "s/" // s/20261124/ID: packed.Session
	lives    = "l/" // l/20261124/ID: packed.Life
	carried  = "x/" // x/20261125/ID: it went on on this day
	opened   = "o/" // o/ID: it goes on
	totals   = "d/" // d/20261124/KIND/NAME: Total
	stateKey = "m/state"
	hashKey  = "m/key" // by which names are replaced
)

// The versions of the records that are JSON; the others have the form of package packed. A record
// of an older version is brought up to date where it is read; there is none yet.
const (
	stateVersion = 1
	markVersion  = 1
	keyVersion   = 1
)

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

// find returns the value of a key; there is none where it returns false.
func find(ctx context.Context, r reader, key string) (value []byte, there bool, err error) {
	e, err := r.Get(ctx, key)
	if errors.Is(err, store.ErrNotFound) {
		return nil, false, nil
	}
	return e.Value, err == nil, err
}

// unread is an error of a record that cannot be read.
func unread(key string, err error) error { return fmt.Errorf("record %s: %w", key, err) }

// parseSession reads the session of an entry.
func parseSession(e store.Entry) (s Session, err error) {
	s.Session, s.Hidden, err = packed.ParseSession(idOf(e.Key), e.Value)
	if err != nil {
		err = unread(e.Key, err)
	}
	return s, err
}

// readSession reads the session of an ID; there is none where it returns false.
func readSession(ctx context.Context, r reader, id string) (s Session, there bool, err error) {
	value, there, err := find(ctx, r, sessionKey(id))
	if err != nil || !there {
		return s, false, err
	}
	s, err = parseSession(store.Entry{Key: sessionKey(id), Value: value})
	return s, err == nil, err
}

// putSession is a change of a session.
func putSession(s *track.Session, hidden string) store.Put {
	return store.Put{Key: sessionKey(s.ID), Value: packed.Session(s, hidden)}
}

// readLife reads what happened in the session of an ID; nil: that is not kept.
func readLife(ctx context.Context, r reader, id string) ([]track.Moment, error) {
	value, there, err := find(ctx, r, lifeKey(id))
	if err != nil || !there {
		return nil, err
	}
	all, err := packed.ParseLife(id, value)
	if err != nil {
		err = unread(lifeKey(id), err)
	}
	return all, err
}

// putLife is a change of what happened in the session of an ID.
func putLife(id string, all []track.Moment) store.Put {
	return store.Put{Key: lifeKey(id), Value: packed.Life(id, all)}
}

// The fields of a total.
const (
	totalName protowire.Number = iota + 1
	totalSessions
	totalSeconds
	totalIn
	totalOut
	totalHidden
)

// parseTotal reads the total of an entry.
func parseTotal(e store.Entry) (t Total, err error) {
	err = packed.Parse(e.Value, func(f packed.Field) error {
		switch f.Number {
		case totalName:
			t.Name = f.Text()
		case totalSessions:
			t.Sessions = f.Value
		case totalSeconds:
			t.Seconds = f.Seconds()
		case totalIn:
			t.BytesIn = f.Value
		case totalOut:
			t.BytesOut = f.Value
		case totalHidden:
			t.Hidden = f.Value != 0
		}
		return nil
	})
	if err != nil {
		err = unread(e.Key, err)
	}
	return t, err
}

// putTotal is a change of a total, but for its day, which its key has.
func putTotal(key string, t Total) store.Put {
	r := packed.New()
	r.Text(totalName, t.Name)
	r.Number(totalSessions, t.Sessions)
	r.Seconds(totalSeconds, t.Seconds)
	r.Number(totalIn, t.BytesIn)
	r.Number(totalOut, t.BytesOut)
	if t.Hidden {
		r.Number(totalHidden, 1)
	}
	return store.Put{Key: key, Value: r}
}

// read reads a record of JSON into a value; there is none where it returns false.
func read(ctx context.Context, r reader, key string, version int, into any) (there bool, err error) {
	value, there, err := find(ctx, r, key)
	if err != nil || !there {
		return false, err
	}
	_, err = store.Decode(store.Entry{Key: key, Value: value}, version, into)
	return err == nil, err
}

func readState(ctx context.Context, r reader) (s state, err error) {
	_, err = read(ctx, r, stateKey, stateVersion, &s)
	return s, err
}

// put is a change of a record of JSON. Records are plain structs of ours, which can be encoded.
func put(key string, version int, record any) store.Put {
	value, err := store.Encode(version, record)
	if err != nil {
		panic(fmt.Sprintf("history: %s: %v", key, err))
	}
	return store.Put{Key: key, Value: value}
}
