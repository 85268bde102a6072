package check

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"math/big"
	"slices"
	"strconv"

	"golang.org/x/crypto/cryptobyte"
	"golang.org/x/crypto/cryptobyte/asn1"

	"culvert/access/pki"
	"culvert/internal/printable"
)

// otherAuthority notes an own certificate that no authority of the file has issued: the
// other end must know another one.
func (s keyring) otherAuthority() []Finding {
	t := s.config.Trust
	if t.CA == nil || t.Cert == nil {
		return nil
	}
	known, _, err := pki.ParseAuthorities(t.CA.Text)
	own, _, err2 := pki.ParseAuthorities(t.Cert.Text)
	if err != nil || err2 != nil || isIssuer(own[0], own[0]) || slices.ContainsFunc(slices.Concat(known, own[1:]), func(ca *x509.Certificate) bool { return isIssuer(ca, own[0]) }) {
		return nil
	}
	found := s.at(nil, Note, Remark, "cert: no authority in ca has issued it: the other end must know the one that did, "+strconv.Quote(printable.Name(own[0].Issuer.String())), "if both ends have the same authority, one of the two files is the wrong one")
	found.File, found.Line = t.Cert.Pos.File, t.Cert.Pos.Line
	return []Finding{found}
}

// isIssuer reports whether a certificate says of itself that ca has issued it.
func isIssuer(ca, cert *x509.Certificate) bool {
	other := len(ca.SubjectKeyId) > 0 && len(cert.AuthorityKeyId) > 0 && string(ca.SubjectKeyId) != string(cert.AuthorityKeyId)
	return ca.Subject.String() == cert.Issuer.String() && !other
}

// leastDH is how many bits a group of Diffie-Hellman has at least; OpenSSL 3 refuses
// smaller ones.
const leastDH = 2048

// dhBits returns how many bits the group of `dh` has, 0 if that is not known.
func (s *subject) dhBits() int {
	l := s.first("dh")
	if l == nil || !l.Inline && len(l.Args) != 1 {
		return 0
	}
	text := l.Body
	if !l.Inline {
		var err error
		if text, err = s.read(s.config.Path(l.Args[0])); err != nil {
			return 0
		}
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return 0
	}
	input := cryptobyte.String(block.Bytes)
	var inner cryptobyte.String
	p := new(big.Int)
	if !input.ReadASN1(&inner, asn1.SEQUENCE) || !inner.ReadASN1Integer(p) {
		return 0
	}
	return p.BitLen()
}

// weakDH warns of a group of Diffie-Hellman that is too small.
func (s keyring) weakDH() []Finding {
	bits := s.dhBits()
	if bits == 0 || bits >= leastDH {
		return nil
	}
	return []Finding{s.at(s.first("dh"), Warn, Insecure, fmt.Sprintf("dh: a group of %d bits is weak, and OpenSSL 3 does not take it; it is not used here", bits), "write dh none")}
}
