package history

import (
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/operate/history/track"
	"culvert/store/bolt"
)

// TestOpenedLater: a file that cannot be opened when the server starts is tried again; the
// history says so meanwhile, what happens waits, and nothing of it is lacking then.
func TestOpenedLater(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		fault, tried := errors.New("no space left on device"), 0
		v := openVolume(func() (*bolt.Store, error) {
			tried++
			if fault != nil {
				return nil, fault
			}
			return Open(dir, discard())
		})
		defer v.Close()
		k := NewKeeper(v, Options{Days: 90, Log: discard()})
		k.Tick(time.Now())
		if trouble := k.Stats().Trouble; !strings.Contains(trouble, "no space left on device") {
			t.Errorf("the trouble is %q", trouble)
		}
		l := benchSession(1, 3, time.Now())
		l.ID, l.Begin, l.Last = track.ID(time.Now(), 1), time.Now(), time.Now()
		k.Changed(track.Begun, l)
		if _, _, err := NewBook(v).Sessions(t.Context(), Query{}); answerable(err) == err {
			t.Errorf("the answer is %v", err)
		}
		for range 60 {
			k.Tick(time.Now())
			time.Sleep(time.Second)
		}
		if tried != 2 { // at first, and after half a minute
			t.Errorf("it was tried %d times", tried)
		}
		fault = nil
		time.Sleep(openAgain)
		k.Tick(time.Now())
		found, _, err := NewBook(v).Sessions(t.Context(), Query{})
		if err != nil || len(found) != 1 || found[0].ID != l.ID {
			t.Errorf("%v, %v", found, err)
		}
		if s := k.Stats(); s.Trouble != "" || s.Lost != 0 {
			t.Errorf("%+v", s)
		}
	})
}
