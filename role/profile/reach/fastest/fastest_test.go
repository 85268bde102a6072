package fastest

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

// world is servers behind simulated paths, with a client that follows a Choice.
type world struct {
	*testing.T
	c     *Choice
	now   time.Time
	delay []time.Duration
	noise []time.Duration // mean of what is added
	loss  []float64
	dead  []bool
	rand  *rand.Rand
	moves []string // where to, and why
	at    int
	seen  time.Time // the present path was measured last
	asked int       // packets sent to measure others
}

func newWorld(t *testing.T, o Options, delays ...time.Duration) *world {
	w := &world{T: t, now: time.Unix(1e9, 0), delay: delays, noise: make([]time.Duration, len(delays)), loss: make([]float64, len(delays)), dead: make([]bool, len(delays)),
		rand: rand.New(rand.NewPCG(1, 2)), at: -1}
	var paths []Path
	for i := range delays {
		paths = append(paths, Path{Name: string(rune('a' + i))})
	}
	w.c = New(paths, o)
	for range enough {
		for i := range paths {
			w.sample(i)
		}
	}
	n, ok := w.c.Best(w.now)
	if leads, delay := w.c.Leads(w.now); !ok || !leads || delay != delays[n] {
		t.Fatalf("no first choice: %v, leads %v", ok, leads)
	}
	w.use(n)
	return w
}

func (w *world) use(n int) {
	w.at = n
	w.c.Use(w.now, n)
}

func (w *world) sample(n int) {
	lost := w.dead[n] || w.rand.Float64() < 2*w.loss[n] // there and back
	delay := w.delay[n]
	if w.noise[n] > 0 {
		delay += time.Duration(w.rand.ExpFloat64() * float64(w.noise[n]))
	}
	w.c.Sample(w.now, n, delay, lost)
}

// run lets time pass, in steps of a tenth of a second, with a tunnel that is full.
func (w *world) run(d time.Duration) { w.pass(d, true) }

// idle is run with a tunnel that is empty.
func (w *world) idle(d time.Duration) { w.pass(d, false) }

func (w *world) pass(d time.Duration, full bool) {
	for end := w.now.Add(d); w.now.Before(end); w.now = w.now.Add(100 * time.Millisecond) {
		if w.now.Sub(w.seen) >= 2*time.Second {
			w.seen = w.now
			w.sample(w.at)
			if full {
				w.c.Traffic(w.now, w.loss[w.at])
			}
		}
		for _, n := range w.c.Due(w.now) {
			w.asked++
			w.sample(n)
		}
		if n, why, ok := w.c.Decide(w.now); ok {
			w.moves = append(w.moves, w.c.paths[n].Name+": "+why)
			w.use(n)
		}
	}
}

// until lets time pass until the path in use is n, and returns how long that took.
func (w *world) until(n int, limit time.Duration) time.Duration {
	w.Helper()
	began := w.now
	for w.at != n {
		if w.now.Sub(began) > limit {
			w.Fatalf("%v later %s is in use, want %s; moves %q\n%+v", limit, w.c.paths[w.at].Name, w.c.paths[n].Name, w.moves, w.c.Table(w.now))
		}
		w.run(100 * time.Millisecond)
	}
	return w.now.Sub(began)
}

const msec = time.Millisecond

// TestBestAndDegraded: the first choice is the nearest; one that gets slow, then loses
// packets, then dies, is left for the best of the others.
func TestBestAndDegraded(t *testing.T) {
	w := newWorld(t, Options{}, 40*msec, 10*msec, 90*msec)
	if w.at != 1 {
		t.Fatalf("the first choice is %d", w.at)
	}
	w.run(2 * time.Minute)
	w.delay[1] = 150 * msec
	t.Log("left the slow one after", w.until(0, time.Minute+DefaultSteady))
	w.run(2 * time.Minute)
	w.loss[0] = 0.05
	t.Log("left the lossy one after", w.until(2, time.Minute+DefaultSteady))
	w.run(time.Minute)
	w.dead[2] = true
	w.sample(2)
	w.c.Failed(w.now)
	w.run(5 * time.Second)
	if w.at == 2 {
		t.Error("a server that fails is stayed at")
	}
	if len(w.moves) != 3 || !strings.Contains(w.moves[2], "does not answer any more") {
		t.Errorf("moves %q", w.moves)
	}
}

// TestNoFlapping: ten minutes of noise, much of it, move nobody between like servers.
func TestNoFlapping(t *testing.T) {
	for seed := range uint64(20) {
		w := newWorld(t, Options{}, 30*msec, 32*msec, 35*msec)
		w.rand = rand.New(rand.NewPCG(seed, 3))
		for i := range w.noise {
			w.noise[i], w.loss[i] = 8*msec, 0.002
		}
		w.run(10 * time.Minute)
		if len(w.moves) > 1 {
			t.Errorf("seed %d: %d moves in ten minutes: %q", seed, len(w.moves), w.moves)
		}
		if w.asked > 10*60 {
			t.Errorf("seed %d: %d packets to measure two others in ten minutes", seed, w.asked)
		}
	}
}

// TestSparse: while nothing happens, others get a packet each in half a minute, over TCP a
// connection each in two.
func TestSparse(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 40*msec, 90*msec)
	w.c.paths[2].TCP = true
	w.run(10 * time.Minute)
	if w.asked > 20+1+5+1 {
		t.Errorf("%d packets in ten minutes", w.asked)
	}
}

// TestRefused: a server that answers and lets nobody in is left out for a while, and not
// for ever.
func TestRefused(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 40*msec)
	w.c.Refused(w.now, 0, "it let nobody in")
	w.use(-1)
	if n, ok := w.c.Best(w.now); !ok || n != 1 {
		t.Fatalf("best is %d, %v", n, ok)
	}
	w.use(1)
	w.run(shun - time.Second)
	if len(w.moves) > 0 {
		t.Errorf("moves %q", w.moves)
	}
	w.until(0, 2*time.Minute)
}

// TestAllDown: with nobody answering there is no choice, and no panic.
func TestAllDown(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 40*msec)
	w.dead[0], w.dead[1] = true, true
	w.c.Failed(w.now)
	w.run(3 * time.Minute)
	if _, ok := w.c.Best(w.now); ok {
		t.Error("there is a best of none")
	}
	w.dead[1] = false
	w.until(1, time.Minute)
}

// TestWeight: a server that drains is left, and one that is full is used where it is far
// better.
func TestWeight(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 40*msec, 50*msec)
	w.c.Weigh(w.now, 0, Draining)
	w.until(1, 2*time.Minute)
	w.c.Weigh(w.now, 0, Full)
	w.run(2 * time.Minute)
	if w.at != 1 { // 30 against 40
		t.Errorf("moves %q", w.moves)
	}
	all := newWorld(t, Options{}, 10*msec)
	all.c.Weigh(all.now, 0, Draining)
	if n, ok := all.c.Best(all.now); !ok || n != 0 {
		t.Error("the only server is not used because it drains")
	}
}

func TestTable(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 40*msec, 90*msec)
	w.c.Refused(w.now, 2, "it let nobody in")
	rows := w.c.Table(w.now)
	if !rows[0].Chosen || rows[0].Why != "in use, and the best" || rows[1].Chosen || rows[1].Delay != 40 || !strings.Contains(rows[2].Why, "it let nobody in; left out for 5m0s more") {
		t.Errorf("%+v", rows)
	}
	fresh := New([]Path{{Name: "a"}}, Options{})
	if rows := fresh.Table(w.now); rows[0].Chosen || rows[0].Why != "not measured yet" {
		t.Errorf("%+v", rows)
	}
}

// TestNothingCameBack: of a server that never answered all is lost, and not only what the
// rule is sure of.
func TestNothingCameBack(t *testing.T) {
	now := time.Unix(0, 0)
	c := New([]Path{{Name: "a"}}, Options{})
	for range 3 {
		c.Sample(now, 0, 0, true)
	}
	if row := c.Table(now)[0]; row.Loss != 1 || row.Why != "no answer" {
		t.Errorf("%+v", row)
	}
}

// TestOneOfTheOthersIsDead: a server that fails is left for the best of those that answer
// now, and not for one that was better and is dead, too.
func TestOneOfTheOthersIsDead(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 20*msec, 40*msec)
	w.run(time.Minute)
	w.dead[0], w.dead[1] = true, true
	w.c.Doubt(w.now, w.now.Add(-w.c.Patience()))
	w.c.Sample(w.now, 2, 40*msec, false)
	w.now = w.now.Add(200 * msec)
	for _, n := range w.c.Due(w.now) {
		w.c.Sample(w.now.Add(40*msec), n, 40*msec, n != 2)
	}
	w.now = w.now.Add(300 * msec)
	w.c.Sample(w.now, 0, 120*msec, true)
	w.c.Failed(w.now)
	if n, why, ok := w.c.Decide(w.now); !ok || n != 2 {
		t.Errorf("%d %q %v", n, why, ok)
	}
}

// TestLeftTooSoon: a server that was left as dead and answers a moment later is given more
// time, and one that does not answer is not said to be good.
func TestLeftTooSoon(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 40*msec)
	patience := w.c.Patience()
	fails := func(back time.Duration) {
		t.Helper()
		w.dead[0] = true
		for range 30 {
			w.sample(0)
			w.c.Failed(w.now)
			if w.run(100 * msec); w.at == 1 {
				break
			}
		}
		if n, ok := w.c.Best(w.now); w.at != 1 || !ok || n != 1 {
			t.Fatalf("in use: %d, the best: %d", w.at, n)
		}
		w.run(back)
		w.dead[0] = false
		w.until(0, 3*time.Minute)
	}
	fails(time.Second)
	if got := w.c.Patience(); got != 2*patience {
		t.Errorf("it is given %v, and was %v before", got, patience)
	}
	fails(time.Minute)
	if got := w.c.Patience(); got != 2*patience {
		t.Errorf("after a minute it is given %v, and was %v before", got, patience)
	}
}

// TestAmong: what is known of paths stays known when others come and go, in any order; that
// one did not let this client in even while it is missing.
func TestAmong(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 40*msec, 90*msec)
	w.c.Refused(w.now, 0, "it let nobody in")
	w.c.Weigh(w.now, 1, Draining)
	a, b, c, d := Path{Name: "a"}, Path{Name: "b"}, Path{Name: "c"}, Path{Name: "d"}
	whys := func(paths ...Path) (list []string) {
		w.c = Among(w.c, w.now, paths)
		for _, r := range w.c.Table(w.now) {
			list = append(list, r.Name+": "+r.Why)
		}
		return list
	}
	out, drains := "a: it let nobody in; left out for 5m0s more", "b: it asks its clients to leave"
	for _, step := range []struct{ got, want []string }{
		{whys(c, a, b), []string{"c: the best of those that answer", out, drains}},
		{whys(d, c), []string{"d: not measured yet", "c: the best of those that answer"}},
		{whys(b, a), []string{drains, out}},
	} {
		if !slices.Equal(step.got, step.want) {
			t.Errorf("%q, want %q", step.got, step.want)
		}
	}
	whys(d)
	w.now = w.now.Add(shun + believed)
	if got := whys(a, b); !slices.Equal(got, []string{"a: not measured yet", "b: not measured yet"}) || len(w.c.gone) > 0 {
		t.Errorf("%q, and %d are remembered", got, len(w.c.gone))
	}
}

// TestOldLoss: a loss of the tunnel's packets that was seen once, while much passed, is no
// reason to move when nothing passes any more.
func TestOldLoss(t *testing.T) {
	for _, steady := range []time.Duration{3 * time.Second, DefaultSteady} {
		w := newWorld(t, Options{Steady: steady}, 30*msec, 32*msec)
		for w.now = w.now.Add(2 * time.Minute); w.c.paths[0].traffic.lost == 0; w.c.Traffic(w.now, 0.03) {
			w.idle(5 * time.Second)
		}
		w.idle(time.Minute)
		if len(w.moves) > 0 {
			t.Errorf("SECONDS %v: moved: %q", steady, w.moves)
		}
		for range 20 {
			w.idle(5 * time.Second)
			w.c.Traffic(w.now, 0.03)
		}
		if len(w.moves) == 0 {
			t.Errorf("SECONDS %v: a loss that goes on moves nobody", steady)
		}
	}
}

// TestAnotherSession: the silence of a session that the server has forgotten is none of the
// session that takes its place.
func TestAnotherSession(t *testing.T) {
	w := newWorld(t, Options{}, 10*msec, 40*msec)
	w.sample(0)
	w.c.Sample(w.now, 0, 120*msec, true)
	w.c.Failed(w.now)
	w.use(0)
	w.sample(1)
	if n, why, ok := w.c.Decide(w.now); ok || w.c.Silent() {
		t.Errorf("to %d: %s", n, why)
	}
}
