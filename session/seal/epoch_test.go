package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync"
	"testing"

	"culvert/internal/buf"
)

// straightExpand is HKDF-Expand of RFC 5869 for one block of output, with the
// label as the draft's struct OvpnLabel has it, written out.
func straightExpand(secret []byte, label string, length byte) []byte {
	message := []byte{0, length, byte(5 + len(label))}
	message = append(message, "ovpn "...)
	message = append(message, label...)
	message = append(message, 0) // no context
	message = append(message, 1) // first block
	mac := hmac.New(sha256.New, secret)
	mac.Write(message)
	return mac.Sum(nil)[:length]
}

// epochReference is a packet of an epoch by the draft's text alone.
func epochReference(material []byte, epoch int, counter uint64, text []byte) []byte {
	secret := material[:32] // E_1
	for range epoch - 1 {
		secret = straightExpand(secret, "datakey upd", 32)
	}
	block, _ := aes.NewCipher(straightExpand(secret, "data_key", 32))
	aead, _ := cipher.NewGCM(block)
	iv := straightExpand(secret, "data_iv", 12)
	id := binary.BigEndian.AppendUint64(nil, uint64(epoch)<<48|counter)
	for i := range id {
		iv[i] ^= id[i]
	}
	head := append([]byte{9<<3 | 3, 0xAB, 0xCD, 0xEF}, id...)
	return append(bytes.Clone(head), aead.Seal(nil, iv, text, head)...)
}

var epochConfig = GenerationConfig{Cipher: AES256GCM, V2: true, Epoch: true, KeyID: 3, PeerID: 0xABCDEF}

func TestEpochPacketsAreAsTheDraftSays(t *testing.T) {
	c := epochConfig
	c.Limits.Packets = 2
	m := testMaterial()
	client, server := newPair(t, c)
	text := []byte("a packet")
	for i := range 10 {
		epoch, counter := 1+i/2, uint64(1+i%2)
		up, down := epochReference(m[0:], epoch, counter, text), epochReference(m[128:], epoch, counter, text)
		if got := client.sealed(t, text); !bytes.Equal(got, up) {
			t.Errorf("client, epoch %d, packet %d: %x, want %x", epoch, counter, got, up)
		}
		if got := server.sealed(t, text); !bytes.Equal(got, down) {
			t.Errorf("server, epoch %d, packet %d: %x, want %x", epoch, counter, got, down)
		}
		server.mustOpen(t, up, text)
		client.mustOpen(t, down, text)
	}
}

// The values were computed with `openssl kdf HKDF` in mode EXPAND_ONLY.
func TestExpandLabelVector(t *testing.T) {
	secret := make([]byte, 32)
	ramp(secret, 0)
	for label, want := range map[string]string{
		"data_key":    "ebbbf838a8658beb56f2324d691351bd4c8c230fb271ada8f67de830b7ee3192",
		"data_iv":     "568de14f8f744bfb0b721f66",
		"datakey upd": "e35bffa31e2723bf09e8d394fa9171ca4e534553bffa1d3482de4c9b3bc639d7",
	} {
		got, err := expandLabel(secret, label, len(want)/2)
		if err != nil || hex.EncodeToString(got) != want {
			t.Errorf("%s: %x, %v; want %s", label, got, err, want)
		}
	}
}

// A transfer goes on through many epochs, whichever way a limit is reached.
func TestEpochsIterateInOneTransfer(t *testing.T) {
	for name, l := range map[string]Limits{"packets": {Packets: 7}, "usage": {Usage: 200}} {
		c := epochConfig
		c.Limits = l
		client, server := newPair(t, c)
		text := make([]byte, 300)
		for range 100 {
			server.mustOpen(t, client.sealed(t, text), text)
		}
		up := client.gen.format.(*epochFormat).send.Load().epoch
		if up < 4 {
			t.Errorf("%s: epoch %d after 100 packets", name, up)
		}
		if down := server.gen.format.(*epochFormat).send.Load().epoch; down != up {
			t.Errorf("%s: the receiver sends in epoch %d, the sender in %d", name, down, up)
		}
		client.mustOpen(t, server.sealed(t, text), text)
		if client.gen.Due() || client.gen.Usage().Sent != 100 {
			t.Errorf("%s: due %t, usage %+v", name, client.gen.Due(), client.gen.Usage())
		}
	}
}

func TestEpochWindow(t *testing.T) {
	m := testMaterial()
	_, server := newPair(t, epochConfig)
	at := func(epoch int, counter uint64) []byte { return epochReference(m[0:], epoch, counter, []byte("x")) }
	for i, step := range []struct {
		epoch   int
		counter uint64
		want    error
	}{
		{1, 5, nil}, {1, 5, errReplayed}, {1, 0, errZeroID}, {0, 1, errTooOld},
		{18, 1, ErrAuth},                   // beyond the keys kept ready
		{17, 1, nil},                       // the farthest of them
		{1, 6, errTooOld},                  // forgotten
		{16, 9, nil}, {16, 9, errReplayed}, // the one before is kept
		{17, 1, errReplayed}, {33, 3, nil}, {32, 3, nil}, {31, 1, errTooOld}, {34, 1, nil}, {33, 4, nil}, {32, 4, errTooOld},
	} {
		if _, err := server.opened(at(step.epoch, step.counter)); err != step.want {
			t.Errorf("step %d, epoch %d, packet %d: %v, want %v", i, step.epoch, step.counter, err, step.want)
		}
	}
	if got := server.gen.format.(*epochFormat).send.Load().epoch; got != 34 {
		t.Errorf("sends in epoch %d", got)
	}
}

// A forged packet of a later epoch must move nothing.
func TestEpochForgery(t *testing.T) {
	client, server := newPair(t, epochConfig)
	good := client.sealed(t, []byte("some text"))
	for i := range good {
		for _, flip := range []byte{1, 0x80} {
			bad := bytes.Clone(good)
			bad[i] ^= flip
			if _, err := server.opened(bad); err == nil {
				t.Errorf("byte %d flipped by %#x: taken", i, flip)
			}
		}
	}
	for n := range good {
		if _, err := server.opened(good[:n]); err == nil {
			t.Errorf("cut to %d bytes: taken", n)
		}
	}
	if got := server.gen.format.(*epochFormat).recv.Load().current; got != 1 {
		t.Errorf("moved to epoch %d", got)
	}
	server.mustOpen(t, good, []byte("some text"))
}

func TestEpochsEnd(t *testing.T) {
	c := epochConfig
	c.Limits.Packets = 1
	client, server := newPair(t, c)
	// As if these were the keys of later epochs.
	const skip = maxEpoch - 100
	client.gen.format.(*epochFormat).send.Load().epoch += skip
	in := server.gen.format.(*epochFormat).recv.Load()
	in.current += skip
	for _, k := range in.keys {
		k.epoch += skip
	}
	for range 100 {
		server.mustOpen(t, client.sealed(t, nil), nil)
	}
	if !client.gen.Due() {
		t.Error("not due at the last epoch")
	}
	if err := client.Seal(packet([]byte("x"))); err != ErrExhausted {
		t.Errorf("after the last epoch: %v", err)
	}
}

func TestEpochsConcurrently(t *testing.T) {
	c := epochConfig
	c.Limits.Packets, c.Window = 50, 65536
	client, server := newPair(t, c)
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for range 100 {
				if _, err := server.opened(client.sealed(t, []byte("text"))); err != nil && !errors.Is(err, ErrReplay) {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if u := server.gen.Usage(); u.Replays > 0 || u.Received+u.TooOld != 400 || client.gen.format.(*epochFormat).send.Load().epoch != 8 {
		t.Errorf("usage %+v", u)
	}
}

func TestEpochNeedsAEADAndV2(t *testing.T) {
	for _, c := range []GenerationConfig{{Cipher: AES256GCM, Epoch: true}, {Cipher: AES256CBC, Digest: mustDigest(t, "SHA1"), V2: true, Epoch: true}} {
		if _, err := NewGeneration(c); err == nil {
			t.Errorf("%s, P_DATA_V2 %t: accepted", c.Cipher.Name(), c.V2)
		}
	}
}

func FuzzOpenEpoch(f *testing.F) {
	m := testMaterial()
	f.Add(epochReference(m[0:], 1, 1, []byte("hello")))
	f.Add(epochReference(m[0:], 17, 1, nil))
	f.Add([]byte{9<<3 | 3})
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > buf.DefaultSize {
			return
		}
		_, server := newPair(t, epochConfig)
		if _, err := server.opened(b); err != nil {
			server.mustOpen(t, epochReference(m[0:], 1, 2, nil), nil)
		}
	})
}
