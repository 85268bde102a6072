package nic

import (
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"

	"culvert/internal/buf"
)

func TestNull(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := NewNull("null", Ethernet, 1400)
		if n.Name() != "null" || n.Kind() != Ethernet || n.MTU() != 1400 {
			t.Errorf("made %v %v %v", n.Name(), n.Kind(), n.MTU())
		}
		batch := buf.NewBatch(3, 100)
		if taken, err := n.WriteBatch(batch); taken != 3 || err != nil {
			t.Errorf("took %d, %v", taken, err)
		}
		ended := make(chan error)
		go func() {
			_, err := n.ReadBatch(batch)
			ended <- err
		}()
		synctest.Wait()
		n.Close()
		n.Close()
		if err := <-ended; !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a read ended with %v", err)
		}
		if _, err := n.WriteBatch(batch); !errors.Is(err, fs.ErrClosed) {
			t.Errorf("a write after Close: %v", err)
		}
	})
}
