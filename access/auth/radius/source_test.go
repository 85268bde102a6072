package radius

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"

	"culvert/access/auth"
	"culvert/access/hooks"
)

const secret = "s3cret"

// server answers requests; nil: it says nothing. What it returns is sent as it is.
type server func(t *testing.T, request *radius.Packet, wire []byte) [][]byte

// source returns a Source whose servers are at the addresses 0, 1, ...; asked counts what each
// was sent.
func source(t *testing.T, asked []atomic.Int32, servers ...server) *Source {
	o := Options{Name: "gate", Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(4),
		Lines: func(ipv4, _ netip.Addr) []string { return []string{"for " + ipv4.String()} }}
	for i := range servers {
		o.Servers = append(o.Servers, Server{string(rune('0' + i)), []byte(secret)})
	}
	s := NewSource(o)
	s.dial = func(_ context.Context, address string) (net.Conn, error) {
		i := int(address[0] - '0')
		ours, theirs := net.Pipe()
		go func() {
			defer theirs.Close()
			b := make([]byte, radius.MaxPacketLength)
			for {
				n, err := theirs.Read(b)
				if err != nil {
					return
				}
				asked[i].Add(1)
				p, err := radius.Parse(b[:n], []byte(secret))
				if err != nil {
					t.Error(err)
					return
				}
				if servers[i] == nil {
					continue
				}
				for _, answer := range servers[i](t, p, b[:n]) {
					if _, err := theirs.Write(answer); err != nil {
						return
					}
				}
			}
		}()
		return ours, nil
	}
	return s
}

// sealed is an answer with a Message-Authenticator.
func sealed(t *testing.T, p *radius.Packet, wire []byte) []byte {
	t.Helper()
	p.Attributes = append(radius.Attributes{{Type: rfc2869.MessageAuthenticator_Type, Attribute: make(radius.Attribute, macSize)}}, p.Attributes...)
	raw, err := p.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	copy(p.Attributes[0].Attribute, mac(raw, wire[4:headSize], headSize+attributeHeadSize, p.Secret))
	b, err := p.Encode()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// directory knows ada, who needs a code, and bert, who needs none.
func directory(t *testing.T, q *radius.Packet, wire []byte) [][]byte {
	if place, err := findMAC(wire); err != nil || string(wire[place:place+macSize]) != string(mac(wire, wire[4:headSize], place, []byte(secret))) {
		t.Errorf("the request's Message-Authenticator: %v", err)
	}
	p := q.Response(radius.CodeAccessReject)
	password := rfc2865.UserPassword_GetString(q)
	switch user := rfc2865.UserName_GetString(q); {
	case user == "ada" && password == "good" && rfc2865.State_Get(q) == nil:
		p.Code = radius.CodeAccessChallenge
		rfc2865.State_SetString(p, "of ada")
		rfc2865.ReplyMessage_SetString(p, "Your code")
		rfc2869.Prompt_Set(p, rfc2869.Prompt_Value_Echo)
	case user == "ada" && password == "4711" && rfc2865.State_GetString(q) == "of ada", user == "bert" && password == "good":
		p.Code = radius.CodeAccessAccept
		rfc2865.FilterID_AddString(p, "staff")
		rfc2865.Class_AddString(p, "night")
		rfc2865.Class_Add(p, []byte{0, 1, 0xff})
		rfc2865.FramedIPAddress_Set(p, net.IPv4(10, 8, 0, 9))
	case user == "carl":
		rfc2865.ReplyMessage_SetString(p, "Come back on Monday")
	}
	return [][]byte{sealed(t, p, wire)}
}

func login(user, password string, state []byte) auth.Login {
	return auth.Login{Username: user, Password: password, State: state, Request: &auth.Request{Env: new(hooks.Env)}}
}

func TestCheck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, make([]atomic.Int32, 2), nil, directory)
		want := auth.Person{Name: "ada", Groups: []string{"staff", "night"}, Lines: []string{"for 10.8.0.9"}}
		_, err := s.Check(t.Context(), login("ada", "good", nil))
		var more *auth.Challenge
		if !errors.As(err, &more) || more.Text != "Your code" || !more.Echo {
			t.Fatalf("%v", err)
		}
		if got, err := s.Check(t.Context(), login("ada", "4711", more.State)); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%+v, %v", got, err)
		}
		if _, err := s.Check(t.Context(), login("ada", "4712", more.State)); !errors.Is(err, auth.ErrWrongPassword) {
			t.Errorf("a wrong code: %v", err)
		}
		if _, err := s.Check(t.Context(), login("bert", "bad", nil)); !errors.Is(err, auth.ErrWrongPassword) {
			t.Errorf("a wrong password: %v", err)
		}
		var no *auth.RefusedError
		if _, err := s.Check(t.Context(), login("carl", "good", nil)); !errors.As(err, &no) || no.Told != "Come back on Monday" {
			t.Errorf("a reason: %v", err)
		}
		for _, password := range []string{"", strings.Repeat("x", 129)} {
			if _, err := s.Check(t.Context(), login("bert", password, nil)); !errors.As(err, &no) {
				t.Errorf("%.20q: %v", password, err)
			}
		}
		with := login("bert", "good", nil)
		with.Code = "4711"
		if _, err := s.Check(t.Context(), with); !errors.As(err, &no) {
			t.Errorf("with a code beside the password: %v", err)
		}
	})
}

// TestServers: a server that says nothing is asked last for a while, and costs nobody else
// its time; then it is asked first again.
func TestServers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked := make([]atomic.Int32, 2)
		s := source(t, asked, nil, directory)
		in := func(want time.Duration, counts ...int) {
			t.Helper()
			began := time.Now()
			if _, err := s.Check(t.Context(), login("bert", "good", nil)); err != nil {
				t.Error(err)
			}
			got := []int{int(asked[0].Load()), int(asked[1].Load())}
			if took := time.Since(began); took != want || !slices.Equal(got, counts) {
				t.Errorf("it took %v, want %v; asked %v, want %v", took, want, got, counts)
			}
		}
		in(5*time.Second, 3, 1)
		in(0, 3, 2)
		time.Sleep(silentTime + time.Second)
		in(5*time.Second, 6, 3)
	})
}

// TestNobodyAnswers: servers that are silent, and one that goes while it is asked.
func TestNobodyAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := source(t, make([]atomic.Int32, 2), nil, nil)
		_, err := s.Check(t.Context(), login("bert", "good", nil))
		var no *auth.RefusedError
		if err == nil || errors.As(err, &no) || errors.Is(err, auth.ErrWrongPassword) || !strings.Contains(err.Error(), "server 1: no answer") {
			t.Errorf("%v", err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second/2)
		defer cancel()
		began := time.Now()
		if _, err := s.Check(ctx, login("bert", "good", nil)); err == nil || time.Since(began) > time.Second {
			t.Errorf("after %v: %v", time.Since(began), err)
		}
	})
}

// TestForged: what does not prove that it comes from the server counts for nothing, and does
// not end the waiting for the answer that does.
func TestForged(t *testing.T) {
	accept := func(t *testing.T, q *radius.Packet, wire []byte, change func(p *radius.Packet)) []byte {
		p := q.Response(radius.CodeAccessAccept)
		change(p)
		return sealed(t, p, wire)
	}
	forgeries := map[string]func(t *testing.T, q *radius.Packet, wire []byte) []byte{
		"no Message-Authenticator": func(t *testing.T, q *radius.Packet, _ []byte) []byte {
			b, _ := q.Response(radius.CodeAccessAccept).Encode()
			return b
		},
		"another secret": func(t *testing.T, q *radius.Packet, wire []byte) []byte {
			return accept(t, q, wire, func(p *radius.Packet) { p.Secret = []byte("other") })
		},
		"another request": func(t *testing.T, q *radius.Packet, wire []byte) []byte {
			return accept(t, q, wire, func(p *radius.Packet) { p.Identifier++ })
		},
		"another authenticator": func(t *testing.T, q *radius.Packet, wire []byte) []byte {
			return accept(t, q, wire, func(p *radius.Packet) { p.Authenticator[3] ^= 1 })
		},
		"a code changed on the way": func(t *testing.T, q *radius.Packet, wire []byte) []byte {
			b := sealed(t, q.Response(radius.CodeAccessReject), wire)
			b[0] = byte(radius.CodeAccessAccept)
			return b
		},
		"its own words": func(_ *testing.T, _ *radius.Packet, wire []byte) []byte { return wire },
		"half a packet": func(t *testing.T, q *radius.Packet, wire []byte) []byte {
			return sealed(t, q.Response(radius.CodeAccessAccept), wire)[:30]
		},
		"a kind that decides nothing": func(t *testing.T, q *radius.Packet, wire []byte) []byte {
			return accept(t, q, wire, func(p *radius.Packet) { p.Code = radius.CodeAccountingResponse })
		},
	}
	for what, forge := range forgeries {
		synctest.Test(t, func(t *testing.T) {
			s := source(t, make([]atomic.Int32, 1), func(t *testing.T, q *radius.Packet, wire []byte) [][]byte { return [][]byte{forge(t, q, wire)} })
			if _, err := s.Check(t.Context(), login("bert", "bad", nil)); err == nil || !strings.Contains(err.Error(), "does not count") {
				t.Errorf("%s: %v", what, err)
			}
			s = source(t, make([]atomic.Int32, 1), func(t *testing.T, q *radius.Packet, wire []byte) [][]byte {
				return append([][]byte{forge(t, q, wire)}, directory(t, q, wire)...)
			})
			if _, err := s.Check(t.Context(), login("bert", "bad", nil)); !errors.Is(err, auth.ErrWrongPassword) {
				t.Errorf("%s, and then the answer: %v", what, err)
			}
		})
	}
}

func FuzzParseAnswer(f *testing.F) {
	q := &radius.Packet{Code: radius.CodeAccessRequest, Identifier: 7, Secret: []byte(secret)}
	wire, err := appendRequest(nil, q)
	if err != nil {
		f.Fatal(err)
	}
	p := q.Response(radius.CodeAccessAccept)
	good, err := p.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	f.Add(append([]byte{2, 7, 0, 22}, make([]byte, 18)...))
	f.Add([]byte("\x02\x07\x00\x26" + string(make([]byte, 16)) + "\x50\x12" + string(make([]byte, 16))))
	f.Fuzz(func(t *testing.T, b []byte) {
		if p, err := parseAnswer(b, wire, []byte(secret)); err == nil {
			t.Errorf("taken: %+v", p) // nobody here has the secret's hashes
		}
		if place, err := findMAC(b); err == nil && (place < headSize || place+macSize > len(b)) {
			t.Errorf("a Message-Authenticator at %d of %d", place, len(b))
		}
	})
}
