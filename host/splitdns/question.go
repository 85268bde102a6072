package splitdns

import (
	"encoding/binary"
	"errors"
	"slices"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	headerSize = 12    // of a message, in bytes
	minUDP     = 512   // what every asker takes over UDP (RFC 1035)
	maxMessage = 65535 // over TCP
	maxQuery   = 4096  // over UDP; a question with all its options is far shorter

	maxDatagram = 4096 // of an answer over UDP; longer ones are asked for by TCP
)

// question is a query that may be passed on.
type question struct {
	id   uint16
	name string // canonical
	kind dnsmessage.Type
	end  int // where the question section ends
	room int // how large an answer over UDP may be
}

// Why a query is not passed on. errNoQuery gets no answer at all.
var (
	errNoQuery = errors.New("no query")
	errFormat  = &refusal{dnsmessage.RCodeFormatError}
	errOpcode  = &refusal{dnsmessage.RCodeNotImplemented}
	errKind    = &refusal{dnsmessage.RCodeRefused}
)

// refusal is an error that is answered with a code.
type refusal struct{ code dnsmessage.RCode }

func (r *refusal) Error() string { return "query refused: " + r.code.String() }

// The kinds of question that move whole zones (RFC 5936, 1995).
const typeIXFR, typeAXFR dnsmessage.Type = 251, 252

// parseQuestion reads a query.
func parseQuestion(msg []byte) (q question, err error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil || h.Response {
		return q, errNoQuery
	}
	q.id, q.room = h.ID, minUDP
	if h.OpCode != 0 {
		return q, errOpcode
	}
	if binary.BigEndian.Uint16(msg[4:]) != 1 {
		return q, errFormat
	}
	asked, err := p.Question()
	if err != nil {
		return q, errFormat
	}
	if asked.Type == typeAXFR || asked.Type == typeIXFR {
		return q, errKind
	}
	q.name, q.kind = canonical(asked.Name.String()), asked.Type
	if q.end, err = questionEnd(msg); err != nil {
		return q, errFormat
	}
	q.room = room(&p)
	return q, nil
}

// questionEnd returns where the only question of a message ends. A name there is not
// compressed.
func questionEnd(msg []byte) (int, error) {
	at := headerSize
	for at < len(msg) && msg[at] != 0 {
		if msg[at] > 63 {
			return 0, errFormat
		}
		at += 1 + int(msg[at])
	}
	if at += 5; at > len(msg) {
		return 0, errFormat
	}
	return at, nil
}

// room returns how large an answer over UDP may be, by the option of EDNS (RFC 6891) among
// the records after the question.
func room(p *dnsmessage.Parser) int {
	if p.SkipAllQuestions() != nil || p.SkipAllAnswers() != nil || p.SkipAllAuthorities() != nil {
		return minUDP
	}
	for {
		h, err := p.AdditionalHeader()
		if err != nil {
			return minUDP
		}
		if h.Type == dnsmessage.TypeOPT {
			return max(minUDP, int(h.Class))
		}
		if p.SkipAdditional() != nil {
			return minUDP
		}
	}
}

// failed answers a query with a code, and with its question if there is one.
func failed(query []byte, q question, code dnsmessage.RCode) []byte {
	end, questions := q.end, uint16(1)
	if end == 0 {
		end, questions = headerSize, 0
	}
	b := append([]byte(nil), query[:end]...)
	b[2] = b[2]&0x79 | 0x80  // an answer with the same opcode, recursion as it was desired
	b[3] = 0x80 | byte(code) // recursion available
	binary.BigEndian.PutUint16(b[4:], questions)
	clear(b[6:headerSize])
	return b
}

// truncated answers that the answer has no room in a datagram.
func truncated(query []byte, q question) []byte {
	b := failed(query, q, dnsmessage.RCodeSuccess)
	b[2] |= 2
	return b
}

// isTruncated reports whether an answer says that it had no room.
func isTruncated(msg []byte) bool { return msg[2]&2 != 0 }

// answers reports whether msg is an answer to a query with this id: only its server can know
// that, and the same question.
func answers(query, msg []byte, q question, id uint16) bool {
	if len(msg) < q.end || binary.BigEndian.Uint16(msg) != id || msg[2]&0x80 == 0 || msg[2]&0x78 != query[2]&0x78 ||
		binary.BigEndian.Uint16(msg[4:]) != 1 {
		return false
	}
	const kindAndClass = 4 // bytes
	at := q.end - kindAndClass
	return sameName(msg[headerSize:at], query[headerSize:at]) && string(msg[at:q.end]) == string(query[at:q.end])
}

// sameName compares names as they are in messages, whatever the case of their letters. The
// length of a label is no letter.
func sameName(a, b []byte) bool {
	return slices.EqualFunc(a, b, func(x, y byte) bool { return lower(x) == lower(y) })
}

func lower(b byte) byte {
	if 'A' <= b && b <= 'Z' {
		return b + 'a' - 'A'
	}
	return b
}

// code returns the answer's code, as far as it is in the header.
func code(msg []byte) dnsmessage.RCode { return dnsmessage.RCode(msg[3] & 15) }
