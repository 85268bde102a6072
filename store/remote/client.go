package remote

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"culvert/store"
)

// ErrNobody is the error of Dial where nobody answers: there is no socket, or one of a
// process that has ended.
var ErrNobody = errors.New("no process serves the store")

// ErrUnclear is the error of a transaction that may have been made or not: the process that
// has the store ended meanwhile.
var ErrUnclear = errors.New("the server ended before it answered: whether the change was made is not known")

// answerTime is how long a process may take to answer Dial. One that is stopped does not.
const answerTime = 5 * time.Second

// Store is a store that another process serves.
type Store struct {
	path   string
	http   *http.Client
	closed context.Context
	close  context.CancelFunc
}

// Dial returns the store that a process serves on a socket, or ErrNobody.
func Dial(ctx context.Context, path string) (*Store, error) {
	s := &Store{path: path}
	s.closed, s.close = context.WithCancel(context.Background())
	s.http = &http.Client{Transport: &http.Transport{DialContext: s.dial, IdleConnTimeout: time.Minute, MaxIdleConnsPerHost: 8}}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	_, err := s.ask(ctx, "", nil)
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, ErrNobody):
	case errors.Is(err, context.DeadlineExceeded):
		err = fmt.Errorf("%s: the process that has the store open does not answer for %v; if it is stopped, let it go on or end it", path, answerTime)
	}
	s.Close()
	return nil, err
}

func (s *Store) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	addr, done, err := address(s.path)
	if err != nil {
		return nil, err
	}
	defer done()
	conn, err := new(net.Dialer).DialContext(ctx, "unix", addr)
	if isNobody(err) {
		return nil, fmt.Errorf("%s: %w", s.path, ErrNobody)
	}
	return conn, err
}

// Get is store.Store's.
func (s *Store) Get(ctx context.Context, key string) (store.Entry, error) {
	a, err := s.ask(ctx, "get?key="+url.QueryEscape(key), nil)
	if err != nil {
		return store.Entry{}, err
	}
	if a.Entry == nil {
		return store.Entry{}, s.strange(errors.New("no entry"))
	}
	return *a.Entry, nil
}

// List is store.Store's.
func (s *Store) List(ctx context.Context, prefixes ...string) (store.Snapshot, error) {
	body, end, err := s.open(ctx, "list?"+url.Values{"prefix": prefixes}.Encode(), nil)
	if err != nil {
		return store.Snapshot{}, err
	}
	defer end()
	snap, said, err := readSnapshot(body)
	switch {
	case said != nil:
		return store.Snapshot{}, said.err()
	case errors.Is(err, errStrange):
		return store.Snapshot{}, s.strange(err)
	case err != nil:
		return store.Snapshot{}, s.broken(ctx, err)
	}
	return snap, nil
}

// Commit is store.Store's. If ctx ends meanwhile, or the error is ErrUnclear, the
// transaction may have been made.
func (s *Store) Commit(ctx context.Context, t store.Txn) (store.Revision, error) {
	if err := t.Check(); err != nil {
		return 0, err
	}
	return s.commit(ctx, "commit", t)
}

// CommitAll is store.Whole's; else it is as Commit.
func (s *Store) CommitAll(ctx context.Context, t store.Txn) (store.Revision, error) {
	if err := t.CheckAll(); err != nil {
		return 0, err
	}
	return s.commit(ctx, "commit-all", t)
}

func (s *Store) commit(ctx context.Context, how string, t store.Txn) (store.Revision, error) {
	text, err := json.Marshal(t)
	if err != nil {
		return 0, err
	}
	a, err := s.ask(ctx, how, text)
	return a.Revision, err
}

// Watch is store.Store's.
func (s *Store) Watch(ctx context.Context, prefix string, after store.Revision) iter.Seq2[[]store.Change, error] {
	return func(yield func([]store.Change, error) bool) {
		err := s.watch(ctx, prefix, after, func(batch []store.Change) bool { return yield(batch, nil) })
		if err != nil && ctx.Err() == nil {
			yield(nil, err)
		}
	}
}

// watch has f take each batch until it returns false, which is no error.
func (s *Store) watch(ctx context.Context, prefix string, after store.Revision, f func([]store.Change) bool) error {
	body, end, err := s.open(ctx, "watch?prefix="+url.QueryEscape(prefix)+"&after="+strconv.FormatUint(uint64(after), 10), nil)
	if err != nil {
		return err
	}
	defer end()
	lines := json.NewDecoder(body)
	for {
		var a reply
		if err := lines.Decode(&a); err != nil {
			return s.ended(ctx, err)
		}
		if a.Fault != nil {
			return a.Fault.err()
		}
		if ctx.Err() != nil || len(a.Changes) > 0 && !f(a.Changes) {
			return nil
		}
	}
}

// ended is why a watch has come to its end. One that ends in the middle of its body, while
// the other process goes on, was given up because nobody read it: what changed meanwhile is
// not known here.
func (s *Store) ended(ctx context.Context, err error) error {
	why := s.broken(ctx, err)
	if errors.Is(err, io.EOF) || !errors.Is(why, ErrNobody) {
		return why
	}
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	if _, err := s.ask(ctx, "", nil); err != nil {
		return why
	}
	return store.ErrCompacted
}

// Backup is store.Backuper's, of what the other process has.
func (s *Store) Backup(ctx context.Context, w io.Writer) error {
	body, end, err := s.open(ctx, "backup", nil)
	if err != nil {
		return err
	}
	defer end()
	if _, err := io.Copy(w, body); err != nil {
		return fmt.Errorf("the copy is not whole: %w", err)
	}
	return nil
}

// Close ends what this process does with the store.
func (s *Store) Close() error {
	s.close()
	s.http.CloseIdleConnections()
	return nil
}

// ask sends a request, with a transaction if that is not nil, and returns the answer.
func (s *Store) ask(ctx context.Context, what string, txn []byte) (a reply, err error) {
	body, end, err := s.open(ctx, what, txn)
	if err != nil {
		return a, err
	}
	defer end()
	if err := json.NewDecoder(body).Decode(&a); err != nil {
		if txn != nil {
			err = fmt.Errorf("%w: %w", ErrUnclear, err)
		}
		return reply{}, s.broken(ctx, err)
	}
	if a.Fault != nil {
		return reply{}, a.Fault.err()
	}
	return a, nil
}

// open sends a request and returns the body of its answer, to be ended.
func (s *Store) open(ctx context.Context, what string, txn []byte) (body io.Reader, end func(), err error) {
	if s.closed.Err() != nil {
		return nil, nil, store.ErrClosed
	}
	if err := ctx.Err(); err != nil {
		return nil, nil, err
	}
	own, cancel := context.WithCancel(ctx)
	stop := context.AfterFunc(s.closed, cancel)
	release := func() { stop(); cancel() }
	method := http.MethodGet
	if txn != nil {
		method = http.MethodPost
	}
	r, err := http.NewRequestWithContext(own, method, "http://store/v1/"+what, bytes.NewReader(txn))
	if err != nil {
		release()
		return nil, nil, err
	}
	answer, err := s.http.Do(r)
	if err != nil {
		release()
		if request := new(url.Error); errors.As(err, &request) {
			err = request.Err // the address is of no use to anybody
		}
		if txn != nil && !errors.Is(err, ErrNobody) {
			err = fmt.Errorf("%w: %w", ErrUnclear, err)
		}
		return nil, nil, s.broken(ctx, err)
	}
	end = func() { answer.Body.Close(); release() }
	if answer.StatusCode != http.StatusOK {
		end()
		return nil, nil, s.strange(errors.New(answer.Status))
	}
	return answer.Body, end, nil
}

// broken is why a connection ended: this side ended it, or the other did.
func (s *Store) broken(ctx context.Context, err error) error {
	switch {
	case s.closed.Err() != nil:
		return store.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, ErrNobody), errors.Is(err, ErrUnclear):
		return err
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return fmt.Errorf("%s: the server that has the store open has ended: %w", s.path, ErrNobody)
	}
	return err
}

// strange is the error of an answer that no version of this program gives.
func (s *Store) strange(err error) error {
	return fmt.Errorf("%s: an answer that is not expected: %w; is the server of another version? restart it", s.path, err)
}

var _ store.Backuper = (*Store)(nil)
