package packed

import (
	"net/netip"

	"google.golang.org/protobuf/encoding/protowire"

	"culvert/operate/history/track"
)

// The fields of a session. Texts and counters have the numbers of their places in texts and
// counters, from these on.
const (
	firstText    protowire.Number = 1
	firstCounter protowire.Number = 20
	fieldBegin   protowire.Number = 11 // from the time in the ID
	fieldLast    protowire.Number = 12 // from the begin
	fieldEnd     protowire.Number = 13 // from the last
	fieldIPv4    protowire.Number = 14
	fieldIPv6    protowire.Number = 15
)

// texts are the texts of a session, in the order of their numbers.
func texts(s *track.Session, hidden *string) [10]*string {
	return [...]*string{&s.Server, &s.Device, &s.User, &s.Serial, &s.Agent, &s.Remote, &s.Cipher, &s.Why, (*string)(&s.Cause), hidden}
}

// counters are the counters of a session, in the order of their numbers.
func counters(s *track.Session) [4]*uint64 {
	return [...]*uint64{&s.BytesIn, &s.BytesOut, &s.PacketsIn, &s.PacketsOut}
}

// Session is the record of a session, but for its ID, and of what is hidden in it.
func Session(s *track.Session, hidden string) []byte {
	r := New()
	for i, text := range texts(s, &hidden) {
		r.Text(firstText+protowire.Number(i), *text)
	}
	for i, n := range counters(s) {
		r.Number(firstCounter+protowire.Number(i), *n)
	}
	at, _ := track.Began(s.ID)
	r.Time(fieldBegin, s.Begin, at)
	r.Time(fieldLast, s.Last, s.Begin)
	r.Time(fieldEnd, s.End, s.Last)
	r.Text(fieldIPv4, string(s.IPv4.AsSlice()))
	r.Text(fieldIPv6, string(s.IPv6.AsSlice()))
	return r
}

// ParseSession reads the record of the session of an ID.
func ParseSession(id string, b []byte) (s track.Session, hidden string, err error) {
	s.ID = id
	at, ok := track.Began(id)
	if !ok {
		return s, "", ErrForm
	}
	text, counter := texts(&s, &hidden), counters(&s)
	err = Parse(b, func(f Field) (err error) {
		switch n := f.Number; {
		case n >= firstText && int(n-firstText) < len(text):
			*text[n-firstText] = f.Text()
		case n >= firstCounter && int(n-firstCounter) < len(counter):
			*counter[n-firstCounter] = f.Value
		case n == fieldBegin:
			s.Begin = f.Time(at)
		case n == fieldLast:
			s.Last = f.Time(s.Begin)
		case n == fieldEnd:
			s.End = f.Time(s.Last)
		case n == fieldIPv4:
			s.IPv4, err = address(f.Bytes)
		case n == fieldIPv6:
			s.IPv6, err = address(f.Bytes)
		}
		return err
	})
	return s, hidden, err
}

func address(b []byte) (netip.Addr, error) {
	a, ok := netip.AddrFromSlice(b)
	if !ok {
		return a, ErrForm
	}
	return a, nil
}
