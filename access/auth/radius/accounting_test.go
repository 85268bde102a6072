package radius

import (
	"net/netip"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
)

// TestTell tells the second server, since the first is silent, and takes a confirmation for what it
// is only from who has the secret.
func TestTell(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make([]atomic.Int32, 3)
		forger := func(t *testing.T, q *radius.Packet, _ []byte) [][]byte {
			p := q.Response(radius.CodeAccountingResponse)
			p.Secret = []byte("other")
			wire, err := p.Encode()
			if err != nil {
				t.Error(err)
			}
			return [][]byte{wire, nil, {1}}
		}
		taker := func(t *testing.T, q *radius.Packet, wire []byte) [][]byte {
			if !radius.IsAuthenticRequest(wire, []byte(secret)) {
				t.Error("the request is not signed")
			}
			if rfc2866.AcctInputOctets_Get(q) != 5 || rfc2869.AcctInputGigawords_Get(q) != 2 || rfc2866.AcctSessionTime_Get(q) != 90 || rfc2865.FramedIPAddress_Get(q).String() != "10.8.0.2" ||
				rfc2865.UserName_GetString(q) != "anna" || rfc2866.AcctTerminateCause_Get(q) != rfc2866.AcctTerminateCause_Value_UserRequest || rfc2865.Class_GetString(q) != "gold" || rfc2866.AcctDelayTime_Get(q) < 60 {
				t.Errorf("%v", q.Attributes)
			}
			wire, err := q.Response(radius.CodeAccountingResponse).Encode()
			if err != nil {
				t.Error(err)
			}
			return [][]byte{wire}
		}
		s := source(t, asked, nil, forger, taker)
		a := &Accountant{s}
		what := Account{Status: rfc2866.AcctStatusType_Value_Stop, Session: "x", User: "anna", IPv4: netip.MustParseAddr("10.8.0.2"), InputOctets: 2<<32 + 5, Duration: 90 * time.Second,
			Cause: rfc2866.AcctTerminateCause_Value_UserRequest, Class: [][]byte{[]byte("gold")}, At: time.Now().Add(-time.Minute)}
		if err := a.Tell(t.Context(), what); err != nil {
			t.Error(err)
		}
		if asked[0].Load() != 3 || asked[1].Load() != 3 || asked[2].Load() != 1 {
			t.Errorf("asked %d, %d and %d times", asked[0].Load(), asked[1].Load(), asked[2].Load())
		}
		if err := a.Tell(t.Context(), what); err != nil || asked[0].Load() != 3 || asked[2].Load() != 2 {
			t.Errorf("the silent ones are asked first: %v", err)
		}
	})
}

// TestClass: what came with a login is told once, for the session from there.
func TestClass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, make([]atomic.Int32, 1), directory)
		l := login("bert", "good", nil)
		l.Request.Env.Set("untrusted_ip", "192.0.2.9")
		l.Request.Env.Set("untrusted_port", "4000")
		if _, err := s.Check(t.Context(), l); err != nil {
			t.Fatal(err)
		}
		if got := s.Class("bert", "192.0.2.9:4001"); got != nil {
			t.Errorf("of another: %q", got)
		}
		if got := s.Class("bert", "192.0.2.9:4000"); len(got) != 2 || string(got[0]) != "night" {
			t.Errorf("%q", got)
		}
		if got := s.Class("bert", "192.0.2.9:4000"); got != nil {
			t.Errorf("again: %q", got)
		}
	})
}

func FuzzParseAccounted(f *testing.F) {
	p := radius.New(radius.CodeAccountingRequest, []byte(secret))
	request, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(request)
	f.Add([]byte{5, request[1], 0, 20})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := parseAccounted(b, request, []byte(secret)); err == nil && b[0] != byte(radius.CodeAccountingResponse) {
			t.Error("taken")
		}
	})
}
