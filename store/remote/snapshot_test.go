package remote

import (
	"bytes"
	"errors"
	"io"
	"reflect"
	"testing"

	"culvert/store"
)

// TestSnapshot: a snapshot is read as it was written, and none that is not whole.
func TestSnapshot(t *testing.T) {
	snap := store.Snapshot{Revision: 1 << 63, Entries: []store.Entry{{Key: "a", Value: []byte("1"), Revision: 300}, {Key: "b", Value: []byte{}, Revision: 1}, {Key: "c", Value: make([]byte, 200_000), Revision: 2}}}
	var b bytes.Buffer
	if err := writeSnapshot(&b, snap, nil); err != nil {
		t.Fatal(err)
	}
	got, said, err := readSnapshot(bytes.NewReader(b.Bytes()))
	if err != nil || said != nil || !reflect.DeepEqual(got, snap) {
		t.Errorf("%v, %v, %v", got.Revision, said, err)
	}
	for n := range b.Len() {
		if n > 100 && n < b.Len()-100 {
			continue
		}
		if _, _, err := readSnapshot(bytes.NewReader(b.Bytes()[:n])); !errors.Is(err, io.ErrUnexpectedEOF) {
			t.Fatalf("its first %d bytes: %v", n, err)
		}
	}
	b.Reset()
	if err := writeSnapshot(&b, snap, store.ErrClosed); err != nil {
		t.Fatal(err)
	}
	if _, said, err := readSnapshot(&b); err != nil || said == nil || !errors.Is(said.err(), store.ErrClosed) {
		t.Errorf("%v, %v", said, err)
	}
	for _, other := range []string{"\x02", `{"entries":[]}`, "\x01null", "\x01{", "\x00\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "\x00\x01\x01\x01\xff\x7f"} {
		if _, _, err := readSnapshot(bytes.NewReader([]byte(other))); !errors.Is(err, errStrange) {
			t.Errorf("%q: %v", other, err)
		}
	}
}

func FuzzSnapshot(f *testing.F) {
	f.Add([]byte("\x00\x02\x01\x01\x01a\x01b"))
	f.Add([]byte("\x01{\"kind\":\"closed\",\"text\":\"no\"}\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		snap, said, err := readSnapshot(bytes.NewReader(b))
		if said != nil || err != nil {
			return
		}
		var again bytes.Buffer
		if err := writeSnapshot(&again, snap, nil); err != nil {
			t.Fatal(err)
		}
		if got, _, err := readSnapshot(&again); err != nil || !reflect.DeepEqual(got, snap) {
			t.Errorf("%+v, then %+v, %v", snap, got, err)
		}
	})
}
