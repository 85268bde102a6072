package seal

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/subtle"
	"encoding/binary"
	"fmt"
	"hash"
	"sync"

	"culvert/internal/buf"
	"culvert/internal/digest"
)

// cbcFormat is the layout of ciphers in CBC mode (draft, struct
// data_packet_cbc), encrypt-then-MAC:
//
//	head 1 or 4 | HMAC | IV 16 | encrypted: packet-id 4 | text | padding
//
// The HMAC is over IV and ciphertext, the padding that of PKCS #7. Without a
// cipher there are no IV and no padding, without a digest no HMAC.
type cbcFormat struct {
	send, recv cbcKey
	guard
}

// cbcKey is the state of one direction. The lock is for the rare case that two
// goroutines seal for one peer.
type cbcKey struct {
	mu     sync.Mutex
	mode   blockMode // nil: not encrypted
	block  int       // bytes of a block and of the IV; 0 without mode
	mac    hash.Hash // nil: not authenticated
	macLen int
	sum    [64]byte
}

// blockMode can be used for one packet after another.
type blockMode interface {
	cipher.BlockMode
	SetIV(iv []byte)
}

func newCBCFormat(c *GenerationConfig) (*cbcFormat, error) {
	sendKeys, recvKeys := c.Material.split(c.Server)
	f := &cbcFormat{guard: guard{w: c.window()}}
	if err := f.send.init(c.Cipher, c.Digest, sendKeys, cipher.NewCBCEncrypter); err != nil {
		return nil, err
	}
	return f, f.recv.init(c.Cipher, c.Digest, recvKeys, cipher.NewCBCDecrypter)
}

func (k *cbcKey) init(c Cipher, d digest.Digest, keys directionKeys, newMode func(cipher.Block, []byte) cipher.BlockMode) error {
	if d.New != nil {
		k.macLen = d.Size()
		k.mac = hmac.New(d.New, keys.auth[:k.macLen])
	}
	spec := ciphers[c]
	if spec.block == nil {
		return nil
	}
	block, err := spec.block(keys.cipher[:spec.keyLen])
	if err != nil {
		return err
	}
	k.block = block.BlockSize()
	mode, ok := newMode(block, make([]byte, k.block)).(blockMode)
	if !ok {
		return fmt.Errorf("its CBC mode cannot be used for more than one packet")
	}
	k.mode = mode
	return nil
}

func (f *cbcFormat) overhead() (fixed, block int) {
	if f.send.mode == nil {
		return f.send.macLen + idLen, 1
	}
	return f.send.macLen + f.send.block, f.send.block
}

func (f *cbcFormat) seal(p *buf.Packet, h *header, id uint64) error {
	k := &f.send
	k.mu.Lock()
	defer k.mu.Unlock()
	binary.BigEndian.PutUint32(p.Prepend(idLen), uint32(id))
	k.encrypt(p)
	if k.mac != nil {
		sum := k.authenticate(p.Bytes())
		copy(p.Prepend(k.macLen), sum)
	}
	copy(p.Prepend(h.len), h.bytes[:h.len])
	return nil
}

// encrypt pads p and puts an IV before it.
func (k *cbcKey) encrypt(p *buf.Packet) {
	if k.mode == nil {
		return
	}
	n := k.block - p.Len()%k.block
	for i, pad := 0, p.Append(n); i < n; i++ {
		pad[i] = byte(n)
	}
	text := p.Bytes()
	iv := p.Prepend(k.block)
	rand.Read(iv)
	k.mode.SetIV(iv)
	k.mode.CryptBlocks(text, text)
}

func (f *cbcFormat) open(p *buf.Packet, headLen int, now int64) error {
	k := &f.recv
	least := headLen + k.macLen + k.block + idLen
	if p.Len() < least {
		return ErrShort
	}
	p.TrimFront(headLen)
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.mac != nil {
		tag, rest := p.Bytes()[:k.macLen], p.Bytes()[k.macLen:]
		if subtle.ConstantTimeCompare(tag, k.authenticate(rest)) != 1 {
			return ErrAuth
		}
		p.TrimFront(k.macLen)
	}
	if err := k.decrypt(p); err != nil {
		return err
	}
	id := uint64(binary.BigEndian.Uint32(p.Bytes()))
	p.TrimFront(idLen)
	return f.accept(id, now)
}

// decrypt takes the IV and the padding off p. The HMAC has vouched for the
// padding, so refusing it gives nothing away.
func (k *cbcKey) decrypt(p *buf.Packet) error {
	if k.mode == nil {
		return nil
	}
	iv := p.Bytes()[:k.block]
	p.TrimFront(k.block)
	text := p.Bytes()
	if len(text) == 0 || len(text)%k.block != 0 {
		return ErrShort
	}
	k.mode.SetIV(iv)
	k.mode.CryptBlocks(text, text)
	pad := int(text[len(text)-1])
	if pad == 0 || pad > k.block || pad+idLen > len(text) {
		return ErrAuth
	}
	p.TrimBack(pad)
	return nil
}

// authenticate is the HMAC of b, good until the next call.
func (k *cbcKey) authenticate(b []byte) []byte {
	k.mac.Reset()
	k.mac.Write(b)
	return k.mac.Sum(k.sum[:0])
}
