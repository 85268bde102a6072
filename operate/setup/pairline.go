package setup

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// pairLine is what one host tells the other. None of it is secret. As text it is
// one word of lower-case letters and digits that begins with pairPrefix and ends
// with a checksum. Blanks, line breaks, hyphens and case in it do not matter.
//
//	kind 1 | fingerprint 32 | port 2 | host length 1 | host |
//	    invitation: free 2
//	    answer: invitation's tag 8, choice 1
//	checksum 4
type pairLine struct {
	kind        pairKind
	fingerprint [sha256.Size]byte // of the sender's certificate
	port        int               // UDP port and
	host        string            // host where the sender listens; 0 and "" if it does not

	free   uint16  // invitation: a bit for each of pairAddresses that is free
	tag    pairTag // answer: the invitation it is to
	choice uint8   // answer: index of the chosen pairAddresses
}

type pairKind byte

const (
	invitation pairKind = 1
	answer     pairKind = 2
)

// pairTag identifies an invitation.
type pairTag [8]byte

const (
	pairPrefix   = "cvp1"
	checksumLen  = 4
	maxPairWord  = 1024
	pairMendText = "copy the whole line that `culvert pair` printed, from " + pairPrefix + " to its end"
)

// ErrPairLine is wrapped by the errors of a line that is wrong.
var ErrPairLine = errors.New("not a line of `culvert pair`")

var pairCoding = base32.StdEncoding.WithPadding(base32.NoPadding)

func (l *pairLine) append(b []byte) []byte {
	b = append(b, byte(l.kind))
	b = append(b, l.fingerprint[:]...)
	b = binary.BigEndian.AppendUint16(b, uint16(l.port))
	b = append(append(b, byte(len(l.host))), l.host...)
	if l.kind == invitation {
		return binary.BigEndian.AppendUint16(b, l.free)
	}
	return append(append(b, l.tag[:]...), l.choice)
}

// String returns the line as text.
func (l *pairLine) String() string {
	b := l.append(nil)
	sum := pairChecksum(b)
	return pairPrefix + strings.ToLower(pairCoding.EncodeToString(append(b, sum[:]...)))
}

// ownTag returns the tag of an invitation.
func (l *pairLine) ownTag() pairTag {
	sum := sha256.Sum256(l.append([]byte("culvert pair invitation\x00")))
	return pairTag(sum[:])
}

func pairChecksum(b []byte) [checksumLen]byte {
	sum := sha256.Sum256(append([]byte("culvert pair line\x00"), b...))
	return [checksumLen]byte(sum[:])
}

// parsePairLine parses a line. Its error wraps ErrPairLine.
func parsePairLine(text string) (*pairLine, error) {
	if len(text) > maxPairWord {
		return nil, fmt.Errorf("%w: it is too long; %s", ErrPairLine, pairMendText)
	}
	word := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n-\"'`", r) {
			return -1
		}
		return r
	}, strings.ToLower(text))
	coded, ok := strings.CutPrefix(word, pairPrefix)
	if !ok {
		return nil, fmt.Errorf("%w: it does not begin with %s; %s", ErrPairLine, pairPrefix, pairMendText)
	}
	coded = strings.ToUpper(coded)
	b, err := pairCoding.DecodeString(coded)
	if err != nil || len(b) < checksumLen || pairCoding.EncodeToString(b) != coded {
		return nil, fmt.Errorf("%w: it is damaged; %s", ErrPairLine, pairMendText)
	}
	body, sum := b[:len(b)-checksumLen], b[len(b)-checksumLen:]
	if pairChecksum(body) != [checksumLen]byte(sum) {
		return nil, fmt.Errorf("%w: a part is missing or changed; %s", ErrPairLine, pairMendText)
	}
	return decodePairLine(body)
}

func decodePairLine(b []byte) (*pairLine, error) {
	l := new(pairLine)
	short := fmt.Errorf("%w: it comes from another version of culvert", ErrPairLine)
	const fixed = 1 + sha256.Size + 2 + 1
	if len(b) < fixed || len(b) < fixed+int(b[fixed-1]) {
		return nil, short
	}
	l.kind = pairKind(b[0])
	copy(l.fingerprint[:], b[1:])
	l.port = int(binary.BigEndian.Uint16(b[1+sha256.Size:]))
	l.host = string(b[fixed : fixed+int(b[fixed-1])])
	b = b[fixed+len(l.host):]
	switch {
	case l.kind == invitation && len(b) == 2:
		l.free = binary.BigEndian.Uint16(b)
	case l.kind == answer && len(b) == len(l.tag)+1:
		l.tag, l.choice = pairTag(b), b[len(l.tag)]
	default:
		return nil, short
	}
	return l, l.check()
}

// check refuses an address that could not be written to a configuration.
func (l *pairLine) check() error {
	if l.host == "" && l.port == 0 && l.kind == answer {
		return nil
	}
	if err := (reach{Host: l.host, Port: l.port}).check(); err != nil {
		return fmt.Errorf("%w: %w", ErrPairLine, err)
	}
	return nil
}
