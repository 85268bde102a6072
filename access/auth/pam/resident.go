package pam

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"culvert/access/hooks"
)

// stayVariable has the helper program stay if it is stayWord (stay.c of
// cmd/culvert-auth-pam).
const (
	stayVariable = "CULVERT_AUTH_PAM"
	stayWord     = "stay"
)

// Limits of what a helper program that stays is asked, and says.
const (
	maxText   = 65536 // bytes of a record
	readyTime = time.Minute
	// lateTime is how much longer than maxTime an answer is waited for: the helper itself
	// ends what takes longer than that.
	lateTime = 20 * time.Second
	// maxWaiting is how many logins wait for their turn, and maxWaitingSource how many
	// from one source.
	maxWaiting       = 256
	maxWaitingSource = 64
	// sourcesAtOnce is how many sources stand in line for the one turn, with one login
	// each: whoever floods waits behind themselves.
	sourcesAtOnce = 4
)

// How a login's process ended, besides its exit status, and 256 with a signal's number.
const (
	endSignal   = 256
	endNotBegun = 512
	endTooLong  = 513
	endGivenUp  = 514
)

// Resident is the helper program as a process that stays: it keeps the rights that this
// process has when it starts it, and asks PAM about one login after another. Make it with
// NewResident. It is safe for concurrent use.
type Resident struct {
	companion *hooks.Companion
	mend      string
	log       *slog.Logger
	sources   *hooks.Slots
	turn      chan struct{} // of capacity 1: full while a login is asked about
	line      line

	mu     sync.Mutex
	broken error // why nothing can be asked any more
}

// ResidentOptions say how PAM is asked by a program that stays.
type ResidentOptions struct {
	// Helper is the helper program's path.
	Helper string
	// Services are the names of all services: the program asks no other.
	Services []string
	// Log gets what PAM's modules print, and why PAM cannot be asked any more.
	Log *slog.Logger
	// Mend says what to do so that this process need not rely on one program.
	Mend string
}

// NewResident starts the helper program, and returns when it is ready.
func NewResident(o ResidentOptions) (*Resident, error) {
	program, err := hooks.NewProgram("plugin", append([]string{o.Helper}, o.Services...), hooks.Options{Log: o.Log})
	if err != nil {
		return nil, err
	}
	env := new(hooks.Env)
	env.Set(stayVariable, stayWord)
	env.Set("GOMAXPROCS", "1") // it stays for want of tasks
	companion, err := program.Start(env)
	if err != nil {
		return nil, fmt.Errorf("%w; %s", err, o.Mend)
	}
	r := &Resident{companion: companion, mend: o.Mend, log: o.Log, sources: hooks.NewSlots(sourcesAtOnce), turn: make(chan struct{}, 1)}
	err = companion.Answers.SetReadDeadline(time.Now().Add(readyTime))
	if err == nil {
		_, err = r.expect(kindReady)
	}
	if err != nil {
		return nil, fmt.Errorf("plugin auth-pam: %s does not begin (%w, %w): this program and that one have to be of one version, and it has to find libpam", helper, err, companion.Close())
	}
	return r, nil
}

// Close ends the program.
func (r *Resident) Close() {
	r.fail(errors.New("plugin auth-pam: this server is ending"))
	_ = r.companion.Close() // it is asked nothing more, so that it matters no more how it ends
}

// Service returns what asks a service by the program; prompts are Request's. It fails
// if PAM has no such service.
func (r *Resident) Service(name string, prompts []string) (Asker, error) {
	if err := checkService(name, serviceDirs); err != nil {
		return nil, err
	}
	return residentService{r, name, prompts}, nil
}

type residentService struct {
	resident *Resident
	name     string
	prompts  []string
}

// Ask implements Asker. When ctx ends, the program ends the login's process, and asks about
// the next one then.
func (s residentService) Ask(ctx context.Context, source netip.Prefix, l Login) (Answer, error) {
	request := NewRequest(s.name, s.prompts, l)
	if _, err := request.Append(nil); err != nil { // the limits of a question, whoever asks it
		return Answer{}, fmt.Errorf("plugin auth-pam: what the client sent cannot be asked about: %w", err)
	}
	done, err := s.resident.wait(ctx, source)
	if err != nil {
		return Answer{}, err
	}
	type result struct {
		answer Answer
		err    error
	}
	said := make(chan result, 1)
	go func() {
		defer done()
		answer, err := s.resident.ask(ctx, request)
		said <- result{answer, err}
	}()
	select {
	case r := <-said:
		return r.answer, r.err
	case <-ctx.Done():
		return Answer{}, fmt.Errorf("plugin auth-pam: PAM had not answered about the service %q when the client was to be answered: %w", s.name, ctx.Err())
	}
}

// wait waits for a login's turn. Call done once when it is over.
func (r *Resident) wait(ctx context.Context, source netip.Prefix) (done func(), err error) {
	if err := r.line.enter(source); err != nil {
		return nil, err
	}
	defer r.line.leave(source)
	release, err := r.sources.Acquire(ctx, source)
	if err == nil {
		select {
		case r.turn <- struct{}{}:
			return func() { <-r.turn; release() }, nil
		case <-ctx.Done():
			release()
			err = ctx.Err()
		}
	}
	return nil, fmt.Errorf("plugin auth-pam: PAM was not asked, because it is asked about one login after another, and others took too long: %w; %s", err, r.mend)
}

// ask has the program ask PAM. The caller has the turn.
func (r *Resident) ask(ctx context.Context, q *Request) (Answer, error) {
	if err := r.isBroken(); err != nil {
		return Answer{}, err
	}
	answer, end, err := r.converse(ctx, q)
	if err != nil {
		return Answer{}, r.fail(fmt.Errorf("plugin auth-pam: %s, which was started with root's rights to ask PAM, is gone or hangs (%w; %w), and nobody has the right to start it again: no login can be checked until this server is restarted; for a server that can start another, %s", helper, err, r.companion.Close(), r.mend))
	}
	if err := ended(end, q.Service, r.mend); err != nil {
		return Answer{}, err
	}
	return answer, nil
}

// converse begins a login, and answers the questions of modules until it is over, which it
// is soon when ctx ends.
func (r *Resident) converse(ctx context.Context, q *Request) (answer Answer, end uint32, err error) {
	limit := time.Now().Add(maxTime + lateTime)
	if err := errors.Join(r.companion.Questions.SetWriteDeadline(limit), r.companion.Answers.SetReadDeadline(limit)); err != nil {
		return answer, 0, err
	}
	if err := r.write(kindLogin, q.Service+"\x00"+q.User()+"\x00"+q.Remote+"\x00"); err != nil {
		return answer, 0, err
	}
	defer r.giveUp(ctx)()
	said := false
	for {
		kind, text, err := r.read()
		switch {
		case err != nil:
			return answer, 0, err
		case (kind == kindQuestion || kind == kindHidden) && !said:
			reply, ok := q.Respond(text, kind == kindHidden)
			ok = ok && len(reply) <= maxText
			if !ok && answer.Unanswered == "" {
				answer.Unanswered = text
			}
			if ok {
				err = r.write(kindAnswer, reply)
			} else {
				err = r.write(kindSilence, "")
			}
			if err != nil {
				return answer, 0, err
			}
		case (kind == kindYes || kind == kindNo) && !said:
			said, answer.OK = true, kind == kindYes
			if !answer.OK {
				answer.Why = text
			}
		case kind == kindDone && len(text) == 4:
			end := binary.BigEndian.Uint32([]byte(text))
			if end == 0 && !said {
				return answer, 0, errFrame
			}
			return answer, end, nil
		default:
			return answer, 0, errFrame
		}
	}
}

// giveUp tells the program when nobody waits any more for the login that it was just asked
// about. The function that it returns is for the end of the login: nothing is told after it.
func (r *Resident) giveUp(ctx context.Context) (over func()) {
	told := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(told)
		_ = r.write(kindEnd, "") // who reads the answers sees that the program is gone
	})
	return func() {
		if !stop() {
			<-told
		}
	}
}

// The kinds of records that go to and from a helper program that stays, as stay.c of
// cmd/culvert-auth-pam explains them.
const (
	kindReady    = 'r'
	kindLogin    = 'l'
	kindQuestion = 'q'
	kindHidden   = 'h'
	kindAnswer   = 'a'
	kindSilence  = 'x'
	kindEnd      = 'c'
	kindYes      = 'y'
	kindNo       = 'n'
	kindDone     = 'd'
)

// write writes a record.
func (r *Resident) write(kind byte, text string) error {
	if len(text) > maxText {
		return fmt.Errorf("%d bytes, at most %d fit", len(text), maxText)
	}
	b := append(binary.BigEndian.AppendUint32([]byte{kind}, uint32(len(text))), text...)
	defer clear(b)
	_, err := r.companion.Questions.Write(b)
	return err
}

// read reads a record.
func (r *Resident) read() (kind byte, text string, err error) { return readRecord(r.companion.Answers) }

func readRecord(from io.Reader) (kind byte, text string, err error) {
	var head [5]byte
	if _, err := io.ReadFull(from, head[:]); err != nil {
		return 0, "", err
	}
	n := binary.BigEndian.Uint32(head[1:])
	if n > maxText {
		return 0, "", errFrame
	}
	b := make([]byte, n)
	_, err = io.ReadFull(from, b)
	return head[0], string(b), err
}

// expect reads a record of a kind.
func (r *Resident) expect(kind byte) (text string, err error) {
	got, text, err := r.read()
	if err == nil && got != kind {
		err = errFrame
	}
	return text, err
}

// ended is why a login's process, which ended so, said nothing that counts; nil if it did.
func ended(end uint32, service, mend string) error {
	switch {
	case end == 0:
		return nil
	case end == endNotBegun:
		return fmt.Errorf("plugin auth-pam: %s finds no task left to ask PAM: %s", helper, mend)
	case end == endTooLong:
		return fmt.Errorf("plugin auth-pam: a module of the PAM service %q took longer than %v", service, maxTime)
	case end == endGivenUp:
		return fmt.Errorf("plugin auth-pam: the login was given up before the PAM service %q had answered", service)
	case end > endSignal && end < endNotBegun:
		return fmt.Errorf("plugin auth-pam: %s was ended by a signal, %w, before it answered: a module of the PAM service %q may have crashed, or no task was left: %s", helper, signalError(end-endSignal), service, mend)
	}
	return fmt.Errorf("plugin auth-pam: %s ended with status %d before it answered; look above for what it printed: a module of the PAM service %q may have crashed, or no task was left: %s", helper, end, service, mend)
}

type signalError uint32

func (s signalError) Error() string { return syscall.Signal(s).String() }

func (r *Resident) isBroken() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.broken
}

// fail has nothing be asked any more, and returns why: the first reason counts.
func (r *Resident) fail(why error) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.broken == nil {
		r.broken = why
	}
	return r.broken
}

// line counts the logins that wait.
type line struct {
	mu  sync.Mutex
	all int
	of  map[netip.Prefix]int
}

func (l *line) enter(source netip.Prefix) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.all >= maxWaiting || l.of[source] >= maxWaitingSource {
		return fmt.Errorf("plugin auth-pam: PAM is asked about one login after another, and %d wait already, %d of them from %v", l.all, l.of[source], source)
	}
	if l.of == nil {
		l.of = map[netip.Prefix]int{}
	}
	l.all++
	l.of[source]++
	return nil
}

func (l *line) leave(source netip.Prefix) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all--
	if l.of[source]--; l.of[source] == 0 {
		delete(l.of, source)
	}
}
