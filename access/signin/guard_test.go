package signin

import (
	"encoding/base64"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/access/auth"
	"culvert/access/users"
)

// TestStrangersDoNotLockOut: strangers' wrong passwords slow down strangers, from
// everywhere, ever more. The user comes in from a device of theirs, and from where they
// signed in before.
func TestStrangersDoNotLockOut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		records := people(t)
		w := newWorld(t, records)
		w.put("groups/everyone", map[string]any{"name": "everyone", "require": [][]string{{"password"}}})
		synctest.Wait()
		home, elsewhere := at("203.0.113.9/32"), at("192.0.2.1/32")
		if v := w.check(client("", "alice", "correct horse", home)); !v.OK {
			t.Fatalf("%+v", v)
		}
		synctest.Wait()
		for i := range 200 {
			w.check(client("", "alice", "guess", at(fmt.Sprintf("198.51.100.%d/32", i))))
		}
		if v := w.check(client("", "alice", "correct horse", elsewhere)); v.OK || !strings.HasPrefix(v.Reason, "too many wrong passwords or codes; try again in ") {
			t.Errorf("from a new place: %+v", v)
		}
		temp := client("", "alice", "correct horse", elsewhere)
		temp.Env.Set("IV_PROTO", "990")
		if v := w.check(temp); !strings.HasPrefix(v.Reason, "TEMP[backoff ") {
			t.Errorf("told a client that can come back later: %+v", v)
		}
		for name, r := range map[string]*auth.Request{"own device": client("phone.alice", "alice", "correct horse", elsewhere), "known place": client("", "alice", "correct horse", home)} {
			if v := w.check(r); !v.OK {
				t.Errorf("%s: %+v", name, v)
			}
		}
		if v := w.check(client("", "nobody", "x", elsewhere)); v.Reason != wrong {
			t.Errorf("others: %+v", v)
		}
		time.Sleep(forget + time.Second)
		if v := w.check(client("", "alice", "correct horse", at("192.0.2.77/32"))); !v.OK {
			t.Errorf("after a while: %+v", v)
		}
		time.Sleep(placeKnown)
		for i := range 200 {
			w.check(client("", "alice", "guess", at(fmt.Sprintf("198.51.100.%d/32", i))))
		}
		if v := w.check(client("", "alice", "correct horse", home)); v.OK {
			t.Error("a place of more than 30 days ago is known")
		}
	})
}

// TestDelaysGrow: the wait after each wrong guess doubles, up to the longest, and ends.
func TestDelaysGrow(t *testing.T) {
	g, now := newGuard(), start
	f := from{user: "alice", place: netip.MustParsePrefix("192.0.2.1/32")}
	var waits []time.Duration
	for range 20 {
		for {
			wait := g.guess(now, f)
			if wait == 0 {
				break
			}
			waits = append(waits, wait)
			if again := g.guess(now.Add(wait-1), f); again == 0 {
				t.Fatal("a guess before its time")
			}
			now = now.Add(wait)
		}
	}
	for i, want := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second} {
		if waits[i] != want {
			t.Fatalf("waits %v", waits)
		}
	}
	if last := waits[len(waits)-1]; last != limitName.longest {
		t.Errorf("waits %v", waits)
	}
	if g.guess(now.Add(forget+1), f) != 0 {
		t.Error("never forgiven")
	}
}

// TestGuessesAtTheSameTime: what is not decided yet is charged, too.
func TestGuessesAtTheSameTime(t *testing.T) {
	g, now := newGuard(), start
	f := from{user: "alice", place: netip.MustParsePrefix("192.0.2.1/32")}
	for range limitName.free {
		if g.guess(now, f) != 0 {
			t.Fatal("too early")
		}
	}
	if g.guess(now, f) == 0 {
		t.Error("more guesses at the same time than one after the other")
	}
	for range limitName.free {
		g.right(now, f)
	}
	if g.guess(now, f) != 0 {
		t.Error("right guesses are held against the user")
	}
}

// TestGuardIsBounded: no number of names, places and devices makes it grow without end.
func TestGuardIsBounded(t *testing.T) {
	g := newGuard()
	for i := range maxKnown + 100 {
		g.guess(start, from{user: "alice", own: fmt.Sprint(i)})
	}
	if n := len(g.known); n > maxKnown {
		t.Errorf("%d entries", n)
	}
	if g.clean(start.Add(2 * forget)); len(g.known) > 0 {
		t.Errorf("%d entries after all were forgotten", len(g.known))
	}
}

// TestWaitingIsBounded: so are logins that wait for an answer; the oldest goes.
func TestWaitingIsBounded(t *testing.T) {
	w, first := newWaiting(), ""
	for i := range maxWaiting + 1 {
		id := w.put(&login{request: client("", "alice", "")}, start.Add(time.Duration(i)))
		if i == 0 {
			first = id
		}
	}
	if n := len(w.logins); n > maxWaiting {
		t.Errorf("%d wait", n)
	}
	if l, err := w.take(client("", "alice", "CRV1::"+first+"::1"), start); l != nil || err == nil {
		t.Error("the oldest is still there")
	}
}

// TestCodesAreNotGuessed: who has a password and a device of the user is slowed down at
// the codes, however often the password is right.
func TestCodesAreNotGuessed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, people(t))
		synctest.Wait()
		slowed := 0
		for i := range 100 {
			v := w.check(client("phone.cleo", "cleo", "SCRV1:"+b64("battery staple")+":"+b64(fmt.Sprintf("%06d", i))))
			if strings.HasPrefix(v.Reason, "too many wrong passwords or codes") {
				slowed++
			}
		}
		if slowed < 80 {
			t.Errorf("slowed down %d times of 100", slowed)
		}
	})
}

func b64(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// TestEveryoneBeforeAnybody: what everyone has to show counts before there is a user, too.
func TestEveryoneBeforeAnybody(t *testing.T) {
	w := newWorld(t, map[string]any{"groups/everyone": users.Group{Name: "everyone", Require: []users.Way{{users.Password}}}})
	if v := w.check(client("old-client", "", "")); v.OK {
		t.Errorf("%+v", v)
	}
}
