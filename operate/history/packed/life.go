package packed

import (
	"slices"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"culvert/operate/backend"
	"culvert/operate/history/track"
)

// fieldMoment is a moment, of a life; the rest are fields of a moment.
const (
	fieldMoment    protowire.Number = 1
	fieldAt        protowire.Number = 1 // from the moment before, or the time in the ID
	fieldKind      protowire.Number = 2 // its place in kinds, from 1
	fieldOtherKind protowire.Number = 3 // a kind that is not there
	fieldText      protowire.Number = 4
	fieldRemote    protowire.Number = 5
	fieldFrom      protowire.Number = 6
	fieldHandshake protowire.Number = 7
)

// The fields of a handshake. Stages have the numbers of their places in stages, from 4 on.
const (
	fieldStage   protowire.Number = 1
	fieldOutcome protowire.Number = 2
	fieldBy      protowire.Number = 3
	fieldBegan   protowire.Number = 4 // from its moment
	firstStage   protowire.Number = 5 // from when it began
)

// kinds are those that have a number. A new one goes to the end.
var kinds = []string{string(backend.Entering), string(backend.Up), string(backend.Renewed), string(backend.Moved), string(backend.CutOff), string(backend.Left)}

func stages(h *backend.Handshake) [6]*time.Time {
	return [...]*time.Time{&h.Answer, &h.TLS, &h.Keys, &h.Decision, &h.Push, &h.Up}
}

// Life is the record of what happened in the session of an ID.
func Life(id string, all []track.Moment) []byte {
	r := New()
	from, _ := track.Began(id)
	for i := range all {
		r.part(fieldMoment, moment(&all[i], from))
		from = all[i].Time
	}
	return r
}

func moment(m *track.Moment, from time.Time) (r Record) {
	r.Time(fieldAt, m.Time, from)
	if i := slices.Index(kinds, m.What); i >= 0 {
		r.Number(fieldKind, uint64(i)+1)
	} else {
		r.Text(fieldOtherKind, m.What)
	}
	r.Text(fieldText, m.Text)
	r.Text(fieldRemote, m.Remote)
	r.Text(fieldFrom, m.From)
	if h := m.Handshake; h != nil {
		var part Record
		part.Text(fieldStage, h.Stage)
		part.Text(fieldOutcome, h.Outcome)
		part.Text(fieldBy, h.By)
		part.Time(fieldBegan, h.Began, m.Time)
		for i, at := range stages(h) {
			part.Time(firstStage+protowire.Number(i), *at, h.Began)
		}
		r.part(fieldHandshake, part)
	}
	return r
}

// ParseLife reads the record of what happened in the session of an ID.
func ParseLife(id string, b []byte) (all []track.Moment, err error) {
	from, _ := track.Began(id)
	err = Parse(b, func(f Field) error {
		if f.Number != fieldMoment {
			return nil
		}
		m, err := parseMoment(f.Bytes, from)
		all, from = append(all, m), m.Time
		return err
	})
	return all, err
}

func parseMoment(b []byte, from time.Time) (m track.Moment, err error) {
	err = parse(b, func(f Field) (err error) {
		switch f.Number {
		case fieldAt:
			m.Time = f.Time(from)
		case fieldKind:
			if f.Value == 0 || f.Value > uint64(len(kinds)) {
				return ErrForm
			}
			m.What = kinds[f.Value-1]
		case fieldOtherKind:
			m.What = f.Text()
		case fieldText:
			m.Text = f.Text()
		case fieldRemote:
			m.Remote = f.Text()
		case fieldFrom:
			m.From = f.Text()
		case fieldHandshake:
			m.Handshake, err = parseHandshake(f.Bytes, m.Time)
		}
		return err
	})
	return m, err
}

func parseHandshake(b []byte, from time.Time) (*backend.Handshake, error) {
	h := new(backend.Handshake)
	at := stages(h)
	return h, parse(b, func(f Field) error {
		switch n := f.Number; {
		case n == fieldStage:
			h.Stage = f.Text()
		case n == fieldOutcome:
			h.Outcome = f.Text()
		case n == fieldBy:
			h.By = f.Text()
		case n == fieldBegan:
			h.Began = f.Time(from)
		case n >= firstStage && int(n-firstStage) < len(at):
			*at[n-firstStage] = f.Time(h.Began)
		}
		return nil
	})
}
