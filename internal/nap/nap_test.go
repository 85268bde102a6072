package nap

import (
	"testing"
	"time"
)

// play makes a reader find nothing at a regular interval, with packets before each
// time, and returns how many times it napped.
func play(p *Policy, now *time.Duration, times int, every time.Duration, packets int) (naps int) {
	for range times {
		*now += every
		p.Read(packets)
		if p.Nap(*now) {
			naps++
		}
	}
	return naps
}

func TestNapsWhilePacketsComeOneByOne(t *testing.T) {
	var p Policy
	var now time.Duration
	if n := play(&p, &now, leastStreak, 20*time.Microsecond, 1); n != 0 {
		t.Errorf("napped %d times before the load was known to last", n)
	}
	play(&p, &now, 1, 20*time.Microsecond, 1)
	if n := play(&p, &now, 1000, Length, 4); n < 900 || n >= 1000 {
		t.Errorf("napped %d times of 1000 under load, want all but one in %d", n, inARow)
	}
	if n := play(&p, &now, 2, Length, 0); n != 0 {
		t.Errorf("napped %d times with nothing there", n)
	}
}

// A sender that waits for an answer before its next packet must not be delayed.
func TestLeavesQuestionAndAnswerAlone(t *testing.T) {
	var p Policy
	var now time.Duration
	if n := play(&p, &now, 100_000, quick+time.Microsecond, 1); n != 0 {
		t.Errorf("napped %d times on a path of ordinary length", n)
	}
	if n := play(&p, &now, 100_000, 50*time.Microsecond, 1); n > 1000 {
		t.Errorf("napped %d times of 100,000 on a short path", n)
	}
}

func TestNapsAgainAfterItDidNotPay(t *testing.T) {
	var p Policy
	var now time.Duration
	play(&p, &now, 100_000, 50*time.Microsecond, 1)
	play(&p, &now, mostStreak+2*leastStreak, 20*time.Microsecond, 2)
	if n := play(&p, &now, 1000, Length, 4); n < 900 || n >= 1000 {
		t.Errorf("napped %d times of 1000 under load, want all but one in %d", n, inARow)
	}
}

func BenchmarkNap(b *testing.B) {
	var p Policy
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		p.Read(2)
		p.Nap(time.Duration(i))
	}
}
