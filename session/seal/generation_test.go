package seal

import (
	"errors"
	"sync"
	"testing"
	"time"

	"culvert/session/wire"
)

func TestConfigOutOfRange(t *testing.T) {
	good := GenerationConfig{Cipher: AES256GCM, KeyID: 7, PeerID: wire.PeerIDUnset, Window: 65536, ReplayTime: time.Second}
	if _, err := NewGeneration(good); err != nil {
		t.Errorf("the extremes: %v", err)
	}
	for name, change := range map[string]func(*GenerationConfig){
		"no cipher":      func(c *GenerationConfig) { c.Cipher = 0 },
		"unknown cipher": func(c *GenerationConfig) { c.Cipher = 99 },
		"key id":         func(c *GenerationConfig) { c.KeyID = 8 },
		"peer-id":        func(c *GenerationConfig) { c.PeerID = 1 << 24 },
		"window":         func(c *GenerationConfig) { c.Window = 65537 },
		"minus window":   func(c *GenerationConfig) { c.Window = -1 },
		"replay time":    func(c *GenerationConfig) { c.ReplayTime = -1 },
	} {
		c := good
		change(&c)
		if g, err := NewGeneration(c); err == nil || g != nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestUsageCountsPlaintext(t *testing.T) {
	client, server := newPair(t, GenerationConfig{Cipher: AES256GCM, V2: true})
	for _, n := range []int{0, 1, 99} {
		text := make([]byte, n)
		server.mustOpen(t, client.sealed(t, text), text)
	}
	if got, want := client.gen.Usage(), (Usage{Sent: 3, SentBytes: 100}); got != want {
		t.Errorf("client %+v, want %+v", got, want)
	}
	if got, want := server.gen.Usage(), (Usage{Received: 3, ReceivedBytes: 100, Highest: 3}); got != want {
		t.Errorf("server %+v, want %+v", got, want)
	}
	if client.gen.Received() != 0 || server.gen.Received() != 3 {
		t.Errorf("received %d and %d", client.gen.Received(), server.gen.Received())
	}
}

func TestDueByInjectedLimits(t *testing.T) {
	text := make([]byte, 160) // 12 of usage: 10 blocks and two
	for name, c := range map[string]struct {
		limits Limits
		after  int // packets until the limit
		server bool
	}{
		"packets":        {Limits{Packets: 5}, 5, false},
		"usage sent":     {Limits{Usage: 36}, 3, false},
		"usage received": {Limits{Usage: 37}, 4, true},
	} {
		client, server := newPair(t, GenerationConfig{Cipher: AES256GCM, Limits: c.limits})
		gen := client.gen
		if c.server {
			gen = server.gen
		}
		for i := range c.after {
			if gen.Due() {
				t.Errorf("%s: due after %d packets, want %d", name, i, c.after)
			}
			server.mustOpen(t, client.sealed(t, text), text)
		}
		if !gen.Due() {
			t.Errorf("%s: not due after %d packets", name, c.after)
		}
		server.mustOpen(t, client.sealed(t, text), text) // due is not exhausted
	}
}

func TestDueByFailures(t *testing.T) {
	client, server := newPair(t, GenerationConfig{Cipher: AES256GCM, Limits: Limits{Failures: 2}})
	bad := client.sealed(t, []byte("x"))
	bad[len(bad)-1] ^= 1
	for i := range 2 {
		if server.gen.Due() {
			t.Errorf("due after %d failures", i)
		}
		server.opened(bad)
	}
	if !server.gen.Due() {
		t.Error("not due after 2 failures")
	}
}

func TestSafeLimits(t *testing.T) {
	want := Limits{Usage: 1<<36 - 1<<33, Packets: 1<<32 - 1<<29, Failures: 1<<36 - 1<<33}
	gcm := Limits{}.orSafe(AES128GCM)
	if gcm != want {
		t.Errorf("AES-GCM: %+v, want %+v", gcm, want)
	}
	if got := (Limits{}).orSafe(ChaCha20Poly1305).Usage; got < 1<<60 {
		t.Errorf("CHACHA20-POLY1305 is limited to %d", got)
	}
}

// The last packet-id is used, and none after it.
func TestPacketIDsNeverWrap(t *testing.T) {
	client, server := newPair(t, GenerationConfig{Cipher: AES256GCM, V2: true})
	client.gen.sent.packets.Store(1<<32 - 2)
	if !client.gen.Due() {
		t.Error("not due before the last packet-id")
	}
	server.mustOpen(t, client.sealed(t, []byte("last")), []byte("last"))
	for range 3 {
		p := packet([]byte("plaintext"))
		if err := client.Seal(p); err != ErrExhausted || p.Len() != 0 {
			t.Errorf("after the last: %v, %d bytes left", err, p.Len())
		}
	}
	if got := client.gen.Usage().Sent; got != 1<<32-1 {
		t.Errorf("sent %d", got)
	}
}

func TestHardLimits(t *testing.T) {
	client, server := newPair(t, GenerationConfig{Cipher: AES256GCM})
	b := client.sealed(t, nil)
	client.gen.sent.bytes.Store(1 << 40)
	if err := client.Seal(packet(nil)); err != ErrExhausted {
		t.Errorf("AES-GCM after 2^36 blocks: %v", err)
	}
	server.gen.failures.Store(1 << 36)
	if _, err := server.opened(b); err != ErrExhausted {
		t.Errorf("after 2^36 failures: %v", err)
	}
	client, _ = newPair(t, GenerationConfig{Cipher: ChaCha20Poly1305})
	client.gen.sent.bytes.Store(1 << 48)
	if err := client.Seal(packet(nil)); err != nil || client.gen.Due() {
		t.Errorf("CHACHA20-POLY1305 after 2^44 blocks: %v, due %t", err, client.gen.Due())
	}
}

// Several goroutines seal, several open each packet, keys come and go: each
// packet is opened once.
func TestConcurrentSealAndOpen(t *testing.T) {
	const workers, each = 4, 500
	client, server := newPair(t, GenerationConfig{Cipher: AES256GCM, V2: true, Window: 65536})
	var sealers, openers sync.WaitGroup
	packets := make(chan []byte, workers*each*2)
	for range workers {
		sealers.Go(func() {
			for range each {
				b := client.sealed(t, []byte("text"))
				packets <- b
				packets <- b
			}
		})
		openers.Go(func() {
			for b := range packets {
				if _, err := server.opened(b); err != nil && !errors.Is(err, ErrReplay) {
					t.Error(err)
				}
			}
		})
	}
	sealers.Go(func() {
		other := mustGeneration(t, GenerationConfig{KeyID: 5, Cipher: AES256GCM})
		for range each {
			server.Install(other)
			server.gen.Usage()
			server.gen.Due()
			server.Retire(5)
		}
	})
	sealers.Wait()
	close(packets)
	openers.Wait()

	got := server.gen.Usage()
	want := Usage{Received: workers * each, ReceivedBytes: workers * each * 4, Replays: workers * each, DeepestReorder: got.DeepestReorder, Highest: workers * each}
	if got != want {
		t.Errorf("usage %+v, want %+v", got, want)
	}
	if sent := client.gen.Usage().Sent; sent != workers*each {
		t.Errorf("sent %d", sent)
	}
}
