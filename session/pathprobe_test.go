package session

import (
	mrand "math/rand/v2"
	"testing"
	"time"

	"culvert/internal/digest"
	"culvert/session/negotiate"
	"culvert/session/wrap"
)

// measurements returns what an end found of its path.
func measurements(e *end) (all []PathMeasured) {
	for _, event := range e.events {
		if m, ok := event.(PathMeasured); ok {
			all = append(all, m)
		}
	}
	return all
}

// dataPackets counts what an end sends on the data channel.
func dataPackets(sim *pair, who *end) *int {
	n := new(int)
	sim.tap = func(from *end, b []byte) {
		if from == who && b[0]>>3 == 9 {
			*n++
		}
	}
	return n
}

const innerSize, outerSize = 1440, 1440 + 4 + 8 + 16 // opcode and peer-id, epoch and packet-id, tag

// measuring is a pair that is up, whose client begins to measure a path that carries
// datagrams of mtu bytes, 0 for any.
func measuring(t *testing.T, p path) *pair {
	t.Helper()
	sim := newPair(t, path{delay: p.delay}, nil)
	sim.run(time.Minute, sim.established)
	sim.pass(time.Second)
	sim.path = p
	sim.client.Path.Measure(sim.now, innerSize, Echo{})
	return sim
}

// TestPathProbe: the largest datagram that passes is found to the byte, within three
// seconds, by few packets; a path that carries all is left after two questions.
func TestPathProbe(t *testing.T) {
	for _, mtu := range []int{0, outerSize, outerSize - 1, 1400, 1284, 1252, 577, 576} {
		sim := measuring(t, path{delay: 10 * time.Millisecond, mtu: mtu})
		n := dataPackets(sim, sim.client)
		began := sim.now
		sim.run(3*time.Second, func() bool { return len(measurements(sim.client)) > 0 })
		want := PathMeasured{min(mtu, outerSize), outerSize}
		if mtu == 0 {
			want.Size = outerSize
		}
		if got := measurements(sim.client); got[0] != want {
			t.Errorf("a path of %d: %+v, want %+v", mtu, got, want)
		}
		if mtu == 0 && *n != 2 || *n > 42 {
			t.Errorf("a path of %d: %d packets", mtu, *n)
		}
		t.Logf("a path of %d: %d packets, %v", mtu, *n, sim.now.Sub(began))
		sim.pass(time.Hour)
		if got := measurements(sim.client); len(got) != 1 {
			t.Errorf("a path of %d that stays is reported as %+v", mtu, got)
		}
	}
}

// TestPathProbeOneWay: what is narrow in one direction counts.
func TestPathProbeOneWay(t *testing.T) {
	for _, back := range []bool{false, true} {
		sim := measuring(t, path{delay: time.Millisecond})
		sim.drop = func(from *end, b []byte) bool { return (from == sim.server) == back && len(b) > 1300 }
		sim.pass(10 * time.Second)
		if got := measurements(sim.client); len(got) != 1 || got[0].Size != 1300 {
			t.Errorf("back %v: %+v, want 1300", back, got)
		}
	}
}

// TestPathProbeLoss: loss is not taken for a narrow path, or not for long.
func TestPathProbeLoss(t *testing.T) {
	wrong := 0
	for seed := range uint64(100) {
		sim := measuring(t, path{delay: 20 * time.Millisecond, loss: 0.05, jitter: 5 * time.Millisecond})
		sim.rand = mrand.New(mrand.NewPCG(seed, 1))
		sim.pass(10 * time.Second)
		if got := measurements(sim.client); len(got) != 1 || got[0].Size != outerSize {
			wrong++
		}
		sim.pass(25 * time.Minute)
		if got := measurements(sim.client); len(got) == 0 || got[len(got)-1].Size != outerSize {
			t.Errorf("seed %d: %+v", seed, got)
		}
	}
	if wrong > 3 { // one in a thousand, as three questions are lost
		t.Errorf("%d of 100 paths that lose 5 %% are measured wrong at first", wrong)
	}
}

// TestPathProbeSilentPeer: a peer that answers nothing is asked a few times, and while the
// tunnel is used, a few times more; when it answers at last, the path is measured.
func TestPathProbeSilentPeer(t *testing.T) {
	sim := measuring(t, path{})
	n := dataPackets(sim, sim.client)
	sim.drop = func(from *end, b []byte) bool { return from == sim.client && b[0]>>3 == 9 }
	sim.pass(time.Hour)
	if got := measurements(sim.client); len(got) != 1 || got[0].Size != 0 || *n != helloTries {
		t.Errorf("%+v after %d packets", got, *n)
	}
	*n = 0
	use := func(minutes int) {
		for range minutes {
			sim.client.data.carry(&sim.client.data.sent, sim.now, 100)
			sim.pass(time.Minute)
		}
	}
	use(24 * 60)
	if got := measurements(sim.client); len(got) != 1 || *n > 24*7*helloTries {
		t.Errorf("%+v after %d packets in a day", got, *n)
	}
	sim.drop = nil
	use(12)
	if got := measurements(sim.client); len(got) != 2 || got[1].Size != outerSize {
		t.Errorf("when the peer answers: %+v", got)
	}
}

// TestPathProbeChange: a path that changes is measured anew: soon if it became narrow and
// the tunnel is used, at once if the session is told, and after raiseEvery if it became
// wide.
func TestPathProbeChange(t *testing.T) {
	sim := measuring(t, path{delay: time.Millisecond})
	last := func() int {
		all := measurements(sim.client)
		return all[len(all)-1].Size
	}
	sim.pass(5 * time.Second)
	sim.path.mtu = 1300
	sim.pass(2 * time.Minute)
	if last() != outerSize {
		t.Errorf("an idle tunnel found %d", last())
	}
	sim.client.data.carry(&sim.client.data.sent, sim.now, 100)
	sim.pass(2*confirmEvery + 3*time.Second)
	if last() != 1300 {
		t.Errorf("a narrow path is taken for %d", last())
	}
	sim.path.mtu = 1350
	sim.client.Path.Again(sim.now)
	sim.pass(3 * time.Second)
	if last() != 1350 {
		t.Errorf("another path is taken for %d", last())
	}
	sim.path.mtu = 0
	sim.pass(raiseEvery + checkAfter + 10*time.Second)
	if last() != outerSize {
		t.Errorf("a wide path is taken for %d", last())
	}
	sim.path.mtu, sim.drop = 0, func(from *end, b []byte) bool { return b[0]>>3 == 9 }
	sim.pass(3 * raiseEvery)
	if last() != outerSize {
		t.Errorf("silence is taken for %d", last())
	}
}

// TestPathProbeAgain: on another way everything is found and reported anew, also if that
// comes while the peer is asked whether it answers, and has not yet.
func TestPathProbeAgain(t *testing.T) {
	silence := func(_ *end, b []byte) bool { return b[0]>>3 == 9 }
	for asked := 1; asked <= helloTries; asked++ {
		sim := measuring(t, path{delay: time.Millisecond, mtu: 1300})
		sim.pass(10 * time.Second)
		sim.drop = silence
		p := sim.client.Path
		sim.run(raiseEvery, func() bool {
			sim.client.data.carry(&sim.client.data.sent, sim.now, 100)
			return p.phase == pathHello && p.tries == asked
		})
		sim.client.Path.Again(sim.now)
		sim.pass(100 * time.Millisecond)
		sim.drop = nil
		sim.pass(5 * time.Second)
		want := PathMeasured{1300, outerSize}
		if got := measurements(sim.client); len(got) != 2 || got[0] != want || got[1] != want {
			t.Errorf("after %d questions: %+v, want %v twice", asked, got, want)
		}
	}
}

// TestPathProbeFarAway: a path with a long round trip is measured as exactly, though
// questions are repeated before the first answer can come.
func TestPathProbeFarAway(t *testing.T) {
	for _, delay := range []time.Duration{130, 150, 200, 300, 400} {
		for _, mtu := range []int{1452, 1400, 1300, 1284, 1000} {
			sim := measuring(t, path{delay: delay * time.Millisecond, mtu: mtu})
			sim.run(2*time.Minute, func() bool { return len(measurements(sim.client)) > 0 })
			if got, want := measurements(sim.client), (PathMeasured{mtu, outerSize}); len(got) == 0 || got[0] != want {
				t.Errorf("a path of %d bytes and %v each way: %+v", mtu, delay*time.Millisecond, got)
			}
		}
	}
}

// TestPathProbeBelieves: what the system believes of the path is tried first, and saves
// questions where it is right. Where it is wrong, the path is measured as exactly.
func TestPathProbeBelieves(t *testing.T) {
	for _, mtu := range []int{0, outerSize - 1, 1400, 1284, 577, 576} {
		for _, believed := range []int{0, 100, 576, 577, 1283, 1284, 1285, 1400, outerSize - 1, outerSize, 9000, -1} {
			sim := newPair(t, path{delay: 10 * time.Millisecond}, nil)
			sim.run(time.Minute, sim.established)
			sim.pass(time.Second)
			sim.path.mtu = mtu
			if believed == -1 { // it learns of it by the first that is lost
				learnt := 0
				sim.drop = func(from *end, b []byte) bool {
					if mtu > 0 && len(b) > mtu {
						learnt = mtu
					}
					return false
				}
				sim.client.Path.Believes = func() int { return learnt }
			} else {
				sim.client.Path.Believes = func() int { return believed }
			}
			n := dataPackets(sim, sim.client)
			sim.client.Path.Measure(sim.now, innerSize, Echo{})
			sim.pass(5 * time.Second)
			want := PathMeasured{min(mtu, outerSize), outerSize}
			if mtu == 0 {
				want.Size = outerSize
			}
			if got := measurements(sim.client); len(got) != 1 || got[0] != want {
				t.Errorf("a path of %d, believed to be of %d: %+v", mtu, believed, got)
			}
			right := believed == mtu || believed == -1 && mtu > 0
			// Two sizes are lost, and before that the peer shows that it answers.
			if most := 1 + 2*(sizeTries+1) + 1; right && mtu > 0 && *n > most {
				t.Errorf("a path of %d, believed to be of %d: %d packets, want no more than %d", mtu, believed, *n, most)
			}
			if *n > 42 {
				t.Errorf("a path of %d, believed to be of %d: %d packets", mtu, believed, *n)
			}
		}
	}
}

// TestPathProbeBlocks: with a cipher that has blocks, packets inside are as long as the path
// carries, not a byte longer or shorter.
func TestPathProbeBlocks(t *testing.T) {
	sha256, err := digest.Lookup("SHA256")
	if err != nil {
		t.Fatal(err)
	}
	for _, cipher := range []string{"AES-256-CBC"} {
		for mtu := 1280; mtu < 1314; mtu++ {
			sim := newPair(t, path{delay: time.Millisecond}, func(client, server *Config, _ *wrap.Armour) {
				client.Ciphers, server.Ciphers = []string{cipher}, []string{cipher}
				client.Digest, server.Digest = sha256, sha256
				client.PeerInfo = negotiate.LocalPeerInfo("test", "linux", client.Ciphers, 1600, nil)
			})
			sim.run(time.Minute, sim.established)
			sim.pass(time.Second)
			sim.path.mtu = mtu
			sim.client.Path.Measure(sim.now, innerSize, Echo{})
			sim.pass(10 * time.Second)
			got := measurements(sim.client)
			if len(got) != 1 || sim.client.Data().Fit(got[0].Size) != sim.client.Data().Fit(mtu) || got[0].Size > mtu {
				t.Errorf("%s, a path of %d: %+v, so packets of %d bytes fit, and %d do", cipher, mtu, got, sim.client.Data().Fit(got[0].Size), sim.client.Data().Fit(mtu))
			}
		}
	}
}

// TestPathProbeLies: a peer whose answers are not of the size that was asked for, or that
// answers what was not asked, makes nobody believe in more than it was asked for.
func TestPathProbeLies(t *testing.T) {
	for _, size := range []int{60, 100, 575, 600, 1400, 1500} {
		sim := measuring(t, path{delay: 5 * time.Millisecond, mtu: 1300})
		m := loadMessages{data: sim.server.data}
		lie := func(from *end, b []byte) bool {
			if from == sim.server && b[0]>>3 == 9 && len(b) > 200 {
				sim.path.mtu = 0 // its lies pass
				sim.drop = nil
				m.send(sim.now, []byte{occLoad}, size, func(b []byte) { sim.transmit(sim.server, b) })
				return true
			}
			return false
		}
		sim.meddle = func(*end) { sim.drop, sim.path.mtu = lie, 1300 }
		sim.pass(time.Minute)
		for _, m := range measurements(sim.client) {
			if m.Size > outerSize || m.Size > 0 && m.Size < leastLoad-rounding {
				t.Errorf("answers of %d: %+v", size, m)
			}
		}
	}
}

// TestPathProbeOutage: a path that carries nothing for a while, from any moment of the
// measurement on and up to two seconds, is not taken for a narrow one, whatever is asked.
func TestPathProbeOutage(t *testing.T) {
	for _, mtu := range []int{0, 1400} {
		for _, pings := range []bool{false, true} {
			for from := time.Duration(0); from < 600*time.Millisecond; from += 60 * time.Millisecond {
				for _, long := range []time.Duration{150, 600, 2000} {
					outage(t, mtu, pings, from, long*time.Millisecond)
				}
			}
		}
	}
}

func outage(t *testing.T, mtu int, pings bool, from, long time.Duration) {
	t.Helper()
	p := path{delay: 2 * time.Millisecond, mtu: mtu}
	var sim *pair
	if pings {
		sim, _ = pinged(t, p, echo4)
		sim.run(time.Minute, func() bool { return sim.client.Path.pings != nil })
	} else {
		sim = measuring(t, p)
	}
	began, most := sim.now.Add(from), outerSize
	if mtu > 0 {
		most = mtu
	}
	sim.drop = func(*end, []byte) bool { return !sim.now.Before(began) && sim.now.Before(began.Add(long)) }
	sim.pass(25 * time.Second)
	for _, m := range measurements(sim.client) {
		if m.Size != most && m.Size != 0 { // 0: it was out of reach
			t.Errorf("pings %v, nothing passes for %v after %v: %+v, want %d", pings, long, from, m, most)
		}
	}
	if len(measurements(sim.client)) == 0 {
		t.Errorf("pings %v, nothing passes for %v after %v: nothing was found", pings, long, from)
	}
}
