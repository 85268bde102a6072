package management

import (
	"context"
	"fmt"
	"strings"
	"time"

	"culvert/config"
	"culvert/role/profile"
)

// asks is what this process waits for readers to answer. The Interface's lock guards
// what is in it.
type asks struct {
	login  question[profile.Answer]
	wanted profile.Question           // of login
	halves map[*reader]profile.Answer // what each reader has given of the login so far
	remote question[remoteAnswer]
	proxy  question[proxyAnswer]
	sign   question[[]byte]
	cert   question[[]byte]
	retry  *config.AuthRetry // set by a reader before there was a client
}

// question is one that waits for the first reader that answers. Only one of a kind waits
// at a time.
type question[T any] struct {
	turn   chan struct{} // full while one waits; capacity 1
	answer chan T        // has room for one; nil: none waits
}

func newQuestion[T any]() question[T] { return question[T]{turn: make(chan struct{}, 1)} }

func newAsks() asks {
	return asks{login: newQuestion[profile.Answer](), remote: newQuestion[remoteAnswer](), proxy: newQuestion[proxyAnswer](), sign: newQuestion[[]byte](), cert: newQuestion[[]byte]()}
}

// ask asks all readers, by a message that stands until one answers or ctx ends. line is
// the message for a reader that knows a version of the protocol. begin is called, with
// the lock held, before anybody is asked.
func (q *question[T]) ask(ctx context.Context, i *Interface, kind string, line func(version int) string, begin func()) (answer T, err error) {
	select {
	case q.turn <- struct{}{}:
		defer func() { <-q.turn }()
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
	if ctx.Err() != nil {
		return answer, context.Cause(ctx)
	}
	waiting := make(chan T, 1)
	i.mu.Lock()
	q.answer = waiting
	begin()
	i.mu.Unlock()
	stand(i, kind, line)
	defer func() {
		i.mu.Lock()
		q.answer = nil
		i.mu.Unlock()
		withdraw(i, kind)
	}()
	select {
	case answer = <-waiting:
		return answer, nil
	case <-ctx.Done():
		return answer, context.Cause(ctx)
	}
}

// take answers the question, if one waits and nobody was faster. The caller holds the
// Interface's lock.
func (q *question[T]) take(answer T) bool {
	if q.answer == nil {
		return false
	}
	q.answer <- answer
	q.answer = nil
	return true
}

// alike is a message that is the same for every reader.
func alike(text string) func(int) string { return func(int) string { return text } }

// nothing is done before a question is asked.
func nothing() {}

// ofAsks are the commands that answer what is asked.
func ofAsks() map[string]command {
	return map[string]command{
		"auth-retry":         {run: doAuthRetry},
		"forget-passwords":   {run: func(r *reader, _ []string) { forget(r.i); r.ok("Passwords were forgotten") }},
		"needok":             {least: 2, run: func(r *reader, _ []string) { r.notNeeded("needok-confirmation") }},
		"needstr":            {least: 2, run: func(r *reader, _ []string) { r.notNeeded("needstr-string") }},
		"password":           {least: 1, run: doPassword},
		"username":           {least: 2, run: func(r *reader, args []string) { r.enter("username", args[0], args[1]) }},
		"proxy":              {least: 1, more: true, run: doProxy},
		"remote":             {least: 1, more: true, run: doRemote},
		"remote-entry-count": {run: doRemoteCount},
		"remote-entry-get":   {least: 1, more: true, run: doRemoteGet},
		"rsa-sig":            {run: func(r *reader, _ []string) { takeSignature(r, "rsa-sig", "rsa-sig") }},
		"pk-sig":             {run: func(r *reader, _ []string) { takeSignature(r, "pk-sig", "pk-sign") }},
		"certificate":        {run: doCertificate},
		"pkcs11-id-count":    {run: func(r *reader, _ []string) { r.say(">PKCS11ID-COUNT:0") }},
		"pkcs11-id-get":      {least: 1, run: func(r *reader, args []string) { r.say(fmt.Sprintf(">PKCS11ID-ENTRY:'%d'", number(args[0]))) }},
		"cr-response":        {least: 1, run: doChallengeResponse},
	}
}

// notNeeded answers what nobody asked.
func (r *reader) notNeeded(what string) {
	r.refuse("no %s is currently needed at this time", what)
}

// unavailable answers the lines that nobody asked for.
func (r *reader) unavailable(name string) {
	r.refuse("The %s command is not currently available", name)
}

// Desk is where a role has readers asked for what it needs. Each question is waited for
// until its context ends.
type Desk struct{ i *Interface }

// Desk returns the Interface's.
func (i *Interface) Desk() Desk { return Desk{i} }

// Hold is profile.Holder's.
func (d Desk) Hold(ctx context.Context, wait time.Duration) (held bool, err error) {
	return d.i.Hold(ctx, wait)
}

// Ask is profile.Asker's: readers are asked by >PASSWORD:Need.
func (d Desk) Ask(ctx context.Context, q profile.Question) (profile.Answer, error) {
	return d.i.asks.login.ask(ctx, d.i, "PASSWORD", func(version int) string { return needs(q, version) }, func() {
		d.i.asks.wanted, d.i.asks.halves = q, map[*reader]profile.Answer{}
	})
}

// needs is the message that asks q. Readers from before version 4 know no user name
// without a password.
func needs(q profile.Question, version int) string {
	what := "password"
	switch {
	case q.Username && (q.Password || version < 4):
		what = "username/password"
	case q.Username:
		what = "username"
	}
	text := fmt.Sprintf(">PASSWORD:Need '%s' %s", q.Realm, what)
	if c := q.Challenge; c != nil {
		flag := 0
		if c.Echo {
			flag |= 1
		}
		if c.Concat {
			flag |= 2
		}
		text += fmt.Sprintf(" SC:%d,%s", flag, c.Text)
	}
	return text
}

// Refused is profile.Asker's: readers are told by >PASSWORD:Verification Failed.
func (d Desk) Refused(realm profile.Realm, reason string) {
	text := fmt.Sprintf(">PASSWORD:Verification Failed: '%s'", realm)
	if reason != "" {
		text += " ['" + reason + "']"
	}
	d.i.Broadcast(text)
}

// TokenGiven is client.Teller's.
func (d Desk) TokenGiven(token string) { d.i.Broadcast(">PASSWORD:Auth-Token:" + token) }

// Info is client.Teller's.
func (d Desk) Info(text string) { d.i.Broadcast(">INFOMSG:" + text) }

// mostSecret is the longest password by the command of several lines, in bytes.
const mostSecret = 64 << 10

// doPassword takes a password in the same line, or from readers of version 5 on, which
// OpenVPN 2.7 has, in lines of base64 up to END.
func doPassword(r *reader, args []string) {
	switch {
	case len(args) > 1:
		r.enter("password", args[0], args[1])
	case r.announced() < 5:
		r.refuse("the 'password' command requires 2 parameters")
	default:
		r.several(func(lines []string) {
			secret, err := decode(lines)
			if err != nil || len(secret) > mostSecret || strings.ContainsAny(string(secret), "\x00\r\n") {
				r.refuse("the lines after 'password' are no password in base64")
				return
			}
			r.enter("password", args[0], string(secret))
		})
	}
}

// enter takes a user name or a password. A reader's own two go together; another's are
// not mixed with them.
func (r *reader) enter(what, realm, value string) {
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	a := &i.asks
	wanted := a.wanted.Password
	if what == "username" {
		wanted = a.wanted.Username
	}
	switch {
	case a.login.answer == nil || !wanted:
		r.notNeeded(what)
		return
	case a.wanted.Realm != profile.Realm(realm):
		r.refuse("%s of type '%s' entered, but we need one of type '%s'", what, realm, a.wanted.Realm)
		return
	}
	half := a.halves[r]
	if what == "username" {
		half.Username = value
	} else {
		half.Password = value
	}
	a.halves[r] = half
	r.ok("'%s' %s entered, but not yet verified", realm, what)
	if (half.Username != "" || !a.wanted.Username) && (half.Password != "" || !a.wanted.Password) {
		a.login.take(half)
		a.halves = nil
	}
}
