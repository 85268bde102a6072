package renewals

import (
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"culvert/access/pki"
)

// OrderKind is the kind of the orders by which clients get their next certificates: the
// process that has the sessions gives them, and the one that may sign carries them out.
const OrderKind = "session-certificate"

// order is a client's request for its next certificate.
type order struct {
	Name    string `json:"name"`    // common name
	Shown   []byte `json:"shown"`   // the certificate of its session, in DER
	Request []byte `json:"request"` // PKCS #10 in DER
}

// issued is what came of an order.
type issued struct {
	Certificate []byte `json:"certificate"` // in DER
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
