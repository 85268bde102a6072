package seal

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"testing"

	"culvert/internal/buf"
	"culvert/internal/digest"
)

func mustDigest(t testing.TB, name string) digest.Digest {
	t.Helper()
	d, err := digest.Lookup(name)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// cbcConfigs is each cipher with each digest once, in both headers, and what
// only Insecure allows.
func cbcConfigs(t testing.TB) (all []GenerationConfig) {
	for _, c := range []Cipher{AES256CBC, AES192CBC, AES128CBC} {
		for i, d := range []string{"MD5", "SHA1", "SHA224", "SHA256", "SHA384", "SHA512"} {
			all = append(all, GenerationConfig{Cipher: c, Digest: mustDigest(t, d), V2: i%2 == int(c)%2})
		}
	}
	return append(all, GenerationConfig{Cipher: None, Digest: mustDigest(t, "SHA1"), V2: true, Insecure: true})
}

// openReference opens a packet the way the draft's struct data_packet_cbc says.
func openReference(t *testing.T, c GenerationConfig, key, auth, b []byte) (id uint32, text []byte) {
	t.Helper()
	head := 1
	if c.V2 {
		head = 4
	}
	mac := hmac.New(c.Digest.New, auth[:c.Digest.Size()])
	tag, rest := b[head:head+mac.Size()], b[head+mac.Size():]
	mac.Write(rest)
	if !bytes.Equal(tag, mac.Sum(nil)) {
		t.Fatal("the HMAC is not that of IV and ciphertext")
	}
	size := map[Cipher]int{AES256CBC: 32, AES192CBC: 24, AES128CBC: 16}[c.Cipher]
	block, _ := aes.NewCipher(key[:size])
	plain := make([]byte, len(rest)-16)
	cipher.NewCBCDecrypter(block, rest[:16]).CryptBlocks(plain, rest[16:])
	pad := int(plain[len(plain)-1])
	return binary.BigEndian.Uint32(plain), plain[4 : len(plain)-pad]
}

func TestCBCPacketsAreAsTheDraftSays(t *testing.T) {
	m := testMaterial()
	for _, c := range cbcConfigs(t) {
		if c.Cipher == None {
			continue
		}
		client, server := newPair(t, c)
		for n := range uint32(40) {
			text := bytes.Repeat([]byte{'x'}, int(n))
			id, got := openReference(t, c, m[0:], m[64:], client.sealed(t, text))
			if id != n+1 || !bytes.Equal(got, text) {
				t.Errorf("%s: packet-id %d, text %q", c.Cipher.Name(), id, got)
			}
			id, got = openReference(t, c, m[128:], m[192:], server.sealed(t, text))
			if id != n+1 || !bytes.Equal(got, text) {
				t.Errorf("%s: server's packet-id %d, text %q", c.Cipher.Name(), id, got)
			}
		}
	}
}

// Every byte but those of the head is authenticated.
func TestCBCTampering(t *testing.T) {
	for _, c := range cbcConfigs(t) {
		client, server := newPair(t, c)
		good := client.sealed(t, []byte("some text to be kept"))
		head := 1
		if c.V2 {
			head = 4
		}
		for i := head; i < len(good); i++ {
			bad := bytes.Clone(good)
			bad[i] ^= 1
			if _, err := server.opened(bad); err != ErrAuth {
				t.Errorf("%s, byte %d flipped: %v", c.Cipher.Name(), i, err)
			}
		}
		for n := range good {
			if _, err := server.opened(good[:n]); err == nil || !errors.Is(err, ErrAuth) && !errors.Is(err, ErrShort) {
				t.Errorf("%s, cut to %d bytes: %v", c.Cipher.Name(), n, err)
			}
		}
		server.mustOpen(t, good, []byte("some text to be kept"))
		if _, err := server.opened(good); !errors.Is(err, ErrReplay) {
			t.Errorf("%s, again: %v", c.Cipher.Name(), err)
		}
	}
}

func TestFitIsExact(t *testing.T) {
	everyFormat(t, func(t *testing.T, c GenerationConfig) {
		client, _ := newPair(t, c)
		for size := 120; size < 200; size++ {
			n := client.gen.Fit(size)
			if got := len(client.sealed(t, make([]byte, n))); got > size {
				t.Errorf("%d bytes make a packet of %d, over %d", n, got, size)
			}
			if got := len(client.sealed(t, make([]byte, n+1))); got <= size {
				t.Errorf("%d bytes fit %d too", n+1, size)
			}
		}
	})
}

func TestInsecureMustBeAskedFor(t *testing.T) {
	sha1 := mustDigest(t, "SHA1")
	for _, c := range []GenerationConfig{{Cipher: None, Digest: sha1}, {Cipher: None}, {Cipher: AES256CBC}} {
		if _, err := NewGeneration(c); err == nil || !strings.Contains(err.Error(), "not be encrypted") {
			t.Errorf("%s with %q: %v", c.Cipher.Name(), c.Digest.Name, err)
		}
		c.Insecure, c.V2 = true, true
		client, server := newPair(t, c)
		server.mustOpen(t, client.sealed(t, []byte("bare")), []byte("bare"))
	}
}

func TestCipherNames(t *testing.T) {
	for _, name := range []string{"AES-192-CBC", "aes-128-cbc", "none"} {
		if c, err := LookupCipher(name); err != nil || !strings.EqualFold(c.Name(), name) {
			t.Errorf("%s: %v, %v", name, c.Name(), err)
		}
	}
	if got := fmt.Sprint(Names()); strings.Contains(got, "NONE") || !strings.Contains(got, "AES-256-CBC") {
		t.Errorf("names %s", got)
	}
}

func FuzzOpenCBC(f *testing.F) {
	// What Seal made of "hello" once: its initialization vector is chance.
	good, err := hex.DecodeString("49000000b152b327050f8e9f3af6b80055e2c0ef41c6aec142f17aaee0fa4721252875d68fbeeb7b40cf70d9c428b23d03d1a5f5562167fc63fb2cd47a3e4988f146132e")
	if err != nil {
		f.Fatal(err)
	}
	_, server := newPair(f, GenerationConfig{Cipher: AES256CBC, Digest: mustDigest(f, "SHA256"), V2: true, KeyID: 1})
	server.mustOpen(f, good, []byte("hello"))
	f.Add(good)
	f.Add(good[:52])
	f.Add(good[:len(good)-1])
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > buf.DefaultSize {
			return
		}
		c := GenerationConfig{Cipher: None, Insecure: true, V2: true, KeyID: 1}
		_, bare := newPair(t, c)
		bare.opened(b)
		c.Cipher = AES256CBC // without a digest, the padding is the sender's
		_, bare = newPair(t, c)
		bare.opened(b)
	})
}
