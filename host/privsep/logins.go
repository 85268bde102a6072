package privsep

import (
	"context"
	"errors"
	"maps"
	"net/netip"
	"net/rpc"
	"sync"

	"culvert/access/auth/pam"
)

// LoginRequest asks for a check of a login by PAM: by which plugin of the configuration
// that the keeper read.
type LoginRequest struct {
	Number uint64 // of this request, for EndLogin
	Plugin int
	Source string // netip.Prefix as text
	Login  pam.Login
}

// LoginResult is what PAM said, or why it could not be asked.
type LoginResult struct {
	Answer pam.Answer
	Err    string
}

// maxLogins is how many logins a worker may have its keeper check at a time, or wait for.
const maxLogins = 1024

// logins are the checks under way for a worker.
type logins struct {
	mu   sync.Mutex
	ends map[uint64]context.CancelFunc
	// over are numbers of checks that were ended before they began, since each request
	// has a goroutine of its own. Numbers grow, so old ones are forgotten.
	over map[uint64]bool
}

// begin notes a check, unless there are too many.
func (l *logins) begin(number uint64, end context.CancelFunc) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ends == nil {
		l.ends = map[uint64]context.CancelFunc{}
	}
	if l.over[number] {
		delete(l.over, number)
		return context.Canceled
	}
	if l.ends[number] != nil || len(l.ends) >= maxLogins {
		return errors.New("too many logins are being checked")
	}
	l.ends[number] = end
	return nil
}

// end ends a check that is under way, or one that has yet to begin.
func (l *logins) end(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if end := l.ends[number]; end != nil {
		end()
		return
	}
	if l.over == nil {
		l.over = map[uint64]bool{}
	}
	l.over[number] = true
	if len(l.over) > maxLogins {
		maps.DeleteFunc(l.over, func(n uint64, _ bool) bool { return n+maxLogins < number })
	}
}

// done forgets a check that has ended.
func (l *logins) done(number uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.ends, number)
}

// CheckLogin asks PAM about a login, with the keeper's rights. It ends with the worker,
// and by EndLogin.
func (k *Keeper) CheckLogin(r LoginRequest, result *LoginResult) error {
	askers := k.reads.Load().PAM
	if r.Plugin < 0 || r.Plugin >= len(askers) || askers[r.Plugin] == nil {
		return errors.New("no PAM service")
	}
	source, err := netip.ParsePrefix(r.Source)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	if err := k.logins.begin(r.Number, cancel); err != nil {
		return err
	}
	defer k.logins.done(r.Number)
	go func() {
		select {
		case <-k.gone:
			cancel()
		case <-ctx.Done():
		}
	}()
	if result.Answer, err = askers[r.Plugin].Ask(ctx, source, r.Login); err != nil {
		result.Err = err.Error()
	}
	return nil
}

// EndLogin ends a check that nobody waits for any more.
func (k *Keeper) EndLogin(number uint64, _ *Empty) error {
	k.logins.end(number)
	return nil
}

// AskPAM has the keeper ask PAM about a login, by a plugin of the configuration, until ctx
// ends.
func (w *Worker) AskPAM(ctx context.Context, plugin int, source netip.Prefix, l pam.Login) (pam.Answer, error) {
	r := LoginRequest{Number: w.asked.Add(1), Plugin: plugin, Source: source.String(), Login: l}
	var result LoginResult
	call := w.client.Go(service+".CheckLogin", r, &result, make(chan *rpc.Call, 1))
	select {
	case <-ctx.Done():
		w.client.Go(service+".EndLogin", r.Number, &Empty{}, make(chan *rpc.Call, 1))
		return pam.Answer{}, ctx.Err()
	case <-call.Done:
	}
	if call.Error != nil {
		return pam.Answer{}, call.Error
	}
	if result.Err != "" {
		return pam.Answer{}, said(result.Err)
	}
	return result.Answer, nil
}
