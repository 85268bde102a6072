//go:build unix

package pam

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"
)

// TestMain is also the helper program that stays.
func TestMain(m *testing.M) {
	if os.Getenv(stayVariable) != stayWord {
		os.Exit(m.Run())
	}
	fakeHelper(os.NewFile(4, "questions"), os.NewFile(3, "answers"))
}

// fakeHelper is a helper program that stays. What it does about a login depends on the user.
func fakeHelper(questions, answers *os.File) {
	say := func(kind byte, text string) {
		if _, err := answers.Write(append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(text))), text...)); err != nil {
			os.Exit(0)
		}
	}
	hear := func() (byte, string) {
		kind, text, err := readRecord(questions)
		if err != nil {
			os.Exit(0)
		}
		return kind, text
	}
	for say(kindReady, ""); ; {
		_, text := hear()
		login := strings.Split(text, "\x00")
		end := "\x00\x00\x00\x00"
		switch login[1] {
		case "ada":
			say(kindHidden, "Password: ")
			if kind, password := hear(); kind == kindAnswer && password == "hunter2" && login[0] == "probe" && login[2] == "192.0.2.1" {
				say(kindYes, "")
			} else {
				say(kindNo, "wrong")
			}
		case "": // a module has to ask
			say(kindQuestion, "Code: ")
			if kind, _ := hear(); kind != kindSilence {
				os.Exit(1)
			}
			say(kindNo, "silence")
		case "crash":
			end = "\x00\x00\x01\x0b"
		case "slow":
			end = "\x00\x00\x02\x01"
		case "none":
			end = "\x00\x00\x02\x00"
		case "status":
			end = "\x00\x00\x00\x02"
		case "nothing": // neither yes nor no
		case "twice":
			say(kindNo, "")
			say(kindYes, "")
		case "garbage":
			say(kindYes, "")
			end = "?"
		case "hang":
			say(kindHidden, strings.Repeat("x", 99))
			for {
				hear()
			}
		case "wait":
			for kind := byte(0); kind != kindEnd; {
				kind, _ = hear()
			}
			end = "\x00\x00\x02\x02"
		case "die":
			os.Exit(7)
		}
		say(kindDone, end)
	}
}

func newFake(t *testing.T, log *strings.Builder) *Resident {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewResident(ResidentOptions{Helper: self, Services: []string{"probe"}, Log: slog.New(slog.NewTextHandler(log, nil)), Mend: "raise TasksMax="})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r
}

var somewhere = netip.MustParsePrefix("192.0.2.1/32")

// TestResident: one program answers about one login after another; one that fails takes
// none of the others with it.
func TestResident(t *testing.T) {
	var log strings.Builder
	r := newFake(t, &log)
	plain, asking := residentService{r, "probe", nil}, residentService{r, "probe", []string{"login", "USERNAME"}}
	for _, test := range []struct {
		service residentService
		user    string
		secret  string
		want    Answer
		err     string
	}{
		{plain, "ada", "hunter2", Answer{OK: true}, ""},
		{plain, "ada", "bad", Answer{Why: "wrong"}, ""},
		{asking, "ada", "hunter2", Answer{Why: "silence", Unanswered: "Code: "}, ""},
		{plain, "crash", "hunter2", Answer{}, "segmentation fault"},
		{plain, "slow", "hunter2", Answer{}, "longer than 3m"},
		{plain, "none", "hunter2", Answer{}, "raise TasksMax="},
		{plain, "status", "hunter2", Answer{}, "status 2"},
		{plain, "ada", "hun\x00ter2", Answer{}, "NUL"},
		{plain, "ada", "hunter2", Answer{OK: true}, ""},
	} {
		a, err := test.service.Ask(t.Context(), somewhere, Login{Username: test.user, Password: test.secret, Remote: "192.0.2.1"})
		if a != test.want || (err != nil) != (test.err != "") || err != nil && !strings.Contains(err.Error(), test.err) {
			t.Errorf("%+v: %+v, %v", test, a, err)
		}
		if err != nil && strings.Contains(err.Error(), "hun") {
			t.Errorf("the password is in %v", err)
		}
	}
	if strings.Contains(log.String(), "hunter2") {
		t.Error(log.String())
	}
}

// TestResidentGone: when the program is gone, or says what it should not, nobody gets in,
// and the error says what to do.
func TestResidentGone(t *testing.T) {
	for _, user := range []string{"die", "nothing", "twice", "garbage"} {
		var log strings.Builder
		r := newFake(t, &log)
		for _, user := range []string{user, "ada"} {
			a, err := residentService{r, "probe", nil}.Ask(t.Context(), somewhere, Login{Username: user, Password: "hunter2", Remote: "192.0.2.1"})
			if err == nil || a.OK || !strings.Contains(err.Error(), "restarted") || !strings.Contains(err.Error(), "raise TasksMax=") {
				t.Errorf("%s: %+v, %v", user, a, err)
			}
		}
	}
}

// TestResidentHangs: who gives up does not wait for the program, which answers nobody else
// meanwhile. Their answer is nobody's.
func TestResidentHangs(t *testing.T) {
	var log strings.Builder
	r := newFake(t, &log)
	s := residentService{r, "probe", nil}
	ctx, cancel := context.WithCancel(t.Context())
	hung := make(chan error)
	go func() {
		_, err := s.Ask(ctx, somewhere, Login{Username: "hang"})
		hung <- err
	}()
	for len(r.turn) == 0 {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-hung; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(t.Context())
	cancel()
	if a, err := s.Ask(ctx, somewhere, Login{Username: "ada", Password: "hunter2"}); err == nil || a.OK {
		t.Errorf("%+v, %v", a, err)
	}
	other := netip.MustParsePrefix("192.0.2.2/32")
	ctx, cancel = context.WithCancel(t.Context())
	go func() {
		_, err := s.Ask(ctx, other, Login{Username: "ada", Password: "hunter2"})
		hung <- err
	}()
	for waits := false; !waits; time.Sleep(time.Millisecond) {
		r.line.mu.Lock()
		waits = r.line.of[other] == 1
		r.line.mu.Unlock()
	}
	cancel()
	if err := <-hung; err == nil || !strings.Contains(err.Error(), "raise TasksMax=") {
		t.Error(err)
	}
}

// TestResidentGivenUp: a login that is given up ends, and the next one is asked about, also
// where nothing came between the two.
func TestResidentGivenUp(t *testing.T) {
	var log strings.Builder
	r := newFake(t, &log)
	s := residentService{r, "probe", nil}
	for _, early := range []bool{false, true} {
		ctx, cancel := context.WithCancel(t.Context())
		gaveUp := make(chan error)
		go func() {
			_, err := s.Ask(ctx, somewhere, Login{Username: "wait"})
			gaveUp <- err
		}()
		for !early && len(r.turn) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
		if err := <-gaveUp; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if a, err := s.Ask(t.Context(), somewhere, Login{Username: "ada", Password: "hunter2", Remote: "192.0.2.1"}); err != nil || !a.OK {
			t.Errorf("the next one: %+v, %v", a, err)
		}
	}
	if a, err := r.ask(canceled(t), &Request{Service: "probe", Login: Login{Username: "wait"}}); err == nil || !strings.Contains(err.Error(), "given up") {
		t.Errorf("%+v, %v", a, err)
	}
}

// canceled is a context that has ended.
func canceled(t *testing.T) context.Context {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// TestResidentLine: no more logins wait than may, and no more from one source.
func TestResidentLine(t *testing.T) {
	var l line
	for range maxWaitingSource {
		if err := l.enter(somewhere); err != nil {
			t.Fatal(err)
		}
	}
	if l.enter(somewhere) == nil {
		t.Error("one too many from a source was taken")
	}
	for n := range maxWaiting - maxWaitingSource {
		if err := l.enter(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}), 32)); err != nil {
			t.Fatal(err)
		}
	}
	if l.enter(netip.MustParsePrefix("192.0.2.2/32")) == nil {
		t.Error("one too many was taken")
	}
	l.leave(somewhere)
	if err := l.enter(somewhere); err != nil {
		t.Error(err)
	}
}

// TestNoResident: what does not say that it is ready is refused at the start.
func TestNoResident(t *testing.T) {
	_, err := NewResident(ResidentOptions{Helper: "/bin/true", Services: []string{"probe"}, Log: slog.New(slog.DiscardHandler)})
	if err == nil || !strings.Contains(err.Error(), "one version") {
		t.Error(err)
	}
}

func FuzzRecord(f *testing.F) {
	f.Add([]byte("q\x00\x00\x00\x01x"))
	f.Add([]byte("q\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		kind, text, err := readRecord(bytes.NewReader(b))
		if err == nil && (kind != b[0] || text != string(b[5:5+len(text)])) {
			t.Errorf("%q: %q, %q", b, kind, text)
		}
	})
}
