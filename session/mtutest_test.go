package session

import (
	"encoding/binary"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/internal/buf"
	"culvert/session/wrap"
)

// remarks returns what an end reported in words.
func remarks(e *end) (all []string) {
	for _, event := range e.events {
		if r, ok := event.(Remark); ok {
			all = append(all, r.Text)
		}
	}
	return all
}

// TestMTUTest: a test finds the largest of its sizes that passes, each way.
func TestMTUTest(t *testing.T) {
	const largest = 1500 + 4 + 8 + 16 // opcode and peer-id, epoch and packet-id, tag
	sizes := make([]int, loadSizes)
	for i := range sizes {
		sizes[i] = largest - (largest-leastLoad)*i/(loadSizes-1)
	}
	for _, passes := range []int{0, largest, 1400, 1300, 600} {
		sim := newPair(t, path{delay: 20 * time.Millisecond, mtu: passes}, func(client, _ *Config, _ *wrap.Armour) { client.MTUTest = 1500 })
		sim.path.mtu = 0 // the handshake is not what is tested
		sim.run(time.Minute, sim.established)
		sim.path.mtu = passes
		sim.pass(5 * time.Minute)
		want := sizes[slices.IndexFunc(sizes, func(size int) bool { return passes == 0 || size <= passes })]
		text := fmt.Sprintf("NOTE: Empirical MTU test completed [Tried,Actual] local->remote=[%d,%d] remote->local=[%d,%d]", largest, want, largest, want)
		said := remarks(sim.client)
		if len(said) != 2 || !strings.HasPrefix(said[0], "NOTE: Beginning empirical MTU test") || said[1] != text {
			t.Errorf("a path of %d: %q, want %q", passes, said, text)
		}
		if said := remarks(sim.server); len(said) != 0 {
			t.Errorf("the server says %q", said)
		}
	}
}

// TestMTUTestWithoutAnswer: a peer that answers nothing is not asked for ever.
func TestMTUTestWithoutAnswer(t *testing.T) {
	sim := newPair(t, path{}, func(client, _ *Config, _ *wrap.Armour) { client.MTUTest = 1500 })
	sim.run(time.Minute, sim.established)
	sent := 0
	sim.drop = func(from *end, b []byte) bool {
		if from == sim.client && b[0]>>3 == 9 {
			sent++
			return true
		}
		return false
	}
	sim.pass(10 * time.Minute)
	said := remarks(sim.client)
	if len(said) != 2 || !strings.Contains(said[1], "does not say what it received") {
		t.Errorf("%q", said)
	}
	if most := testSteps + reportTries; sent > most {
		t.Errorf("%d messages, want at most %d", sent, most)
	}
}

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
	if r := sim.client.data.loads.report.Load(); r != reported|mostLoad {
		t.Errorf("report %x, want %x", r, uint64(reported|mostLoad))
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
		sim.server.mtuTest.largest = 0
		sim.server.Path.Output(sim.now, func(answer []byte) {
			if len(answer) > mostLoad {
				t.Errorf("%d bytes for % x", len(answer), message)
			}
		})
		if len(message) >= 3 && message[0] == occAskLoad && binary.BigEndian.Uint16(message[1:]) > 0 && sim.server.mtuTest.largest == 0 {
			t.Errorf("% x is not answered", message)
		}
	})
}
