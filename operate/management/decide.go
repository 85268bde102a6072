package management

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/internal/printable"
)

// key names a login that readers decide: the client's number, and the number of the
// key that it is for, which counts its handshakes.
type key struct {
	cid uint64
	kid uint64
}

// clients are the logins that wait for readers. The Interface's lock guards it.
type clients struct {
	pending map[key]*pending
	// known are the clients that readers have heard of and not seen leave.
	known map[uint64]bool
	own   own
	// envLevel is of env-filter.
	envLevel int
}

// pending is a login that waits for the first reader that decides.
type pending struct {
	verdict chan auth.Verdict // has room for one
	pend    func(auth.Pending)
}

// decide answers a login, if it waits and nobody was faster.
func (i *Interface) decide(k key, v auth.Verdict) bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	p := i.clients.pending[k]
	if p == nil {
		return false
	}
	delete(i.clients.pending, k)
	p.verdict <- v
	return true
}

// checker lets readers decide about clients (management-client-auth).
type checker struct{ *Interface }

// Checker returns what asks readers about each login of a client; nil without
// management-client-auth. The first reader that answers decides. Without any reader, and
// when none answers before ctx ends, a client is refused.
func (i *Interface) Checker() auth.Checker {
	if i == nil || !i.cfg.ClientAuth {
		return nil
	}
	return checker{i}
}

// Check implements auth.Checker.
func (c checker) Check(ctx context.Context, r *auth.Request, pend func(auth.Pending)) auth.Verdict {
	k := key{r.Number, r.Key}
	stop := make(chan struct{})
	defer close(stop)
	go c.answers(k, r, stop)
	what := "CONNECT"
	if r.Renewal {
		what = "REAUTH"
	}
	env := r.Env.Clone()
	env.Set("password", printable.Value(r.Password))
	env.SetInt("n_clients", int64(c.load()))
	c.mu.Lock()
	level := c.clients.envLevel
	c.clients.known[r.Number] = true
	c.mu.Unlock()
	return c.wait(ctx, k, pend, clientLines(fmt.Sprintf("%s,%d,%d", what, k.cid, k.kid), env, level, true))
}

// answers tells readers what a client answers to a challenge, until stop is closed.
func (c checker) answers(k key, r *auth.Request, stop <-chan struct{}) {
	for {
		select {
		case text, more := <-r.Answers:
			if !more {
				return
			}
			c.mu.Lock()
			level := c.clients.envLevel
			c.mu.Unlock()
			c.Broadcast(clientLines(fmt.Sprintf("CR_RESPONSE,%d,%d,%s", k.cid, k.kid, text), c.answering(r), level, true)...)
		case <-stop:
			return
		}
	}
}

// answering is what readers are told of a client that answers: as with OpenVPN, that it
// can be trusted to be where it says.
func (c checker) answering(r *auth.Request) *hooks.Env {
	env := r.Env.Clone()
	for _, what := range []string{"ip", "ip6", "port"} {
		if at := env.Get("untrusted_" + what); at != "" {
			env.Set("trusted_"+what, at)
		}
	}
	if name := env.Get("common_name"); name != "" {
		env.Set("common_name", name)
	}
	env.SetInt("n_clients", int64(c.load()))
	return env
}

// load is how many clients are in.
func (i *Interface) load() (n int) {
	b := i.tunnel()
	if b == nil {
		return 0
	}
	for _, p := range b.Peers() {
		if !p.Connecting {
			n++
		}
	}
	return n
}

// wait asks readers about a login, by announce, until one decides or ctx ends.
func (i *Interface) wait(ctx context.Context, k key, pend func(auth.Pending), announce []string) auth.Verdict {
	p := &pending{verdict: make(chan auth.Verdict, 1), pend: pend}
	i.mu.Lock()
	if i.inside() == 0 {
		i.mu.Unlock()
		return auth.Verdict{Err: errNobody}
	}
	i.clients.pending[k] = p
	i.broadcast(nil, announce...)
	i.mu.Unlock()
	defer func() {
		i.mu.Lock()
		defer i.mu.Unlock()
		if i.clients.pending[k] == p {
			delete(i.clients.pending, k)
		}
	}()
	select {
	case v := <-p.verdict:
		return v
	case <-ctx.Done():
		return auth.Verdict{Err: errUndecided}
	}
}

// login reads CID and KID, or answers what is wrong with them.
func (r *reader) login(args []string) (k key, ok bool) {
	if k.cid, ok = r.cid(args[0]); !ok {
		return k, false
	}
	var err error
	if k.kid, err = strconv.ParseUint(args[1], 10, 64); err != nil {
		r.refuse("cannot parse KID")
		return k, false
	}
	return k, true
}

// answered says whether a decision came in time.
func (r *reader) answered(command string, in bool) {
	if in {
		r.ok("%s command succeeded", command)
	} else {
		r.refuse("%s command failed", command)
	}
}

// doClientAuth lets a client in with directives, in lines up to END.
func doClientAuth(r *reader, args []string) {
	k, ok := r.login(args)
	if !ok {
		return // without waiting for END, as with OpenVPN
	}
	r.several(func(lines []string) {
		if r.server("client-auth") != nil {
			r.answered("client-auth", r.i.decide(k, auth.Verdict{OK: true, Lines: lines}))
		}
	})
}

func doClientAuthNT(r *reader, args []string) {
	const name = "client-auth" // OpenVPN's word
	if k, ok := r.login(args); ok && r.server(name) != nil {
		r.answered(name, r.i.decide(k, auth.Verdict{OK: true}))
	}
}

func doClientDeny(r *reader, args []string) {
	k, ok := r.login(args)
	if !ok || r.server("client-deny") == nil {
		return
	}
	v := auth.Verdict{}
	if len(args) > 3 {
		v.Reason = args[3]
	}
	in := r.i.decide(k, v)
	if in {
		r.log.Info("MANAGEMENT: a client was refused", "client", k.cid, "key", k.kid, "reason", args[2])
	}
	r.answered("client-deny", in)
}

// maxExtra keeps INFO_PRE within a control message, in bytes.
const maxExtra = 1000

func doClientPending(r *reader, args []string) {
	k, ok := r.login(args)
	if !ok {
		return
	}
	seconds := number(args[3])
	if seconds <= 0 {
		r.refuse("cannot parse TIMEOUT")
		return
	}
	if r.server("client-pending-auth") == nil {
		return
	}
	i := r.i
	i.mu.Lock()
	p := i.clients.pending[k]
	i.mu.Unlock()
	if p == nil || len(args[2]) > maxExtra {
		r.refuse("client-pending-auth command failed. Extra parameter might be too long")
		return
	}
	p.pend(pendingFor(seconds, args[2]))
	r.ok("client-pending-auth command succeeded")
}

func doEnvFilter(r *reader, args []string) {
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	if len(args) > 0 {
		i.clients.envLevel = number(args[0])
	} else {
		i.clients.envLevel = 0
	}
	r.ok("env_filter_level=%d", i.clients.envLevel)
}

var (
	errNobody    = errors.New("management-client-auth: no program is connected to the management interface that could decide; start it before clients connect")
	errUndecided = errors.New("management-client-auth: no management reader decided in time (client-auth, client-deny)")
)

func pendingFor(seconds int, extra string) auth.Pending {
	return auth.Pending{Timeout: time.Duration(seconds) * time.Second, Extra: extra}
}
