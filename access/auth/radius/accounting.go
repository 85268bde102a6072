package radius

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"time"

	"layeh.com/radius"
	"layeh.com/radius/rfc2865"
	"layeh.com/radius/rfc2866"
	"layeh.com/radius/rfc2869"
	"layeh.com/radius/rfc6911"
)

// Account is what a server is told about a session (RFC 2866), or about this program.
type Account struct {
	Status     rfc2866.AcctStatusType
	Session    string
	User       string
	Remote     string // where the client comes from
	IPv4, IPv6 netip.Addr
	// Input is what came from the client, Output what went to it. Packets are 0 where they are
	// not known.
	InputOctets, OutputOctets   uint64
	InputPackets, OutputPackets uint64
	Duration                    time.Duration
	Cause                       rfc2866.AcctTerminateCause // 0: it goes on
	Class                       [][]byte                   // what the server gave with the login
	At                          time.Time                  // when it happened
}

// Accountant tells RADIUS servers about sessions. Make it with NewAccountant. It is for one
// goroutine.
type Accountant struct{ s *Source }

// NewAccountant returns what tells servers, each if those before it do not answer. Lines and
// Slots have no meaning for it.
func NewAccountant(o Options) *Accountant {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return &Accountant{NewSource(o)}
}

// ErrUntellable is the error of Tell for what no server can be told, whichever it is.
var ErrUntellable = errors.New("the session cannot be told about")

// Tell tells one of the servers, and returns nil when that has confirmed it.
func (a *Accountant) Tell(ctx context.Context, what Account) error {
	var all []error
	for _, i := range a.s.order(time.Now()) {
		err := a.tellOne(ctx, a.s.o.Servers[i], what)
		if err == nil {
			a.s.silent[i].Store(0)
			return nil
		}
		if errors.Is(err, ErrUntellable) {
			return err
		}
		all = append(all, fmt.Errorf("RADIUS server %s: %w", a.s.o.Servers[i].Address, err))
		if ctx.Err() != nil {
			break
		}
		a.s.silent[i].Store(time.Now().Add(silentTime).UnixNano())
	}
	return errors.Join(all...)
}

func (a *Accountant) tellOne(ctx context.Context, to Server, what Account) error {
	p := what.packet(a.s.o.Name, to.Secret, time.Now())
	wire, err := p.Encode()
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUntellable, err)
	}
	_, err = a.s.exchange(ctx, to, wire, parseAccounted)
	return err
}

// How many bytes an attribute can have (RFC 2865, 5), and how many Class attributes are told.
const (
	most      = 253
	mostClass = 8 // of one login: a packet has 4096 bytes
)

func bounded(s string) string { return s[:min(len(s), most)] }

// packet is the request that tells about a session. What a packet has no room for is left out,
// but for what a server needs to know which session it is.
func (a *Account) packet(name string, secret []byte, now time.Time) *radius.Packet {
	p := radius.New(radius.CodeAccountingRequest, secret)
	rfc2866.AcctStatusType_Set(p, a.Status)
	rfc2865.NASIdentifier_SetString(p, bounded(name))
	rfc2866.AcctSessionID_SetString(p, bounded(a.Session))
	rfc2869.EventTimestamp_Set(p, a.At)
	if late := now.Sub(a.At); late >= time.Second {
		rfc2866.AcctDelayTime_Set(p, rfc2866.AcctDelayTime(late/time.Second))
	}
	if a.Status == rfc2866.AcctStatusType_Value_AccountingOn || a.Status == rfc2866.AcctStatusType_Value_AccountingOff {
		return p
	}
	rfc2865.UserName_SetString(p, bounded(a.User))
	rfc2865.NASPortType_Set(p, rfc2865.NASPortType_Value_Virtual)
	rfc2865.ServiceType_Set(p, rfc2865.ServiceType_Value_FramedUser)
	rfc2865.CallingStationID_SetString(p, bounded(a.Remote))
	if a.IPv4.Is4() {
		rfc2865.FramedIPAddress_Set(p, net.IP(a.IPv4.AsSlice()))
	}
	if a.IPv6.Is6() {
		rfc6911.FramedIPv6Address_Set(p, net.IP(a.IPv6.AsSlice()))
	}
	for _, c := range a.Class[:min(len(a.Class), mostClass)] {
		rfc2865.Class_Add(p, c)
	}
	if a.Status != rfc2866.AcctStatusType_Value_Start {
		a.count(p)
	}
	return p
}

// count adds what a session has carried. Octets have 32 bits, and how often they were full stands
// beside them (RFC 2869, 5.1).
func (a *Account) count(p *radius.Packet) {
	rfc2866.AcctInputOctets_Set(p, rfc2866.AcctInputOctets(uint32(a.InputOctets)))
	rfc2866.AcctOutputOctets_Set(p, rfc2866.AcctOutputOctets(uint32(a.OutputOctets)))
	rfc2869.AcctInputGigawords_Set(p, rfc2869.AcctInputGigawords(a.InputOctets>>32))
	rfc2869.AcctOutputGigawords_Set(p, rfc2869.AcctOutputGigawords(a.OutputOctets>>32))
	rfc2866.AcctSessionTime_Set(p, rfc2866.AcctSessionTime(a.Duration/time.Second))
	if a.InputPackets > 0 || a.OutputPackets > 0 {
		rfc2866.AcctInputPackets_Set(p, rfc2866.AcctInputPackets(uint32(a.InputPackets)))
		rfc2866.AcctOutputPackets_Set(p, rfc2866.AcctOutputPackets(uint32(a.OutputPackets)))
	}
	if a.Cause != 0 {
		rfc2866.AcctTerminateCause_Set(p, a.Cause)
	}
}

// parseAccounted reads the answer to an Accounting-Request: that it was taken.
func parseAccounted(b, request, secret []byte) (*radius.Packet, error) {
	if len(b) < headSize {
		return nil, errUnreadable
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	if length < headSize || length > len(b) {
		return nil, errUnreadable
	}
	b = b[:length]
	switch {
	case len(request) < headSize || b[1] != request[1]:
		return nil, errNotAnswer
	case !radius.IsAuthenticResponse(b, request, secret):
		return nil, errNotSecret
	case radius.Code(b[0]) != radius.CodeAccountingResponse:
		return nil, errNotAccounted
	}
	return radius.Parse(b, secret)
}

var errNotAccounted = errors.New("it does not confirm that the session was accounted for; is this the server's port for accounting?")
