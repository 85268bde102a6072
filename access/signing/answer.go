package signing

import (
	"bytes"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"

	"culvert/internal/printable"
)

// Answer is what a program answers; one field is set. As text it is a line
//
//	signature BASE64
//
// or a PEM block: CERTIFICATE or X509 CRL, where an authority made the whole itself, or
// PUBLIC KEY. ECDSA signatures are in DER, as X.509 has them.
type Answer struct {
	Signature []byte
	Whole     []byte // DER of a certificate or list
	PublicKey []byte // DER, PKIX
}

const signatureWord = "signature "

// Append appends a's text.
func (a *Answer) Append(text []byte) []byte {
	if a.Signature != nil {
		text = append(text, signatureWord...)
		text = base64.StdEncoding.AppendEncode(text, a.Signature)
		return append(text, '\n')
	}
	if a.PublicKey != nil {
		return append(text, pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: a.PublicKey})...)
	}
	return append(text, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: a.Whole})...)
}

// ParseAnswer reads the answer to a request for want. Of a chain of certificates, it
// takes the first.
func ParseAnswer(text []byte, want string) (*Answer, error) {
	if len(text) > MaxText {
		return nil, fmt.Errorf("it has more than %d bytes", MaxText)
	}
	if want != PublicKey {
		if s, found, err := parseSignature(text); found {
			return &Answer{Signature: s}, err
		}
	}
	kind := map[string]string{Certificate: "CERTIFICATE", List: "X509 CRL", PublicKey: "PUBLIC KEY"}[want]
	if b, _ := pem.Decode(text); b != nil {
		switch {
		case b.Type != kind:
			return nil, fmt.Errorf("it is a block %s, expected %s", printable.Name(b.Type), kind)
		case len(b.Bytes) == 0:
			return nil, errors.New("its block is empty")
		case want == PublicKey:
			return &Answer{PublicKey: b.Bytes}, nil
		}
		return &Answer{Whole: b.Bytes}, nil
	}
	expected := "a line \"signature BASE64\", or a block " + kind + " in PEM"
	if want == PublicKey {
		expected = "a block PUBLIC KEY in PEM"
	}
	if len(bytes.TrimSpace(text)) == 0 {
		return nil, errors.New("it is empty, expected " + expected)
	}
	return nil, fmt.Errorf("it begins with \"%s\", expected %s", printable.Line(strings.TrimSpace(string(text[:min(len(text), 60)]))), expected)
}

func parseSignature(text []byte) (signature []byte, found bool, err error) {
	for line := range bytes.Lines(text) {
		value, ok := bytes.CutPrefix(line, []byte(signatureWord))
		if !ok {
			continue
		}
		signature, err = base64.StdEncoding.AppendDecode(nil, bytes.TrimSpace(value))
		if err == nil && len(signature) == 0 {
			err = errors.New("nothing")
		}
		if err != nil {
			return nil, true, fmt.Errorf("its line signature: expected base64: %w", err)
		}
		return signature, true, nil
	}
	return nil, false, nil
}
