package history

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"culvert/operate/history/track"
	"culvert/store"
	"culvert/store/bolt"
)

// ErrNone is returned for a directory whose server has kept no history.
var ErrNone = errors.New("there is no history")

// Open opens the history of a server's directory for the server, makes the file if there is none,
// and ends the sessions that were open when the server was killed. It needs no name afterwards, so
// that the process may give up its rights. A file that is damaged is put aside, and the log says
// where; any other error is for the log, too: a server serves its clients without history.
func Open(dir string, log *slog.Logger) (*bolt.Store, error) {
	path := filepath.Join(dir, File)
	s, err := openSmall(path, log)
	if errors.Is(err, bolt.ErrDamaged) {
		aside := fmt.Sprintf("%s.damaged-%s", path, time.Now().UTC().Format("20060102T150405Z"))
		if moved := os.Rename(path, aside); moved != nil {
			return nil, errors.Join(err, moved)
		}
		log.Error("the history of sessions is damaged: it was put aside, and a new one begins", "aside", aside, "error", err)
		s, err = openFile(path)
	}
	if err != nil {
		return nil, err
	}
	if err := s.ReadOnly(); err != nil {
		s.Close()
		return nil, err
	}
	if err := endOpen(context.Background(), s, log); err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// writing is how the server opens the file.
var writing = bolt.Options{Unwatched: true, Large: true}

// openFile opens the file, and makes it if there is none.
func openFile(path string) (*bolt.Store, error) {
	s, err := bolt.Open(path, writing)
	if !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if err := bolt.Create(path); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	return bolt.Open(path, writing)
}

// A file is packed when the server starts, if it has this much room to spare, in bytes, and that
// is three quarters of it: as after `history days` became fewer. What old days leave free is used
// by the next ones.
const spare = 32 << 20

// openSmall is openFile, but packs the file first if that is worth it.
func openSmall(path string, log *slog.Logger) (*bolt.Store, error) {
	s, err := openFile(path)
	if err != nil || s.ReadOnly() != nil {
		return s, err
	}
	whole, free, err := s.Sizes()
	if err != nil || free < spare || free < whole/4*3 {
		return s, nil // an error is that of the next transaction, too
	}
	if err := s.Close(); err != nil {
		return nil, err
	}
	if err := bolt.Pack(path, writing); err != nil {
		log.Warn("the history of sessions could not be made smaller; it goes on as it is", "bytes", whole, "spare", free, "error", err)
	} else {
		log.Info("the history of sessions was made smaller", "bytes", whole, "spare", free)
	}
	return openFile(path)
}

// OpenBook opens the history of a server's directory for reading, where no server has it open:
// that is bolt.ErrLocked, and its API is to be asked. It is ErrNone where there is none.
func OpenBook(dir string) (*Book, func(), error) {
	path := filepath.Join(dir, File)
	s, err := bolt.Open(path, bolt.Options{ReadOnly: true, Unwatched: true, Large: true, Wait: time.Millisecond})
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, nil, fmt.Errorf("%w in %s: no server has run from there with one; `history off` in server.conf turns it off", ErrNone, dir)
	case err != nil:
		return nil, nil, err
	}
	return &Book{r: s, asleep: true}, func() { s.Close() }, nil
}

// crashed is why a session ended whose server was killed.
const crashed = "the server was killed, or its host went down; it was there at least until then"

// endOpen ends the sessions that a server left open, when they were noted last.
func endOpen(ctx context.Context, f file, log *slog.Logger) error {
	open, err := f.List(ctx, opened)
	if err != nil {
		return err
	}
	var txn store.Txn
	for _, e := range open.Entries {
		id := idOf(e.Key)
		txn.Delete = append(txn.Delete, e.Key)
		if _, ok := beganOn(id); !ok {
			continue
		}
		k, there, err := readSession(ctx, f, id)
		if err != nil || !there {
			log.Warn("the history has a session that cannot be read", "id", id, "error", err)
			continue
		}
		end(&k.Session)
		txn.Put = append(txn.Put, putSession(&k.Session, k.Hidden))
		if life, err := readLife(ctx, f, id); err == nil {
			txn.Put = append(txn.Put, putLife(id, append(life, track.Moment{Time: k.End, What: "left", Text: crashed})))
		}
	}
	if len(txn.Delete) == 0 {
		return nil
	}
	log.Info("the history has sessions that were open when the server was killed: they end when they were noted last", "sessions", len(txn.Delete))
	_, err = f.CommitAll(ctx, txn)
	return err
}

// end ends a session that was open when its server was killed.
func end(s *track.Session) {
	s.End, s.Cause, s.Why = s.Last, track.Crashed, crashed
}
