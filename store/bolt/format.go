package bolt

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"strconv"

	"go.etcd.io/bbolt"

	"culvert/store"
)

// The buckets of a file: meta has format, the version of the file's format, and revision,
// that of the last transaction, both as decimal numbers; entries has the entries by key.
var (
	meta    = []byte("meta")
	entries = []byte("entries")

	formatKey   = []byte("format")
	revisionKey = []byte("revision")
)

// A migration brings a file to the next format.
type migration func(tx *bbolt.Tx) error

// migrations bring files up to the format that this program writes: the first, those of
// format 1 to 2.
var migrations []migration

// entryHeader is what stands before a value: 8 bytes of revision and 4 of checksum
// (CRC-32C of the key, the revision and the value), both with the first byte highest.
const entryHeader = 12

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func appendEntry(b []byte, e store.Entry) []byte {
	at := len(b)
	b = binary.BigEndian.AppendUint64(b, uint64(e.Revision))
	b = binary.BigEndian.AppendUint32(b, checksum([]byte(e.Key), b[at:at+8], e.Value))
	return append(b, e.Value...)
}

func checksum(key, revision, value []byte) uint32 {
	sum := crc32.Update(0, castagnoli, key)
	sum = crc32.Update(sum, castagnoli, revision)
	return crc32.Update(sum, castagnoli, value)
}

// parseEntry returns what appendEntry wrote. The value lies in b.
func parseEntry(key, b []byte) (at store.Revision, value []byte, err error) {
	if len(b) < entryHeader {
		return 0, nil, fmt.Errorf("record %.80q has %d bytes: expected %d or more", key, len(b), entryHeader)
	}
	value = b[entryHeader:]
	if checksum(key, b[:8], value) != binary.BigEndian.Uint32(b[8:]) {
		return 0, nil, fmt.Errorf("record %.80q has another checksum than was written", key)
	}
	return store.Revision(binary.BigEndian.Uint64(b)), value, nil
}

// parse is parseEntry, with an error that names the file.
func (s *Store) parse(key, b []byte) (at store.Revision, value []byte, err error) {
	if at, value, err = parseEntry(key, b); err != nil {
		err = s.damaged(err)
	}
	return at, value, err
}

// entry returns what appendEntry wrote, and shares no memory with it.
func (s *Store) entry(key, b []byte) (store.Entry, error) {
	at, value, err := s.parse(key, b)
	return store.Entry{Key: string(key), Value: bytes.Clone(value), Revision: at}, err
}

func (s *Store) revision(tx *bbolt.Tx) (store.Revision, error) {
	n, err := number(tx, revisionKey)
	if err != nil {
		return 0, s.damaged(err)
	}
	return store.Revision(n), nil
}

func number(tx *bbolt.Tx, key []byte) (uint64, error) {
	b := tx.Bucket(meta)
	if b == nil {
		return 0, errors.New("it has no bucket meta")
	}
	n, err := strconv.ParseUint(string(b.Get(key)), 10, 64)
	if err != nil {
		return 0, fmt.Errorf("%s %.80q: expected a number", key, b.Get(key))
	}
	return n, nil
}

func putRevision(tx *bbolt.Tx, at store.Revision) error {
	return putNumber(tx, revisionKey, uint64(at))
}

func putNumber(tx *bbolt.Tx, key []byte, n uint64) error {
	return tx.Bucket(meta).Put(key, strconv.AppendUint(nil, n, 10))
}

// migrate brings the file to the newest format, in one step.
func (s *Store) migrate(all []migration) error {
	newest := uint64(len(all)) + 1
	var format uint64
	err := s.view(func(tx *bbolt.Tx) (err error) {
		if tx.Bucket(meta) == nil {
			return fmt.Errorf("%s: a database of another program: it has no bucket meta; move it away, or name another directory", s.path)
		}
		if format, err = number(tx, formatKey); err == nil && format == 0 {
			err = errors.New("format 0: expected 1 or more")
		}
		if err != nil {
			return s.damaged(err)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case format > newest:
		return fmt.Errorf("%s has format %d, and this program knows up to %d: %w; use that version, or a backup from before", s.path, format, newest, store.ErrNewer)
	case format == newest:
		return nil
	case s.readOnly != nil:
		return fmt.Errorf("%s has format %d and has to be brought to %d: %w", s.path, format, newest, s.readOnly)
	}
	err = s.guard(func() error {
		return s.db.Update(func(tx *bbolt.Tx) error {
			for _, next := range all[format-1:] {
				if err := next(tx); err != nil {
					return err
				}
			}
			return putNumber(tx, formatKey, newest)
		})
	})
	if err != nil {
		return fmt.Errorf("from format %d to %d, which changed nothing: %w", format, newest, s.failed(err))
	}
	return nil
}

// check reads everything, or the revision alone, and returns that.
func (s *Store) check(quick bool) (at store.Revision, err error) {
	err = s.view(func(tx *bbolt.Tx) error {
		if at, err = s.revision(tx); err != nil {
			return err
		}
		kept := tx.Bucket(entries)
		if kept == nil {
			return s.damaged(errors.New("it has no bucket entries"))
		}
		if quick {
			return nil
		}
		return kept.ForEach(func(key, b []byte) error {
			last, _, err := s.parse(key, b)
			if err == nil && last > at {
				err = s.damaged(fmt.Errorf("record %.80q is of revision %d, and the last was %d", key, last, at))
			}
			return err
		})
	})
	return at, err
}
