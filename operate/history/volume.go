package history

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"culvert/operate/manage/api"
	"culvert/store"
	"culvert/store/bolt"
)

// Volume is the file of a server's history. Where it cannot be opened, as on a full disk, it is
// tried again when it is used next, after some time. It is safe for concurrent use.
type Volume struct {
	open func() (*bolt.Store, error)

	mu     sync.Mutex
	store  *bolt.Store
	err    error // why it is not open
	retry  time.Time
	closed bool
}

// openAgain is how long a file that could not be opened is left alone.
const openAgain = 30 * time.Second

// OpenVolume opens the history of a server's directory as Open does, now or later.
func OpenVolume(dir string, log *slog.Logger) *Volume {
	return openVolume(func() (*bolt.Store, error) { return Open(dir, log) })
}

func openVolume(open func() (*bolt.Store, error)) *Volume {
	v := &Volume{open: open}
	v.opened()
	return v
}

// unopened is why a file is not open.
type unopened struct{ error }

func (e unopened) Unwrap() error { return e.error }

// opened is the file, once it is open.
func (v *Volume) opened() (*bolt.Store, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	switch {
	case v.closed:
		return nil, unopened{store.ErrClosed}
	case v.store != nil:
		return v.store, nil
	case v.err != nil && time.Now().Before(v.retry):
		return nil, v.err
	}
	s, err := v.open()
	if err != nil {
		v.err, v.retry = unopened{fmt.Errorf("it cannot be opened: %w", err)}, time.Now().Add(openAgain)
		return nil, v.err
	}
	v.store, v.err = s, nil
	return s, nil
}

// Trouble is why the file is not open; nil: it is.
func (v *Volume) Trouble() error {
	_, err := v.opened()
	return err
}

// Get is store.Store's.
func (v *Volume) Get(ctx context.Context, key string) (store.Entry, error) {
	s, err := v.opened()
	if err != nil {
		return store.Entry{}, err
	}
	return s.Get(ctx, key)
}

// List is store.Store's.
func (v *Volume) List(ctx context.Context, prefixes ...string) (store.Snapshot, error) {
	s, err := v.opened()
	if err != nil {
		return store.Snapshot{}, err
	}
	return s.List(ctx, prefixes...)
}

// CommitAll is store.Store's.
func (v *Volume) CommitAll(ctx context.Context, t store.Txn) (store.Revision, error) {
	s, err := v.opened()
	if err != nil {
		return 0, err
	}
	return s.CommitAll(ctx, t)
}

// Close closes the file.
func (v *Volume) Close() error {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.closed = true
	if v.store == nil {
		return nil
	}
	return v.store.Close()
}

// notOpen is answered while the file is not open.
var notOpen = api.Kind{Status: http.StatusServiceUnavailable, Code: "history-not-open", Doc: "the file of the history cannot be opened now; what happens waits in memory, and it is tried again every half minute", Mend: "make room on the disk, or mend what detail says; nothing has to be started again where the server may write to its directory"}

// answerable is an error as the API answers it.
func answerable(err error) error {
	if errors.As(err, new(unopened)) {
		return notOpen.Error(err.Error(), "")
	}
	return err
}
