package p2p

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"culvert/role/event"
	"culvert/session/seal"
)

// received keeps in a file how far the other host has come (`replay-persist`), so that a
// process that is started again refuses what it has seen before. It is for a static key.
type received struct {
	path  string // "": nothing is kept
	keys  *seal.Static
	emit  func(Event)
	saved [2]uint32
}

// appendReceived and parseReceived are the file's content: the time of the other host's
// run, in seconds since 1970, and the number of its packet.
func appendReceived(b []byte, since, id uint32) []byte {
	return fmt.Appendf(b, "%d %d\n", since, id)
}

var errReceived = errors.New("expected two numbers: a time in seconds, and the number of a packet")

func parseReceived(b []byte) (since, id uint32, err error) {
	words := strings.Fields(string(b))
	if len(words) != 2 {
		return 0, 0, errReceived
	}
	numbers := [2]uint32{}
	for i, word := range words {
		n, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return 0, 0, errReceived
		}
		numbers[i] = uint32(n)
	}
	return numbers[0], numbers[1], nil
}

// maxReceived bounds what is read of the file, in bytes.
const maxReceived = 64

// load takes up where the process before this one stopped. A file that cannot be read
// ends the host: without it, what it is to refuse would be let in.
func (r *received) load() error {
	if r.path == "" {
		return nil
	}
	b, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && len(b) == 0 {
		return nil
	}
	if err != nil {
		return fmt.Errorf("replay-persist: %w", err)
	}
	since, id, err := parseReceived(b[:min(len(b), maxReceived)])
	if err != nil {
		r.emit(event.Remark{Text: "replay-persist: " + r.path + " is not of this program, so it is begun anew; OpenVPN's is of another form", Err: err})
		return nil
	}
	r.keys.Resume(since, id)
	r.saved = [2]uint32{since, id}
	return nil
}

// save writes what has changed.
func (r *received) save() {
	since, id := r.keys.Received()
	if now := [2]uint32{since, id}; now == r.saved {
		return
	}
	if err := r.write(appendReceived(nil, since, id)); err != nil {
		r.emit(event.Remark{Text: "replay-persist: packets from before a restart may be taken again", Err: err})
		return
	}
	r.saved = [2]uint32{since, id}
}

// write replaces the file as a whole, or where its directory may not be written to, in
// place.
func (r *received) write(b []byte) error {
	temp, err := os.CreateTemp(filepath.Dir(r.path), filepath.Base(r.path)+".")
	if err != nil {
		return os.WriteFile(r.path, b, 0o600)
	}
	_, err = temp.Write(b)
	err = errors.Join(err, temp.Close())
	if err == nil {
		err = os.Rename(temp.Name(), r.path)
	}
	if err != nil {
		_ = os.Remove(temp.Name())
	}
	return err
}

// saveEvery is how often the file is written.
const saveEvery = time.Minute

// keep writes the file now and then, until the function that it returns is called, and
// once more then.
func (r *received) keep() (stop func()) {
	if r.path == "" {
		return func() {}
	}
	end, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(saveEvery)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				r.save()
			case <-end:
				r.save()
				return
			}
		}
	}()
	return func() {
		close(end)
		<-done
	}
}
