package session

import (
	"encoding/binary"
	"slices"
	"testing"
	"time"

	"culvert/internal/buf"
)

// TestMTUTestAnswers: a peer gets what it asks for, but not more often, or more of it,
// than is good.
func TestMTUTestAnswers(t *testing.T) {
	sim := newPair(t, path{}, nil)
	sim.run(time.Minute, sim.established)
	var answers [][]byte
	ask := func(message ...byte) {
		p := buf.New(64)
		p.Set(slices.Concat(occMagic, message))
		kind := KindOther
		if sim.server.data.loads.take(64, p.Bytes()) {
			kind = KindMTUTest
		}
		if kind == KindMTUTest {
			sim.server.MTUTest()
		}
		sim.server.Path.Output(sim.now, func(b []byte) { answers = append(answers, slices.Clone(b)) })
	}
	for range 50 {
		ask(0x02, 0x05, 0xe4) // as recorded
	}
	if len(answers) != 1 || len(answers[0]) != 1508 {
		t.Fatalf("%d answers, want one of 1508 bytes", len(answers))
	}
	sim.now = sim.now.Add(answerGap)
	ask(occAskLoad, 0xff, 0xff)
	if len(answers) != 2 || len(answers[1]) != mostLoad {
		t.Fatalf("%d answers, the last of %d bytes, want %d", len(answers), len(answers[len(answers)-1]), mostLoad)
	}
	sim.now = sim.now.Add(answerGap)
	ask(occAskReport)
	p := buf.New(64)
	p.Set(answers[2])
	if _, err := sim.client.data.Open(sim.now, p); err != nil {
		t.Fatal(err)
	}
	if at := sim.client.Data().LastAnswer(); !at.Equal(sim.now) {
		t.Errorf("the report came at %v, now is %v", at, sim.now)
	}
	sim.now = sim.now.Add(answerGap)
	for _, short := range [][]byte{{occAskLoad}, {occAskLoad, 1}, {occReport}, {occReport, 1, 2, 3}, {occAskLoad, 0, 0}} {
		if ask(short...); len(answers) != 3 {
			t.Errorf("% x is answered", short)
		}
	}
}

// FuzzMTUTest gives what a peer may send to both halves of a test.
func FuzzMTUTest(f *testing.F) {
	f.Add([]byte{occAskLoad, 0x05, 0xe4})
	f.Add([]byte{occReport, 0x05, 0xe4, 0x05, 0xe4})
	f.Add([]byte{occAskReport})
	sim := newPair(f, path{}, nil)
	sim.run(time.Minute, sim.established)
	f.Fuzz(func(t *testing.T, message []byte) {
		b := slices.Concat(occMagic, message)
		if kindOf(b) != KindMTUTest {
			return
		}
		sim.server.data.loads.take(len(b), b)
		sim.now = sim.now.Add(answerGap)
		sim.server.Path.messages.largest = 0
		sim.server.Path.Output(sim.now, func(answer []byte) {
			if len(answer) > mostLoad {
				t.Errorf("%d bytes for % x", len(answer), message)
			}
		})
		if len(message) >= 3 && message[0] == occAskLoad && binary.BigEndian.Uint16(message[1:]) > 0 && sim.server.Path.messages.largest == 0 {
			t.Errorf("% x is not answered", message)
		}
	})
}
