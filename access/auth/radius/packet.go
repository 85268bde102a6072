package radius

import (
	"crypto/hmac"
	"crypto/md5"
	"encoding/binary"
	"errors"

	"layeh.com/radius"
	"layeh.com/radius/rfc2869"
)

const (
	headSize          = 20 // of a packet (RFC 2865, 3)
	attributeHeadSize = 2
	macType           = byte(rfc2869.MessageAuthenticator_Type)
	macSize           = 16
)

// appendRequest appends a packet as it is sent, with a Message-Authenticator as its first
// attribute: there, nothing of a forger's choice can come before it.
func appendRequest(b []byte, p *radius.Packet) ([]byte, error) {
	q := *p
	q.Attributes = append(radius.Attributes{{Type: rfc2869.MessageAuthenticator_Type, Attribute: make(radius.Attribute, macSize)}}, p.Attributes...)
	wire, err := q.Encode()
	if err != nil {
		return nil, err
	}
	sum := mac(wire, q.Authenticator[:], headSize+attributeHeadSize, q.Secret)
	copy(wire[headSize+attributeHeadSize:], sum)
	return append(b, wire...), nil
}

// mac is the Message-Authenticator of a packet where an authenticator stands in the place of
// its own, and zeros in that of the Message-Authenticator, which is at a place.
func mac(wire, authenticator []byte, place int, secret []byte) []byte {
	h := hmac.New(md5.New, secret)
	h.Write(wire[:4])
	h.Write(authenticator)
	h.Write(wire[headSize:place])
	h.Write(make([]byte, macSize))
	h.Write(wire[place+macSize:])
	return h.Sum(nil)
}

// Why an answer does not count.
var (
	errNotAnswer   = errors.New("it is no answer to the request")
	errNotSecret   = errors.New("it was not made with this secret")
	errNoMAC       = errors.New("it has no Message-Authenticator, without which it may be forged; have the server send one (FreeRADIUS: require_message_authenticator = yes), or update it")
	errUnreadable  = errors.New("it is no RADIUS packet")
	errUnknownCode = errors.New("it neither accepts nor rejects")
)

// parseAnswer reads the answer to a request. It fails for anything that does not prove that it
// comes from who has the secret.
func parseAnswer(b, request, secret []byte) (*radius.Packet, error) {
	if len(b) < headSize {
		return nil, errUnreadable
	}
	length := int(binary.BigEndian.Uint16(b[2:]))
	if length < headSize || length > len(b) {
		return nil, errUnreadable
	}
	b = b[:length] // what is behind is padding (RFC 2865, 3)
	if len(request) < headSize || b[1] != request[1] {
		return nil, errNotAnswer
	}
	if !radius.IsAuthenticResponse(b, request, secret) {
		return nil, errNotSecret
	}
	place, err := findMAC(b)
	if err != nil {
		return nil, err
	}
	if !hmac.Equal(b[place:place+macSize], mac(b, request[4:headSize], place, secret)) {
		return nil, errNotSecret
	}
	p, err := radius.Parse(b, secret)
	if err != nil {
		return nil, errUnreadable
	}
	copy(p.Authenticator[:], request[4:headSize])
	switch p.Code {
	case radius.CodeAccessAccept, radius.CodeAccessReject, radius.CodeAccessChallenge:
		return p, nil
	}
	return nil, errUnknownCode
}

// findMAC returns where the value of the only Message-Authenticator begins.
func findMAC(b []byte) (place int, err error) {
	for i := headSize; i < len(b); {
		if len(b)-i < attributeHeadSize {
			return 0, errUnreadable
		}
		size := int(b[i+1])
		if size < attributeHeadSize || size > len(b)-i {
			return 0, errUnreadable
		}
		if b[i] == macType {
			if place != 0 || size != attributeHeadSize+macSize {
				return 0, errUnreadable
			}
			place = i + attributeHeadSize
		}
		i += size
	}
	if place == 0 {
		return 0, errNoMAC
	}
	return place, nil
}
