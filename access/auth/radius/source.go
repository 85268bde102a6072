package radius

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc6911"

	"culvert/access/auth"
	"culvert/access/hooks"
)

// Server is a RADIUS server, and the secret that it shares with this one.
type Server struct {
	Address string // host:port
	Secret  []byte
}

// Options say who is asked, and how.
type Options struct {
	// Servers are asked in order, each if those before it do not answer.
	Servers []Server
	// Name is how this server calls itself (NAS-Identifier).
	Name string
	// Lines returns the lines of a client's configuration for the addresses that a server gives
	// it; either may be invalid. nil: they are not looked at.
	Lines func(ipv4, ipv6 netip.Addr) []string
	Log   *slog.Logger
	// Slots bound how many logins are checked at a time.
	Slots *hooks.Slots
	// Dial connects to servers; nil: net.Dialer does.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Source is an auth.Source that asks RADIUS servers. Make it with NewSource. It is safe for
// concurrent use. A server that rejects somebody does not say whether it knows them, so that
// it decides about all who are asked about.
type Source struct {
	o      Options
	dial   func(ctx context.Context, address string) (net.Conn, error)
	silent []atomic.Int64 // by server: until when it is asked last, as Unix time in ns
	given  classes
}

// NewSource returns what asks RADIUS servers.
func NewSource(o Options) *Source {
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	return &Source{o: o, silent: make([]atomic.Int64, len(o.Servers)), dial: func(ctx context.Context, address string) (net.Conn, error) {
		return o.Dial(ctx, "udp", address)
	}}
}

// Name implements auth.Source.
func (s *Source) Name() string { return "radius" }

// maxPassword is the most bytes that PAP can carry (RFC 2865, 5.2).
const maxPassword = 128

// Check implements auth.Source.
func (s *Source) Check(ctx context.Context, l auth.Login) (p auth.Person, err error) {
	switch {
	case l.Username == "" || l.Password == "":
		return p, &auth.RefusedError{Reason: "the client gave no user name or no password"}
	case l.Code != "":
		return p, &auth.RefusedError{Reason: "the client asks for a code by static-challenge, which RADIUS has no place for; remove that line from the client's profile: the RADIUS server asks for a code itself"}
	case len(l.Password) > maxPassword:
		return p, &auth.RefusedError{Reason: fmt.Sprintf("the password has %d bytes, and RADIUS carries at most %d", len(l.Password), maxPassword)}
	}
	release, err := s.o.Slots.Acquire(ctx, l.Request.Source)
	if err != nil {
		return p, fmt.Errorf("RADIUS was not asked, because too many others were waiting: %w", err)
	}
	defer release()
	answer, server, err := s.ask(ctx, l)
	if err != nil {
		return p, err
	}
	said := joined(rfc2865.ReplyMessage_GetStrings(answer))
	switch answer.Code {
	case radius.CodeAccessAccept:
		return s.person(l, answer), nil
	case radius.CodeAccessChallenge:
		return p, challenge(answer, server, said)
	}
	if said != "" {
		return p, &auth.RefusedError{Reason: "the RADIUS server rejects the user: " + said, Told: said}
	}
	return p, auth.ErrWrongPassword
}

func joined(all []string, err error) string {
	if err != nil {
		return ""
	}
	return strings.TrimSpace(strings.Join(all, " "))
}

// challenge is the further question of a server, which has to get the answer itself.
func challenge(answer *radius.Packet, server int, said string) error {
	state := rfc2865.State_Get(answer)
	if len(state) == 0 || len(state) >= auth.MaxState {
		return errors.New("the RADIUS server asks a further question without a State, so that nobody could answer it")
	}
	if said == "" {
		said = "code"
	}
	return &auth.Challenge{Text: said, Echo: rfc2869.Prompt_Get(answer) == rfc2869.Prompt_Value_Echo, State: append([]byte{byte(server)}, state...)}
}

// person is whom a server accepts.
func (s *Source) person(l auth.Login, answer *radius.Packet) auth.Person {
	p := auth.Person{Name: l.Username}
	s.given.note(l, answer)
	for _, of := range []radius.Type{rfc2865.FilterID_Type, rfc2865.Class_Type} {
		for _, a := range answer.Attributes {
			if a.Type == of && isText(a.Attribute) {
				p.Groups = append(p.Groups, string(a.Attribute))
			}
		}
	}
	if s.o.Lines != nil {
		ipv4, _ := netip.AddrFromSlice(rfc2865.FramedIPAddress_Get(answer).To4())
		if chosen := netip.AddrFrom4([4]byte{255, 255, 255, 254}); ipv4.IsValid() && ipv4.Compare(chosen) >= 0 { // it is left to others to choose (RFC 2865, 5.8)
			ipv4 = netip.Addr{}
		}
		ipv6, _ := netip.AddrFromSlice(rfc6911.FramedIPv6Address_Get(answer))
		p.Lines = s.o.Lines(ipv4, ipv6)
	}
	return p
}

// isText reports whether a value can be the name of a group: servers put numbers of their own
// into Class, too.
func isText(b []byte) bool {
	return len(b) > 0 && utf8.Valid(b) && !strings.ContainsFunc(string(b), func(r rune) bool { return !unicode.IsPrint(r) })
}

// request returns what asks about a login.
func (s *Source) request(l auth.Login, state, secret []byte) (*radius.Packet, error) {
	p := radius.New(radius.CodeAccessRequest, secret)
	add := func(errs ...error) error { return errors.Join(errs...) }
	err := add(rfc2865.UserName_SetString(p, l.Username), rfc2865.UserPassword_SetString(p, l.Password), rfc2865.NASIdentifier_SetString(p, s.o.Name),
		rfc2865.NASPortType_Set(p, rfc2865.NASPortType_Value_Virtual), rfc2865.ServiceType_Set(p, rfc2865.ServiceType_Value_FramedUser))
	from := l.Request.Env.Get("untrusted_ip")
	if from == "" {
		from = l.Request.Env.Get("untrusted_ip6")
	}
	if from != "" {
		err = add(err, rfc2865.CallingStationID_SetString(p, from))
	}
	if len(state) > 0 {
		err = add(err, rfc2865.State_Set(p, state))
	}
	if err != nil {
		return nil, fmt.Errorf("what the client sent cannot be asked about: %w", err)
	}
	return p, nil
}

// The tries of a server, and how long one that did not answer is asked last.
var tries = []time.Duration{time.Second, 2 * time.Second, 2 * time.Second}

const silentTime = time.Minute

// ask asks the servers about a login, and returns the answer and whose it is.
func (s *Source) ask(ctx context.Context, l auth.Login) (answer *radius.Packet, server int, err error) {
	if len(l.State) > 0 {
		server = int(l.State[0])
		if server >= len(s.o.Servers) {
			return nil, 0, errors.New("the question is no longer known")
		}
		answer, err = s.askOne(ctx, server, l, l.State[1:])
		return answer, server, err
	}
	var all []error
	for _, server := range s.order(time.Now()) {
		answer, err := s.askOne(ctx, server, l, nil)
		if err == nil {
			s.silent[server].Store(0)
			return answer, server, nil
		}
		all = append(all, err)
		if ctx.Err() != nil {
			break
		}
		s.silent[server].Store(time.Now().Add(silentTime).UnixNano())
	}
	return nil, 0, errors.Join(all...)
}

// order is the order in which servers are asked: those that were silent come last.
func (s *Source) order(now time.Time) (all []int) {
	var last []int
	for i := range s.o.Servers {
		if s.silent[i].Load() > now.UnixNano() {
			last = append(last, i)
		} else {
			all = append(all, i)
		}
	}
	return append(all, last...)
}

// askOne asks a server about a login; state is that of its question, if the login answers one.
func (s *Source) askOne(ctx context.Context, server int, l auth.Login, state []byte) (*radius.Packet, error) {
	to := s.o.Servers[server]
	p, err := s.request(l, state, to.Secret)
	if err != nil {
		return nil, err
	}
	wire, err := appendRequest(nil, p)
	if err != nil {
		return nil, fmt.Errorf("what the client sent cannot be asked about: %w", err)
	}
	answer, err := s.exchange(ctx, to, wire, parseAnswer)
	if err != nil {
		return nil, fmt.Errorf("RADIUS server %s: %w", to.Address, err)
	}
	return answer, nil
}

// parser reads the answer to a request, and fails for what is none of who has the secret.
type parser func(b, request, secret []byte) (*radius.Packet, error)

// exchange sends a request until it is answered.
func (s *Source) exchange(ctx context.Context, to Server, wire []byte, parse parser) (*radius.Packet, error) {
	short, cancel := context.WithTimeout(ctx, tries[0])
	conn, err := s.dial(short, to.Address)
	cancel()
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	defer context.AfterFunc(ctx, func() { conn.Close() })()
	var wrong error
	for _, patience := range tries {
		if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
			return nil, err
		}
		if _, err := conn.Write(wire); err != nil {
			return nil, err
		}
		answer, err := await(conn, wire, to.Secret, parse, &wrong)
		var late net.Error
		if err == nil || !errors.As(err, &late) || !late.Timeout() {
			return answer, err
		}
	}
	if wrong != nil {
		return nil, fmt.Errorf("what came as an answer does not count: %w", wrong)
	}
	return nil, errors.New("no answer; it may not know this host as a client, or has another secret: look into its log")
}

// await waits for the answer to a request. Anything else is passed over, since anybody may
// have sent it; wrong says what it was.
func await(conn net.Conn, wire, secret []byte, parse parser, wrong *error) (*radius.Packet, error) {
	b := make([]byte, radius.MaxPacketLength)
	for {
		n, err := conn.Read(b)
		if err != nil {
			return nil, err
		}
		answer, err := parse(b[:n], wire, secret)
		if err == nil {
			return answer, nil
		}
		*wrong = err
	}
}
