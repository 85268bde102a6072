package tuntap

import "sync"

const (
	// chunkBytes has room for four super-packets of TCP.
	chunkBytes = 1 << 18
	// maxChunks bounds what one queue of a device holds to 16 MB: what arrives in
	// 13 ms at 10 Gbit/s.
	maxChunks = 64
)

// chunk is room for packets, one behind the other. It is free again when all of
// them are gone.
type chunk struct {
	used    int // bytes
	packets int
	bytes   [chunkBytes]byte
}

// chunkPool is shared by all devices, so that an idle device holds no chunk.
var chunkPool = sync.Pool{New: func() any { return new(chunk) }}

// chunks are the chunks of one queue of a device.
type chunks struct {
	filling *chunk // the last one, with room; nil: none
	count   int
}

// room returns where to read the next packet, of any size, or nil when all chunks
// are in use.
func (s *chunks) room() []byte {
	if s.filling == nil || s.filling.used+superRoom > chunkBytes {
		if s.count == maxChunks {
			return nil
		}
		s.filling = chunkPool.Get().(*chunk)
		s.count++
	}
	return s.filling.bytes[s.filling.used:][:superRoom]
}

// keep keeps the n bytes that were read into room as a packet.
func (s *chunks) keep(n int) (in *chunk, packet []byte) {
	in = s.filling
	packet = in.bytes[in.used:][:n]
	in.used += n
	in.packets++
	return in, packet
}

// free gives up a packet.
func (s *chunks) free(in *chunk) {
	if in.packets--; in.packets > 0 {
		return
	}
	in.used = 0 // to be filled again from the front, which is in the processor's cache
	if in != s.filling {
		s.put(in)
	}
}

// rest gives back chunks that are empty.
func (s *chunks) rest() {
	if s.filling != nil && s.filling.packets == 0 {
		s.put(s.filling)
		s.filling = nil
	}
}

func (s *chunks) put(c *chunk) {
	chunkPool.Put(c)
	s.count--
}
