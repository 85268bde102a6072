package orders

import (
	"crypto/ecdh"
	"crypto/hpke"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"culvert/store"
)

const (
	// Life is how long an order may wait for its answer: a person may have to touch a token.
	Life = 2 * time.Minute
	// maxLife bounds what is believed of an order's end.
	maxLife = 5 * time.Minute
	// MaxBody and MaxAnswer bound what is asked and answered, in bytes of JSON.
	MaxBody   = 64 << 10
	MaxAnswer = 700 << 10
	// maxWord bounds the words of an order.
	maxWord = 256
)

// Order is what one process asks of another.
type Order struct {
	ID      string          `json:"id"`
	Kind    string          `json:"kind"`
	Asked   time.Time       `json:"asked"`
	Expires time.Time       `json:"expires"`
	By      string          `json:"by,omitempty"`      // who wants it, for the audit log
	Command string          `json:"command,omitempty"` // by which call
	Body    json.RawMessage `json:"body,omitempty"`
	// Seal is the public key (X25519) that the answer is sealed for.
	Seal []byte `json:"seal"`
	// Taken: somebody carries it out.
	Taken bool `json:"taken,omitempty"`
	// Answer is an answer, sealed.
	Answer []byte `json:"answer,omitempty"`
}

// Parse reads an order's record.
func Parse(e store.Entry) (*Order, error) {
	o := new(Order)
	if _, err := store.Decode(e, version, o); err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, fmt.Errorf("record %s: %w", e.Key, err)
	}
	if key(o.ID) != e.Key {
		return nil, fmt.Errorf("record %s is that of order %s", e.Key, o.ID)
	}
	return o, nil
}

func (o *Order) check() error {
	if id, err := hex.DecodeString(o.ID); err != nil || len(id) != idLen {
		return errors.New("its id is not one")
	}
	for _, word := range []string{o.Kind, o.By, o.Command} {
		if len(word) > maxWord || strings.ContainsFunc(word, func(r rune) bool { return r < ' ' || r == 0x7f }) {
			return fmt.Errorf("%.40q: expected at most %d bytes without control characters", word, maxWord)
		}
	}
	if len(o.Body) > MaxBody {
		return fmt.Errorf("%d bytes are asked: expected at most %d", len(o.Body), MaxBody)
	}
	if _, err := ecdh.X25519().NewPublicKey(o.Seal); err != nil {
		return errors.New("its public key is none")
	}
	return nil
}

// over reports whether an order is not to be carried out any more.
func (o *Order) over(now time.Time) bool {
	return !now.Before(o.Expires) || o.Expires.Sub(now) > maxLife
}

const idLen = 16

func newID() string {
	id := make([]byte, idLen)
	rand.Read(id)
	return hex.EncodeToString(id)
}

// Fault is why an order was not carried out, for who asked.
type Fault struct {
	Code    string `json:"code"`    // such as unknown-user
	Message string `json:"message"` // what is wrong
	Mend    string `json:"mend,omitempty"`
}

// Error returns what is wrong, and what mends it.
func (f *Fault) Error() string {
	if f.Mend == "" {
		return f.Message
	}
	return f.Message + "; " + f.Mend
}

// answer is what came of an order: one of the two.
type answer struct {
	Result json.RawMessage `json:"result,omitempty"`
	Fault  *Fault          `json:"fault,omitempty"`
}

// info binds a sealed answer to its order.
func (o *Order) info() []byte { return []byte("culvert: the answer to order " + o.ID + " " + o.Kind) }

// seal sets the answer to an order.
func (o *Order) seal(a answer) error {
	text, err := json.Marshal(a)
	if err == nil && len(text) > MaxAnswer {
		err = fmt.Errorf("an answer of %d bytes: expected at most %d", len(text), MaxAnswer)
	}
	if err != nil {
		return err
	}
	public, err := ecdh.X25519().NewPublicKey(o.Seal)
	if err != nil {
		return err
	}
	to, err := hpke.NewDHKEMPublicKey(public)
	if err != nil {
		return err
	}
	o.Answer, err = hpke.Seal(to, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), o.info(), text)
	return err
}

// open reads the answer to an order by the key that it was sealed for.
func (o *Order) open(private *ecdh.PrivateKey) (a answer, err error) {
	k, err := hpke.NewDHKEMPrivateKey(private)
	if err != nil {
		return a, err
	}
	text, err := hpke.Open(k, hpke.HKDFSHA256(), hpke.ChaCha20Poly1305(), o.info(), o.Answer)
	if err != nil {
		return a, fmt.Errorf("the answer to an order cannot be opened: %w", err)
	}
	return a, json.Unmarshal(text, &a)
}
