package nictest

import (
	"errors"
	"io/fs"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
)

func TestInjectedPacketsAreRead(t *testing.T) {
	p := New("test0", 1500)
	for _, s := range []string{"one", "too long", "two", "three"} {
		p.Inject([]byte(s))
	}
	batch := buf.NewBatch(2, 5)
	n, err := p.ReadBatch(batch)
	if n != 2 || err != nil || string(batch[0].Bytes()) != "one" || string(batch[1].Bytes()) != "two" {
		t.Errorf("%d, %v: %q %q", n, err, batch[0].Bytes(), batch[1].Bytes())
	}
	if n, err := p.ReadBatch(batch); n != 1 || err != nil || string(batch[0].Bytes()) != "three" {
		t.Errorf("%d, %v: %q", n, err, batch[0].Bytes())
	}
}

func TestWrittenPacketsAreReceived(t *testing.T) {
	p := New("test0", 5)
	batch := buf.NewBatch(3, 10)
	for i, s := range []string{"one", "too long", "two"} {
		batch[i].Set([]byte(s))
	}
	if n, err := p.WriteBatch(batch); n != 2 || err == nil || errors.Is(err, fs.ErrClosed) {
		t.Errorf("WriteBatch: %d, %v; want 2 and a passing error", n, err)
	}
	batch[0].Set([]byte("xxx")) // the adapter keeps nothing of the caller's
	if b, err := p.Received(); string(b) != "one" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	if all := p.Drain(); len(all) != 1 || string(all[0]) != "two" {
		t.Errorf("%q", all)
	}
	if all := p.Drain(); len(all) != 0 {
		t.Errorf("%q", all)
	}
}

func TestWaitsInBubble(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := New("test0", 1500)
		go func() {
			time.Sleep(time.Hour)
			p.Inject([]byte("late"))
			time.Sleep(time.Hour)
			p.Close()
		}()
		batch := buf.NewBatch(1, 10)
		if n, err := p.ReadBatch(batch); n != 1 || err != nil {
			t.Error(n, err)
		}
		if _, err := p.ReadBatch(batch); !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
		if _, err := p.WriteBatch(batch); !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
		if _, err := p.Received(); !errors.Is(err, fs.ErrClosed) {
			t.Error(err)
		}
	})
}
