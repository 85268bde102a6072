package management

import (
	"context"
	"errors"
	"strconv"
	"time"

	"culvert/access/auth"
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
	r.several(func(lines []string) {
		if r.server("client-auth") == nil {
			return
		}
		if k, ok := r.login(args); ok {
			r.answered("client-auth", r.i.decide(k, auth.Verdict{OK: true}))
		}
	})
}

func doClientAuthNT(r *reader, args []string) {
	if r.server("client-auth-nt") == nil {
		return
	}
	if k, ok := r.login(args); ok {
		r.answered("client-auth", r.i.decide(k, auth.Verdict{OK: true})) // OpenVPN's word
	}
}

func doClientDeny(r *reader, args []string) {
	if r.server("client-deny") == nil {
		return
	}
	k, ok := r.login(args)
	if !ok {
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
	if r.server("client-pending-auth") == nil {
		return
	}
	k, ok := r.login(args)
	if !ok {
		return
	}
	seconds := number(args[3])
	i := r.i
	i.mu.Lock()
	p := i.clients.pending[k]
	i.mu.Unlock()
	if p == nil || len(args[2]) > maxExtra || seconds == 0 {
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
