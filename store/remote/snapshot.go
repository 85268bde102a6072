package remote

import (
	"bufio"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"culvert/store"
)

// A snapshot is sent as numbers (uvarint) and texts, each after its length: 0, the store's
// revision, how many entries there are, and each entry's revision, key and value. An error
// is sent as 1 and a fault as JSON. JSON for tens of thousands of entries would take longer
// than all else that a command does.
const (
	entriesFollow = 0
	faultFollows  = 1
)

// errStrange is the error of a snapshot that no version of this program sends.
var errStrange = errors.New("no snapshot of a store")

// writeSnapshot sends a snapshot, or an error in its place.
func writeSnapshot(w io.Writer, snap store.Snapshot, err error) error {
	b := bufio.NewWriterSize(w, 64<<10)
	number := func(n uint64) { b.Write(binary.AppendUvarint(b.AvailableBuffer(), n)) }
	if err != nil {
		number(faultFollows)
		json.NewEncoder(b).Encode(faultOf(err))
		return b.Flush()
	}
	number(entriesFollow)
	number(uint64(snap.Revision))
	number(uint64(len(snap.Entries)))
	for _, e := range snap.Entries {
		number(uint64(e.Revision))
		number(uint64(len(e.Key)))
		b.WriteString(e.Key)
		number(uint64(len(e.Value)))
		b.Write(e.Value)
	}
	return b.Flush()
}

// readSnapshot reads what writeSnapshot wrote: a snapshot, or said, the error in its place.
func readSnapshot(r io.Reader) (snap store.Snapshot, said *fault, err error) {
	s := snapshotReader{from: bufio.NewReaderSize(r, 64<<10)}
	switch kind := s.number(1); {
	case s.err != nil:
		return snap, nil, s.err
	case kind == faultFollows:
		if err := json.NewDecoder(s.from).Decode(&said); err != nil || said == nil {
			return snap, nil, fmt.Errorf("%w: a fault that cannot be read", errStrange)
		}
		return snap, said, nil
	}
	snap.Revision = store.Revision(s.number(1<<64 - 1))
	n := s.number(1 << 40)
	snap.Entries = make([]store.Entry, 0, min(n, 1<<16))
	for i := uint64(0); i < n && s.err == nil; i++ {
		at := store.Revision(s.number(1<<64 - 1))
		key := string(s.text(store.MaxKey))
		snap.Entries = append(snap.Entries, store.Entry{Key: key, Value: s.text(store.MaxValue), Revision: at})
	}
	if s.err != nil {
		return store.Snapshot{}, nil, s.err
	}
	return snap, nil, nil
}

// snapshotReader reads numbers and texts until its first error.
type snapshotReader struct {
	from *bufio.Reader
	room []byte // for the next texts
	err  error
}

// number reads one that is at most most.
func (s *snapshotReader) number(most uint64) uint64 {
	if s.err != nil {
		return 0
	}
	n, err := binary.ReadUvarint(s.from)
	switch {
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		s.err = io.ErrUnexpectedEOF
	case err != nil:
		s.err = fmt.Errorf("%w: %w", errStrange, err)
	case n > most:
		s.err = fmt.Errorf("%w: %d, where at most %d is expected", errStrange, n, most)
	}
	return n
}

// text reads one of at most most bytes.
func (s *snapshotReader) text(most uint64) []byte {
	n := s.number(most)
	if s.err != nil {
		return nil
	}
	if uint64(len(s.room)) < n {
		s.room = make([]byte, max(n, 64<<10))
	}
	b := s.room[:n:n]
	s.room = s.room[n:]
	if _, err := io.ReadFull(s.from, b); err != nil {
		s.err = io.ErrUnexpectedEOF
	}
	return b
}
