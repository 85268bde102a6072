package store

import (
	"encoding/json"
	"errors"
	"fmt"

	decoder "github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
)

// ErrNewer is returned for a record that a newer version of this program wrote.
var ErrNewer = errors.New("a newer version of this program wrote it")

// envelope is a record as it is kept: its kind's version, and its fields.
type envelope struct {
	Version int             `json:"v"`
	Record  json.RawMessage `json:"r"`
}

// Encode returns the value of a record, of a version of its kind. Versions grow by one
// when fields change their meaning; one may be added without.
func Encode(version int, record any) ([]byte, error) {
	text, err := json.Marshal(record)
	if err != nil {
		return nil, err
	}
	return json.Marshal(envelope{version, text})
}

// Decode reads into record what Encode returned, if its version is at most newest, and
// returns its version: what an older version means, the caller knows. Fields that this
// program does not know are kept by nobody: it fails with ErrNewer rather than lose them.
func Decode(e Entry, newest int, record any) (version int, err error) {
	env := struct {
		Version int    `json:"v"`
		Record  fields `json:"r"`
	}{Record: fields{into: record}}
	if err = decoder.Unmarshal(e.Value, &env, knownFields); err == nil && env.Record.there && env.Version >= 1 && env.Version <= newest {
		return env.Version, nil
	}
	return undecoded(e, newest, err)
}

// knownFields refuses fields that a record does not have.
var knownFields = decoder.RejectUnknownMembers(true)

// fields are those of a record, as part of an envelope.
type fields struct {
	into  any
	there bool
}

// UnmarshalJSONFrom is the decoder's.
func (f *fields) UnmarshalJSONFrom(d *jsontext.Decoder) error {
	f.there = true
	return decoder.UnmarshalDecode(d, f.into)
}

// undecoded says why a record could not be decoded: that, or what its envelope is.
func undecoded(e Entry, newest int, why error) (version int, err error) {
	var env envelope
	if err := json.Unmarshal(e.Value, &env); err != nil || env.Version < 1 || env.Record == nil {
		return 0, fmt.Errorf("record %s is damaged: expected a version and its fields", e.Key)
	}
	if env.Version > newest {
		return env.Version, fmt.Errorf("record %s has version %d, and this program knows up to %d: %w; use that version, or a backup from before", e.Key, env.Version, newest, ErrNewer)
	}
	return env.Version, fmt.Errorf("record %s is damaged, or %w: %v", e.Key, ErrNewer, why)
}
