package brake

import (
	"testing"
	"testing/synctest"
	"time"
)

var start = time.Unix(1_800_000_000, 0)

// spin fails again and again at once, and reports how often, how often that was
// news, and when it ended.
func spin(b *Brake, begin time.Time) (failures, news int, end time.Time) {
	for now := begin; ; failures++ {
		v := b.Failed(now)
		if v.News {
			news++
		}
		if v.End {
			return failures, news, now
		}
		now = now.Add(v.Pause)
	}
}

func TestSpin(t *testing.T) {
	var b Brake
	failures, news, end := spin(&b, start)
	if failures > 60 || news != 1 {
		t.Errorf("%d failures, of which %d were news", failures, news)
	}
	if took := end.Sub(start); took < Patience || took > Patience+longestPause {
		t.Errorf("it ended after %v", took)
	}
}

// TestFew: failures now and then, or a few at once, cost nothing.
func TestFew(t *testing.T) {
	var b Brake
	now := start
	for i := range 1000 {
		if v := b.Failed(now); v != (Verdict{}) {
			t.Fatalf("failure %d: %+v", i, v)
		}
		switch {
		case i%free == free-1:
			b.Succeeded()
		case i%3 == 0:
			now = now.Add(calm)
		}
	}
}

// TestCalm: if reads wait before they fail, the brake never ends the loop.
func TestCalm(t *testing.T) {
	var b Brake
	for i := range 10_000 {
		if v := b.Failed(start.Add(time.Duration(i) * calm)); v != (Verdict{}) {
			t.Fatalf("failure %d: %+v", i, v)
		}
	}
	b = Brake{}
	for range free {
		b.Failed(start)
	}
	v := b.Failed(start)
	if v.Pause != firstPause {
		t.Fatalf("the first pause is %v", v.Pause)
	}
	if v = b.Failed(start.Add(v.Pause + calm - 1)); v.Pause != 2*firstPause {
		t.Errorf("just within the limit: %+v", v)
	}
	if v = b.Failed(start.Add(3*firstPause + 2*calm)); v.Pause != 0 {
		t.Errorf("after a wait: %+v", v)
	}
}

// TestPauses: each is twice the one before, up to the longest.
func TestPauses(t *testing.T) {
	var b Brake
	now, want := start, time.Duration(0)
	for i := range free + 20 {
		v := b.Failed(now)
		switch {
		case i == free:
			want = firstPause
		case i > free:
			want = min(2*want, longestPause)
		}
		if v.Pause != want {
			t.Errorf("pause %d is %v, want %v", i, v.Pause, want)
		}
		now = now.Add(v.Pause)
	}
}

// TestNews: failures that begin again are news once a minute.
func TestNews(t *testing.T) {
	var b Brake
	news := 0
	for second := range 120 {
		now := start.Add(time.Duration(second) * time.Second)
		for range free + 5 {
			v := b.Failed(now)
			if now = now.Add(v.Pause); v.News {
				news++
			}
		}
		b.Succeeded()
	}
	if news != 2 {
		t.Errorf("%d reports in two minutes", news)
	}
}

func TestWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin, done := time.Now(), make(chan struct{})
		if !Wait(done, 0) || !Wait(done, time.Second) || time.Since(begin) != time.Second {
			t.Errorf("it waited for %v", time.Since(begin))
		}
		go func() {
			time.Sleep(time.Second)
			close(done)
		}()
		if Wait(done, time.Hour) || time.Since(begin) != 2*time.Second {
			t.Errorf("it was not interrupted: %v", time.Since(begin))
		}
	})
}
