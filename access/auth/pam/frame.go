package pam

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// A frame is what one of the two programs says to the other: the magic word, how many
// strings there are, and each of them behind its length. Numbers are 16 bits, big-endian.
const magic = "CPA1"

// Limits of a frame.
const (
	maxStrings = 64
	maxString  = 8192 // bytes of one
	// MaxFrame is the most bytes that a frame can have.
	MaxFrame = len(magic) + 2 + maxStrings*(2+maxString)
)

// appendFrame appends a frame with some strings. It fails for what no frame can hold:
// too much, or a string with a NUL, which would end early in C.
func appendFrame(b []byte, all []string) ([]byte, error) {
	if len(all) > maxStrings {
		return nil, fmt.Errorf("%d values, at most %d fit", len(all), maxStrings)
	}
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, uint16(len(all)))
	for _, s := range all {
		if len(s) > maxString {
			return nil, fmt.Errorf("a value of %d bytes, at most %d fit", len(s), maxString)
		}
		if strings.Contains(s, "\x00") {
			return nil, errors.New("a value with a NUL")
		}
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	return b, nil
}

var errFrame = errors.New("not a frame of this version: this program and culvert-auth-pam have to be of one version")

// parseFrame reads a frame that is all of b.
func parseFrame(b []byte) ([]string, error) {
	if len(b) < len(magic)+2 || string(b[:len(magic)]) != magic {
		return nil, errFrame
	}
	n := int(binary.BigEndian.Uint16(b[len(magic):]))
	if b = b[len(magic)+2:]; n > maxStrings {
		return nil, errFrame
	}
	all := make([]string, 0, n)
	for range n {
		if len(b) < 2 {
			return nil, errFrame
		}
		size := int(binary.BigEndian.Uint16(b))
		if b = b[2:]; size > maxString || size > len(b) || strings.Contains(string(b[:size]), "\x00") {
			return nil, errFrame
		}
		all, b = append(all, string(b[:size])), b[size:]
	}
	if len(b) > 0 {
		return nil, errFrame
	}
	return all, nil
}
