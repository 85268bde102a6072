package seal

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"culvert/internal/buf"
	"culvert/session/wire"
)

const (
	epochIDLen   = 8
	epochNonce   = 12
	maxCounter   = 1<<48 - 1      // of one epoch
	maxEpoch     = math.MaxUint16 // the last that a packet-id can name
	futureEpochs = 16             // ahead, that packets may be (draft: "16 or 32")
)

// epochFormat is the AEAD layout with the tag at the end (draft, "AEAD epoch
// data channel format"), for P_DATA_V2 only:
//
//	head 4 | epoch 2 | counter 6 | ciphertext | tag 16
//
// Each epoch has a key of its own, derived from the one before. The sender goes
// on to the next when one is used up; the receiver follows, keeps the epoch
// before for late packets, and takes packets of some to come, so that it can
// follow after a loss. Their keys are made when the first such packet comes: a
// client would otherwise cost several times the memory. What is authenticated
// beside the ciphertext is head, epoch and counter.
type epochFormat struct {
	cipher Cipher
	limits Limits // of one epoch
	newWin func() window

	change sync.Mutex // of send, recv and past
	send   atomic.Pointer[sendEpoch]
	recv   atomic.Pointer[recvEpochs]
	past   reorder // of epochs that are forgotten
}

// epochKey is the keys of one direction in one epoch.
type epochKey struct {
	epoch  int // 1 to maxEpoch
	secret []byte
	aead   cipher.AEAD
	iv     [epochNonce]byte
}

type sendEpoch struct {
	epochKey
	count tally
}

type recvEpoch struct {
	epochKey
	guard
}

// recvEpochs is the window of epochs that packets may be of. It never changes.
type recvEpochs struct {
	current int
	keys    []*recvEpoch // consecutive; the first is current-1, or epoch 1
}

// last is the latest epoch that packets may be of.
func (r *recvEpochs) last() int { return min(r.current+futureEpochs, maxEpoch) }

func (r *recvEpochs) find(epoch int) *recvEpoch {
	if i := epoch - r.keys[0].epoch; i >= 0 && i < len(r.keys) {
		return r.keys[i]
	}
	return nil
}

func newEpochFormat(c *GenerationConfig) (*epochFormat, error) {
	sendKeys, recvKeys := c.Material.split(c.Server)
	f := &epochFormat{cipher: c.Cipher, limits: c.Limits.orSafe(c.Cipher), newWin: c.window}
	if c.Limits.Packets == 0 || c.Limits.Packets > maxCounter {
		f.limits.Packets = maxCounter
	}
	first, err := newEpochKey(c.Cipher, 1, sendKeys.cipher[:sha256.Size])
	if err != nil {
		return nil, err
	}
	f.send.Store(&sendEpoch{epochKey: first})
	key, err := newEpochKey(c.Cipher, 1, recvKeys.cipher[:sha256.Size])
	if err != nil {
		return nil, err
	}
	f.recv.Store(&recvEpochs{current: 1, keys: []*recvEpoch{{epochKey: key, guard: guard{w: f.newWin()}}}})
	return f, nil
}

// newEpochKey cuts the keys of an epoch out of its secret (draft, "Epoch key
// derivation").
func newEpochKey(c Cipher, epoch int, secret []byte) (k epochKey, err error) {
	spec := ciphers[c]
	key, err := expandLabel(secret, "data_key", spec.keyLen)
	if err != nil {
		return k, err
	}
	iv, err := expandLabel(secret, "data_iv", epochNonce)
	if err != nil {
		return k, err
	}
	k = epochKey{epoch: epoch, secret: secret, iv: [epochNonce]byte(iv)}
	k.aead, err = spec.aead(key)
	return k, err
}

// next is the epoch after k.
func (k *epochKey) next(c Cipher) (epochKey, error) {
	secret, err := expandLabel(k.secret, "datakey upd", sha256.Size)
	if err != nil {
		return epochKey{}, err
	}
	return newEpochKey(c, k.epoch+1, secret)
}

// expandLabel is OVPN-Expand-Label with an empty context.
func expandLabel(secret []byte, label string, length int) ([]byte, error) {
	return ExpandLabel(sha256.New, secret, "ovpn "+label, length)
}

// ExpandLabel is HKDF-Expand-Label of TLS 1.3 with an empty context (RFC 8446,
// section 7.1); label is the whole one, with its prefix ("tls13 " there).
func ExpandLabel(h func() hash.Hash, secret []byte, label string, length int) ([]byte, error) {
	info := binary.BigEndian.AppendUint16(nil, uint16(length))
	info = append(info, byte(len(label)))
	info = append(info, label...)
	info = append(info, 0)
	return hkdf.Expand(h, secret, string(info), length)
}

// derive makes the keys up to an epoch to come, which is within the window.
func (f *epochFormat) derive(epoch int) (*recvEpoch, error) {
	f.change.Lock()
	defer f.change.Unlock()
	r := f.recv.Load()
	keys := slices.Clone(r.keys)
	for last := keys[len(keys)-1]; last.epoch < min(epoch, r.last()); keys = append(keys, last) {
		key, err := last.next(f.cipher)
		if err != nil {
			return nil, err
		}
		last = &recvEpoch{epochKey: key, guard: guard{w: f.newWin()}}
	}
	r = &recvEpochs{current: r.current, keys: keys}
	f.recv.Store(r)
	if k := r.find(epoch); k != nil {
		return k, nil
	}
	return nil, errTooOld // others have followed the peer past it
}

func (f *epochFormat) overhead() (fixed, block int) { return epochIDLen + tagLen, 1 }

func (f *epochFormat) reorder() reorder {
	f.change.Lock()
	defer f.change.Unlock()
	all := f.past
	for _, k := range f.recv.Load().keys {
		all = all.and(k.reorder())
	}
	return all
}

// ending reports that epochs run out.
func (f *epochFormat) ending() bool { return f.send.Load().epoch >= maxEpoch-maxEpoch/8 }

// seal numbers packets anew in each epoch, so the generation's id is not used.
func (f *epochFormat) seal(p *buf.Packet, h *header, _ uint64) error {
	k, counter, err := f.number()
	if err != nil {
		return err
	}
	k.count.bytes.Add(uint64(p.Len()))
	textLen := p.Len()
	front := p.Prepend(epochNonce + wire.DataHeaderV2 + epochIDLen)
	nonce, ad := front[:epochNonce], front[epochNonce:]
	copy(ad, h.bytes[:])
	binary.BigEndian.PutUint64(ad[wire.DataHeaderV2:], uint64(k.epoch)<<48|counter)
	k.nonce(nonce, ad[wire.DataHeaderV2:])
	p.Append(tagLen)
	text := p.Bytes()[len(front):]
	k.aead.Seal(text[:0], nonce, text[:textLen], ad)
	p.TrimFront(epochNonce)
	return nil
}

// number counts a packet of the epoch in use, or of the next when that one is
// used up.
func (f *epochFormat) number() (*sendEpoch, uint64, error) {
	for {
		k := f.send.Load()
		if k.count.usage() < f.limits.Usage {
			if counter, ok := k.count.next(f.limits.Packets); ok {
				return k, counter, nil
			}
		}
		if k.epoch == maxEpoch {
			return nil, 0, ErrExhausted
		}
		f.change.Lock()
		err := f.sendWith(k.epoch + 1)
		f.change.Unlock()
		if err != nil {
			return nil, 0, ErrExhausted
		}
	}
}

// sendWith goes on to a later epoch. The caller holds change.
func (f *epochFormat) sendWith(epoch int) (err error) {
	k := f.send.Load()
	key := k.epochKey
	if key.epoch >= epoch {
		return nil
	}
	for key.epoch < epoch {
		if key, err = key.next(f.cipher); err != nil {
			return err
		}
	}
	f.send.Store(&sendEpoch{epochKey: key})
	return nil
}

func (f *epochFormat) open(p *buf.Packet, headLen int, now int64) error {
	adLen := headLen + epochIDLen
	if headLen != wire.DataHeaderV2 || p.Len() < adLen+tagLen {
		return ErrShort
	}
	id := binary.BigEndian.Uint64(p.Bytes()[headLen:])
	epoch, counter := int(id>>48), id&maxCounter
	r := f.recv.Load()
	k, err := f.key(r, epoch)
	if err != nil {
		return err
	}
	if err := k.check(counter, now); err != nil {
		return err
	}
	front := p.Prepend(epochNonce)
	ad := p.Bytes()[epochNonce : epochNonce+adLen]
	k.nonce(front, ad[headLen:])
	text := p.Bytes()[epochNonce+adLen:]
	if _, err := k.aead.Open(text[:0], front, text, ad); err != nil {
		return ErrAuth
	}
	p.TrimFront(epochNonce + adLen)
	p.TrimBack(tagLen)
	return f.accept(r, k, counter, now)
}

// key is what packets of an epoch are opened with.
func (f *epochFormat) key(r *recvEpochs, epoch int) (*recvEpoch, error) {
	k := r.find(epoch)
	switch {
	case k != nil:
		return k, nil
	case epoch < r.current:
		return nil, errTooOld
	case epoch > r.last():
		return nil, ErrAuth
	}
	return f.derive(epoch)
}

// accept notes an authentic packet, and follows the peer to its epoch.
func (f *epochFormat) accept(r *recvEpochs, k *recvEpoch, counter uint64, now int64) error {
	if err := k.accept(counter, now); err != nil {
		return err
	}
	if k.epoch > r.current {
		return f.follow(k.epoch)
	}
	return nil
}

// follow moves the window of epochs, and sends with an epoch no older.
func (f *epochFormat) follow(epoch int) error {
	f.change.Lock()
	defer f.change.Unlock()
	r := f.recv.Load()
	if epoch <= r.current {
		return nil
	}
	first := max(epoch-1, r.keys[0].epoch)
	kept := first - r.keys[0].epoch
	for _, k := range r.keys[:kept] {
		f.past = f.past.and(k.reorder())
	}
	f.recv.Store(&recvEpochs{current: epoch, keys: slices.Clone(r.keys[kept:])})
	return f.sendWith(epoch)
}

// nonce writes packet-id xor implicit IV to b.
func (k *epochKey) nonce(b, id []byte) {
	copy(b, k.iv[:])
	for i, v := range id[:epochIDLen] {
		b[i] ^= v
	}
}
