package tunnel

import (
	"encoding/binary"

	"culvert/internal/checksum"
)

// Header lengths and offsets of RFC 791, 8200 and 9293.
const (
	ipv4HeaderLen = 20
	ipv6HeaderLen = 40
	tcpHeaderLen  = 20
	protocolTCP   = 6
	flagSYN       = 0x02
	optionEnd     = 0
	optionNop     = 1
	optionMSS     = 2
)

// clampMSS lowers the segment size that a TCP SYN in an IP packet asks for, so
// that no full segment makes an IP packet longer than maxInner. Any other
// packet, and maxInner 0, is left alone.
func clampMSS(packet []byte, maxInner int) {
	if maxInner == 0 || len(packet) < ipv4HeaderLen {
		return
	}
	var tcp []byte
	limit := maxInner - tcpHeaderLen
	switch packet[0] >> 4 {
	case 4:
		header := int(packet[0]&0x0f) * 4
		fragment := binary.BigEndian.Uint16(packet[6:]) & 0x1fff
		if header < ipv4HeaderLen || len(packet) < header || packet[9] != protocolTCP || fragment != 0 {
			return
		}
		tcp, limit = packet[header:], limit-ipv4HeaderLen
	case 6:
		if len(packet) < ipv6HeaderLen || packet[6] != protocolTCP {
			return
		}
		tcp, limit = packet[ipv6HeaderLen:], limit-ipv6HeaderLen
	}
	if len(tcp) < tcpHeaderLen || tcp[13]&flagSYN == 0 || limit <= 0 {
		return
	}
	clampOptions(tcp, uint16(min(limit, 0xffff)))
}

// clampOptions finds the MSS among a TCP header's options and lowers it.
func clampOptions(tcp []byte, limit uint16) {
	end := min(int(tcp[12]>>4)*4, len(tcp))
	for at := tcpHeaderLen; at+2 <= end; {
		if tcp[at] == optionEnd {
			return
		}
		if tcp[at] == optionNop {
			at++
			continue
		}
		length := int(tcp[at+1])
		if length < 2 || at+length > end {
			return
		}
		if tcp[at] == optionMSS && length == 4 {
			value := tcp[at+2 : at+4]
			if old := binary.BigEndian.Uint16(value); old > limit {
				binary.BigEndian.PutUint16(value, limit)
				adjustChecksum(tcp[16:18], old, limit, at%2 == 1)
			}
			return
		}
		at += length
	}
}

// adjustChecksum updates an Internet checksum for a word that changed (RFC
// 1624). A word at an odd offset is summed with its bytes swapped.
func adjustChecksum(sum []byte, old, now uint16, odd bool) {
	if odd {
		old, now = old<<8|old>>8, now<<8|now>>8
	}
	binary.BigEndian.PutUint16(sum, ^checksum.Add(^binary.BigEndian.Uint16(sum), ^old, now))
}
