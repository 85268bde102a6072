package hub

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/brake"
	"culvert/internal/buf"
	"culvert/nic"
)

// failing is an adapter of which each read fails.
type failing struct {
	*nic.Null
	reads int
}

func (f *failing) ReadBatch([]*buf.Packet) (int, error) {
	f.reads++
	return 0, syscall.EIO
}

// TestAdapterFailsForEver: the port tries less and less often, and leaves with the
// reason.
func TestAdapterFailsForEver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		h := Start(Options{Log: slog.New(slog.NewTextHandler(&log, nil))})
		f := &failing{Null: nic.NewNull("bad", nic.Ethernet, 1500)}
		if _, err := h.Add(f, PortOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(brake.Patience + 2*time.Second)
		synctest.Wait()
		if _, err := h.Port("bad"); !errors.Is(err, ErrNoPort) {
			t.Errorf("the port: %v", err)
		}
		if f.reads > 60 {
			t.Errorf("%d reads", f.reads)
		}
		if n, text := strings.Count(log.String(), "\n"), log.String(); n != 2 || !strings.Contains(text, "has failed for 30s: input/output error") {
			t.Errorf("%s", text)
		}
		h.Close()
	})
}

// TestRemovedInAPause: a removed port does not wait for the end of its pause.
func TestRemovedInAPause(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := Start(Options{})
		f := &dying{failing: failing{Null: nic.NewNull("bad", nic.Ethernet, 1500)}}
		if _, err := h.Add(f, PortOptions{}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		begin := time.Now()
		if err := h.Remove("bad"); err != nil || time.Since(begin) != 0 {
			t.Errorf("removed after %v: %v", time.Since(begin), err)
		}
		h.Close()
	})
}

// dying is failing until it is closed.
type dying struct{ failing }

func (d *dying) ReadBatch(batch []*buf.Packet) (int, error) {
	if _, err := d.WriteBatch(nil); err != nil {
		return 0, err
	}
	return d.failing.ReadBatch(batch)
}
