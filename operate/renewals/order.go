package renewals

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/store"
)

// orders begins the keys of what clients ask for. The process that has the sessions puts
// an order into the store, and the one that may sign answers it there.
const orders = "renewals/"

// orderVersion is the newest version of an order's record.
const orderVersion = 1

// orderAge is how old an order may be that is still answered: its client does not wait
// longer.
const orderAge = time.Minute

// order is a client's request for its next certificate, and the answer.
type order struct {
	Name    string    `json:"name"`   // common name
	Number  uint64    `json:"number"` // of the client, at its server
	Asked   time.Time `json:"asked"`
	Shown   []byte    `json:"shown"`   // the certificate of its session, in DER
	Request []byte    `json:"request"` // PKCS #10 in DER
	// The answer: one of them, or neither as long as there is none.
	Certificate []byte `json:"certificate,omitempty"` // in DER
	Refused     string `json:"refused,omitempty"`
}

func (o *order) answered() bool { return o.Certificate != nil || o.Refused != "" }

func orderKey(name string) string { return orders + url.PathEscape(name) }

func (o *order) put() (store.Put, error) {
	value, err := store.Encode(orderVersion, o)
	return store.Put{Key: orderKey(o.Name), Value: value}, err
}

func readOrder(e store.Entry) (*order, error) {
	o := new(order)
	if _, err := store.Decode(e, orderVersion, o); err != nil {
		return nil, err
	}
	if orderKey(o.Name) != e.Key {
		return nil, fmt.Errorf("record %s is that of %q", e.Key, o.Name)
	}
	return o, nil
}

// parseAsked reads what a client sends when it is offered a renewal: REQUEST, and PKCS #10
// in base64, for its own name.
func parseAsked(text, commonName string) (request []byte, err error) {
	coded, ok := strings.CutPrefix(text, "REQUEST,")
	if !ok || len(coded) > base64.StdEncoding.EncodedLen(pki.MaxRequest) {
		return nil, errors.New("expected REQUEST and a certificate request in base64")
	}
	if request, err = base64.StdEncoding.DecodeString(coded); err != nil {
		return nil, errors.New("the certificate request is not in base64")
	}
	_, name, err := pki.ParseRequest(request)
	if err == nil && name != commonName {
		err = errors.New("the certificate request is for another name")
	}
	return request, err
}

// shown reads the certificate of an order's session.
func (o *order) shown() (*x509.Certificate, error) {
	c, err := x509.ParseCertificate(o.Shown)
	if err == nil && c.Subject.CommonName != o.Name {
		err = fmt.Errorf("the certificate is not that of %q", o.Name)
	}
	return c, err
}
