package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
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
	var env envelope
	if err := json.Unmarshal(e.Value, &env); err != nil || env.Version < 1 {
		return 0, fmt.Errorf("record %s is damaged: expected a version and its fields", e.Key)
	}
	if env.Version > newest {
		return env.Version, fmt.Errorf("record %s has version %d, and this program knows up to %d: %w; use that version, or a backup from before", e.Key, env.Version, newest, ErrNewer)
	}
	d := json.NewDecoder(bytes.NewReader(env.Record))
	d.DisallowUnknownFields()
	if err := d.Decode(record); err != nil {
		return env.Version, fmt.Errorf("record %s is damaged, or %w: %v", e.Key, ErrNewer, err)
	}
	return env.Version, nil
}
