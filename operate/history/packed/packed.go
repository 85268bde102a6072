// Package packed is the form in which sessions, their lives and totals are kept: fields by
// number, as Protocol Buffers write them, a quarter of the size of JSON. A field that is not
// there is empty, and one that is not known is passed over, so that fields can be added.
package packed

import (
	"errors"
	"fmt"
	"math"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// Version is that of the form: the first byte of each record.
const Version = 1

// ErrForm is returned for what is no record of this form, or of a newer one.
var ErrForm = errors.New("it is damaged, or a newer version of this program wrote it")

// Record is one that is being written.
type Record []byte

// New begins a record.
func New() Record { return Record{Version} }

// Text adds a text, unless it is empty.
func (r *Record) Text(n protowire.Number, s string) {
	if s != "" {
		*r = protowire.AppendString(protowire.AppendTag(*r, n, protowire.BytesType), s)
	}
}

// Number adds a number, unless it is 0.
func (r *Record) Number(n protowire.Number, v uint64) {
	if v != 0 {
		*r = protowire.AppendVarint(protowire.AppendTag(*r, n, protowire.VarintType), v)
	}
}

// Time adds a time by how far it is from another, unless it is not set.
func (r *Record) Time(n protowire.Number, t, from time.Time) {
	if !t.IsZero() {
		*r = protowire.AppendVarint(protowire.AppendTag(*r, n, protowire.VarintType), protowire.EncodeZigZag(int64(t.Sub(from))))
	}
}

// Seconds adds a number with a fraction, unless it is 0.
func (r *Record) Seconds(n protowire.Number, v float64) {
	if v != 0 {
		*r = protowire.AppendFixed64(protowire.AppendTag(*r, n, protowire.Fixed64Type), math.Float64bits(v))
	}
}

// part adds a record within this one, which has no version of its own.
func (r *Record) part(n protowire.Number, part Record) {
	*r = protowire.AppendBytes(protowire.AppendTag(*r, n, protowire.BytesType), part)
}

// Field is one of a record that is read.
type Field struct {
	Number protowire.Number
	Bytes  []byte // of a text; it lies in the record
	Value  uint64 // of anything else
}

// Text is that of a text.
func (f *Field) Text() string { return string(f.Bytes) }

// Time is one that is so far from another.
func (f *Field) Time(from time.Time) time.Time {
	return from.Add(time.Duration(protowire.DecodeZigZag(f.Value)))
}

// Seconds is a number with a fraction.
func (f *Field) Seconds() float64 { return math.Float64frombits(f.Value) }

// Parse calls take for each field of a record.
func Parse(b []byte, take func(f Field) error) error {
	if len(b) == 0 || b[0] != Version {
		return fmt.Errorf("form of another kind: %w", ErrForm)
	}
	return parse(b[1:], take)
}

func parse(b []byte, take func(f Field) error) error {
	for len(b) > 0 {
		n, kind, size := protowire.ConsumeTag(b)
		if size < 0 {
			return ErrForm
		}
		b = b[size:]
		f := Field{Number: n}
		switch kind {
		case protowire.BytesType:
			f.Bytes, size = protowire.ConsumeBytes(b)
		case protowire.VarintType:
			f.Value, size = protowire.ConsumeVarint(b)
		case protowire.Fixed64Type:
			f.Value, size = protowire.ConsumeFixed64(b)
		default:
			return ErrForm
		}
		if size < 0 {
			return ErrForm
		}
		if err := take(f); err != nil {
			return err
		}
		b = b[size:]
	}
	return nil
}
