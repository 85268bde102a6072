package signin

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/access/auth"
	"culvert/session/negotiate"
)

// answerTime is how long a client's user has to answer.
const answerTime = 3 * time.Minute

// ask asks a client a question: on the connection that it has, if it can (CR_TEXT), else by
// refusing it with the question (CRV1), to be answered on the next.
func (c *Checker) ask(ctx context.Context, l *login, q question, pend func(auth.Pending)) (string, error) {
	flags := "R"
	if q.echo {
		flags = "R,E"
	}
	r := l.request
	if !slices.Contains(r.Methods, "crtext") {
		if r.Username == "" && r.Password == "" {
			return "", refuse("a code is needed here: give your user name, and the code as the password (auth-user-pass in the profile)")
		}
		id := c.waiting.put(l, c.o.Now())
		return "", &refusal{told: fmt.Sprintf("CRV1:%s:%s:%s:%s", flags, id, base64.StdEncoding.EncodeToString([]byte(r.Username)), q.text), cause: errAsked}
	}
	pend(auth.Pending{Timeout: answerTime, Extra: "CR_TEXT:" + flags + ":" + q.text})
	late := time.NewTimer(answerTime)
	defer late.Stop()
	select {
	case text := <-r.Answers:
		answer, err := base64.StdEncoding.DecodeString(text)
		if err != nil {
			return "", refuse("the answer cannot be read: expected base64")
		}
		return string(answer), nil
	case <-late.C:
		return "", refuse("no answer came in time")
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

type asked struct{}

func (asked) Error() string { return "asked for more, to be answered on the next connection" }

// errAsked is the cause of a refusal that is a question.
var errAsked error = asked{}

// split takes a password apart: what the client gave beside it (static challenge).
func split(text string) (password, code string) {
	if p, answer, ok := auth.SplitStatic(text); ok {
		return p, strings.TrimSpace(answer)
	}
	return text, ""
}

// takesTemp reports whether a client can be told to come back later.
func takesTemp(r *auth.Request) bool {
	return r.Env != nil && negotiate.PeerInfo{"IV_PROTO": r.Env.Get("IV_PROTO")}.Has(negotiate.ProtoAuthTemp)
}

const (
	maxWaiting  = 4096
	waitingTime = 5 * time.Minute
)

// waiting are logins whose clients were asked by CRV1, and come again with the answer.
type waiting struct {
	mu     sync.Mutex
	logins map[string]waiter
}

type waiter struct {
	login *login
	until time.Time
}

func newWaiting() *waiting { return &waiting{logins: make(map[string]waiter)} }

// put keeps a login, and returns the name for it that goes to the client. If there are too
// many, the oldest goes.
func (w *waiting) put(l *login, now time.Time) string {
	id := make([]byte, 16)
	rand.Read(id)
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.logins) >= maxWaiting {
		w.drop(now)
	}
	w.logins[hex.EncodeToString(id)] = waiter{l, now.Add(waitingTime)}
	return hex.EncodeToString(id)
}

// drop makes room for one. The caller holds mu.
func (w *waiting) drop(now time.Time) {
	oldest, until := "", time.Time{}
	for id, other := range w.logins {
		switch {
		case !now.Before(other.until):
			delete(w.logins, id)
		case oldest == "" || other.until.Before(until):
			oldest, until = id, other.until
		}
	}
	if len(w.logins) >= maxWaiting {
		delete(w.logins, oldest)
	}
}

// take returns the login whose question a client answers, with the answer; nil if it
// answers none. A question can be answered once, and only by who was asked.
func (w *waiting) take(r *auth.Request, now time.Time) (*login, error) {
	id, answer, ok := parseAnswer(r.Password)
	if !ok {
		return nil, nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	got, ok := w.logins[id]
	if !ok || got.login.request.Username != r.Username || got.login.request.CommonName != r.CommonName {
		return nil, refuse("the question was asked too long ago; sign in again")
	}
	delete(w.logins, id)
	if !now.Before(got.until) {
		return nil, refuse("the question was asked too long ago; sign in again")
	}
	l := got.login
	l.request = r
	l.answered(answer)
	return l, nil
}

// parseAnswer takes apart CRV1::ID::ANSWER.
func parseAnswer(password string) (id, answer string, ok bool) {
	rest, ok := strings.CutPrefix(password, "CRV1::")
	if !ok {
		return "", "", false
	}
	return strings.Cut(rest, "::")
}
