package session

// outbox is ciphertext that waits for its control packets. It keeps apart what
// crypto/tls wrote at once, a flight of the handshake or the record of one
// message: OpenVPN 3 takes one message from a control packet, and finds what
// follows it there only when the next packet comes.
type outbox struct {
	writes [][]byte // none is empty
	size   int      // bytes in all of them
}

func (o *outbox) empty() bool { return o.size == 0 }

func (o *outbox) add(b []byte) {
	if len(b) > 0 {
		o.writes = append(o.writes, append([]byte(nil), b...))
		o.size += len(b)
	}
}

// next takes the payload of the next control packet, at most n bytes, all of
// the same write. An idle outbox holds no memory.
func (o *outbox) next(n int) []byte {
	first := o.writes[0]
	n = min(n, len(first))
	o.size -= n
	if o.writes[0] = first[n:]; n == len(first) {
		o.writes = o.writes[1:]
	}
	if o.empty() {
		o.writes = nil
	}
	return first[:n:n]
}
