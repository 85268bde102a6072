package wire

// Compression is how packets inside the data channel say whether they are
// compressed. Peers must agree on it even when none ever is.
type Compression uint8

// The framings.
const (
	// CompressionOff: packets stand alone.
	CompressionOff Compression = iota
	// CompressionLZO: a byte before each packet (`comp-lzo`, `compress lzo`).
	CompressionLZO
	// CompressionStub: a byte in place of the packet's first, which goes to
	// the end (`compress`, `compress stub`, `compress lz4`).
	CompressionStub
	// CompressionV2: two bytes before packets that are compressed, or begin
	// as if they were; all others stand alone (`compress stub-v2`, `lz4-v2`).
	CompressionV2
)

func (c Compression) String() string {
	switch c {
	case CompressionLZO:
		return "comp-lzo"
	case CompressionStub:
		return "compress stub"
	case CompressionV2:
		return "compress stub-v2"
	}
	return "no compression framing"
}

// The first byte of a framed packet. That of CompressionV2 is followed by one
// of the algorithms.
const (
	FramePlain     = 0xfa // what follows is the packet
	FramePlainSwap = 0xfb // the packet's first byte is at the end
	FrameLZO       = 0x66 // LZO1X follows
	FrameLZ4Swap   = 0x69 // an LZ4 block, its first byte at the end
	FrameV2        = 0x50

	AlgorithmNone = 0
	AlgorithmLZ4  = 1
	AlgorithmLZO  = 2
)

// ParseCompression is the framing that `comp-lzo` or `compress` with an
// argument stands for; "" is no argument. ok is false for anything else, and
// for `compress migrate`, which stands for none.
func ParseCompression(directive, argument string) (c Compression, ok bool) {
	if directive == "comp-lzo" {
		switch argument {
		case "", "yes", "no", "adaptive":
			return CompressionLZO, true
		}
		return CompressionOff, false
	}
	switch argument {
	case "lzo":
		return CompressionLZO, true
	case "", "stub", "lz4":
		return CompressionStub, true
	case "stub-v2", "lz4-v2":
		return CompressionV2, true
	}
	return CompressionOff, false
}
