package wire

import (
	"errors"
	"fmt"
	"strings"
	"testing"
)

// TestHeaderAlone: a packet may end behind its header, and no earlier.
func TestHeaderAlone(t *testing.T) {
	header := (&Control{Op: PAckV1, Session: SessionID{1}}).AppendHeader(nil)
	var c Control
	if rest, err := c.ParseHeader(header); err != nil || len(rest) != 0 {
		t.Errorf("% x, %v", rest, err)
	}
	if _, err := c.ParseHeader(header[:ControlHeaderLen-1]); !errors.Is(err, ErrShort) {
		t.Errorf("a byte less: %v", err)
	}
}

func TestLongestKeyStrings(t *testing.T) {
	for n, ok := range map[int]bool{maxKeyString - 1: true, maxKeyString: false} {
		m := &KeyMethod2{Options: strings.Repeat("x", n)}
		b, err := AppendKeyMethod2(nil, m, true)
		if (err == nil) != ok {
			t.Errorf("%d bytes: %v", n, err)
		}
		if !ok {
			continue
		}
		if read, _, err := ParseKeyMethod2(b, true); err != nil || read.Options != m.Options {
			t.Errorf("%d bytes came back as %d, %v", n, len(read.Options), err)
		}
	}
}

// TestNULInKeyStrings: there is none, wherever.
func TestNULInKeyStrings(t *testing.T) {
	for _, text := range []string{"\x00", "\x00x", "x\x00"} {
		if _, err := AppendKeyMethod2(nil, &KeyMethod2{Password: text}, true); !errors.Is(err, ErrMalformed) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestEveryOpcodePrints(t *testing.T) {
	for o := range Opcode(32) {
		known := int(o) < len(opcodeNames) && opcodeNames[o] != ""
		if got := o.String(); known == (got == fmt.Sprintf("opcode %d", o)) {
			t.Errorf("opcode %d is called %q", o, got)
		}
	}
}
