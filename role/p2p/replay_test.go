package p2p

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"culvert/internal/buf"
	"culvert/internal/simnet"
)

// TestReplayPersist: packets that were recorded before a restart are taken again without
// the file, and refused with it. New ones pass.
func TestReplayPersist(t *testing.T) {
	for _, kept := range []bool{false, true} {
		file := filepath.Join(t.TempDir(), "received")
		synctest.Test(t, func(t *testing.T) {
			network := simnet.New(simnet.Options{Delay: time.Millisecond})
			linesB := []string{static, ifconfigB, "float"}
			if kept {
				linesB = append(linesB, "replay-persist "+file)
			}
			a, b := start(t, network, addrA, static, ifconfigA, "remote 192.0.2.2"), start(t, network, addrB, linesB...)
			pass(t, a, b, 1)
			recorded := buf.New(200)
			recorded.Set(ipv4(7))
			if err := a.Peer().Data.Seal(time.Now(), recorded); err != nil {
				t.Fatal(err)
			}
			recorded.Path.Remote = addrB
			again := buf.New(400)
			again.Set(recorded.Bytes())
			again.Path = recorded.Path
			if _, err := a.link.WriteBatch([]*buf.Packet{recorded}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			b.nic.Drain()
			b.stop()
			b = start(t, network, addrB, linesB...)
			time.Sleep(100 * time.Millisecond)
			if _, err := a.link.WriteBatch([]*buf.Packet{again}); err != nil {
				t.Fatal(err)
			}
			time.Sleep(time.Second)
			if got := len(b.nic.Drain()); got != 0 == kept {
				t.Errorf("kept %v: %d packets came through again", kept, got)
			}
			pass(t, a, b, 2)
			a.stop()
			b.stop()
		})
		if _, err := os.Stat(file); kept != (err == nil) {
			t.Errorf("the file: %v", err)
		}
	}
}

func TestReceived(t *testing.T) {
	since, id, err := parseReceived(appendReceived(nil, 1, 4294967295))
	if err != nil || since != 1 || id != 4294967295 {
		t.Errorf("%d, %d, %v", since, id, err)
	}
	for _, bad := range []string{"", "1", "1 2 3", "1 4294967296", "x y", "-1 2", strings.Repeat("9", 64), "\x00\x01\x02"} {
		if _, _, err := parseReceived([]byte(bad)); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
}

func FuzzReceived(f *testing.F) {
	f.Add([]byte("1700000000 17\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		since, id, err := parseReceived(b)
		if err != nil {
			return
		}
		if s, i, err := parseReceived(appendReceived(nil, since, id)); s != since || i != id || err != nil {
			t.Errorf("%q: %d, %d becomes %d, %d, %v", b, since, id, s, i, err)
		}
	})
}
