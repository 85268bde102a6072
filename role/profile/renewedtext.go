package profile

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"

	"culvert/access/pki"
)

// with is a file's text with another certificate, and another key if that does not stay
// (nil: the same key). It fails unless the file has exactly those that this side shows.
func (r *Renewing) with(text []byte, own *tls.Certificate, leaf *x509.Certificate, key []byte) (next []byte, err error) {
	switch {
	case !r.inline:
		return r.replaced(text, own.Leaf, leaf)
	case r.sameKey:
		from, to := blockIn(text, "cert")
		if from < 0 {
			return nil, r.changed()
		}
		block, err := r.replaced(text[from:to], own.Leaf, leaf)
		if err != nil {
			return nil, err
		}
		next = slices.Concat(text[:from], block, text[to:])
	default:
		if next, err = r.withKey(text, own, leaf, key); err != nil {
			return nil, err
		}
	}
	return bytes.Replace(next, []byte("Valid until "+dateOf(own.Leaf.NotAfter)), []byte("Valid until "+dateOf(leaf.NotAfter)), 1), nil
}

// changed reports a file that is not as this side read it.
func (r *Renewing) changed() error {
	return fmt.Errorf("%s has another certificate or key than this client shows; connect again to use that", r.path)
}

// withKey is a profile's text with another certificate and key.
func (r *Renewing) withKey(text []byte, own *tls.Certificate, leaf *x509.Certificate, key []byte) ([]byte, error) {
	certFrom, certTo := blockIn(text, "cert")
	keyFrom, keyTo := blockIn(text, "key")
	if certFrom < 0 || keyFrom < 0 {
		return nil, r.changed()
	}
	id, err := pki.ParseIdentity(text[certFrom:certTo], text[keyFrom:keyTo])
	if err != nil || !id.Leaf.Equal(own.Leaf) {
		return nil, r.changed()
	}
	certText := pki.EncodeCertificate(leaf)
	for _, above := range id.Certificate[1:] {
		c, err := x509.ParseCertificate(above)
		if err != nil {
			return nil, err
		}
		certText = append(certText, pki.EncodeCertificate(c)...)
	}
	if key == nil {
		key = text[keyFrom:keyTo]
	}
	first, second := span{certFrom, certTo, certText}, span{keyFrom, keyTo, key}
	if first.from > second.from {
		first, second = second, first
	}
	return slices.Concat(text[:first.from], first.text, text[first.to:second.from], second.text, text[second.to:]), nil
}

// span is a part of a text, and what takes its place.
type span struct {
	from, to int
	text     []byte
}

// replaced is a PEM text with another certificate in the place of its first one, which has
// to be own. All else stays, such as the certificates above it, and a key.
func (r *Renewing) replaced(text []byte, own, leaf *x509.Certificate) ([]byte, error) {
	before, err := pki.ParseCertificates(text)
	if err != nil || !before[0].Equal(own) {
		return nil, r.changed()
	}
	from, to := firstCertificate(text)
	if from < 0 {
		return nil, r.unlike()
	}
	next := slices.Concat(text[:from], pki.EncodeCertificate(leaf), text[to:])
	after, err := pki.ParseCertificates(next)
	if err != nil || !after[0].Equal(leaf) || !slices.EqualFunc(before[1:], after[1:], (*x509.Certificate).Equal) {
		return nil, r.unlike()
	}
	return next, nil
}

// unlike reports a file whose certificate is read, and not replaced.
func (r *Renewing) unlike() error {
	return fmt.Errorf("%s has its certificate in a form that is not replaced here; write it as PEM: openssl x509 -in OLD -out NEW", r.path)
}

// firstCertificate finds the lines of the first certificate in a PEM text, with what `openssl
// x509 -text` writes about it above them; from is -1 if there is none.
func firstCertificate(text []byte) (from, to int) {
	from = -1
	at, about, inside := 0, -1, false
	for line := range bytes.Lines(text) {
		end := at + len(line)
		switch word := string(bytes.TrimSpace(line)); {
		case inside && strings.HasPrefix(word, "-----END "):
			return from, end
		case inside:
		case strings.HasPrefix(word, "-----BEGIN ") && strings.HasSuffix(word, "CERTIFICATE-----"):
			from, inside = at, true
			if about >= 0 {
				from = about
			}
		case strings.HasPrefix(word, "-----"):
			about = -1
		case word == "Certificate:":
			about = at
		}
		at = end
	}
	return -1, -1
}

// blockIn finds what the one inline block of a name holds; from is -1 if there is not one.
func blockIn(text []byte, name string) (from, to int) {
	from, to = -1, -1
	at := 0
	for line := range bytes.Lines(text) {
		switch word := string(bytes.TrimSpace(line)); {
		case word == "<"+name+">" && from >= 0:
			return -1, -1
		case word == "<"+name+">":
			from = at + len(line)
		case word == "</"+name+">" && to < 0 && from >= 0:
			to = at
		}
		at += len(line)
	}
	if to < 0 {
		return -1, -1
	}
	return from, to
}
