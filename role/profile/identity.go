package profile

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/access/pki"
)

// show makes TLS show this side's certificate to every peer, even to one whose list
// of authorities does not name its issuer. The list is advice (RFC 8446, section
// 4.2.4), and without a certificate neither side would learn what is wrong. warn is
// called once for each such list.
func show(t *tls.Config, own func() *tls.Certificate, warn func(string)) {
	t.Certificates = []tls.Certificate{*own()}
	var mu sync.Mutex
	var last string
	t.GetClientCertificate = func(request *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		identity := own()
		text := unnamed(*identity, request.AcceptableCAs)
		mu.Lock()
		defer mu.Unlock()
		if text != "" && text != last {
			warn(text)
		}
		last = text
		return identity, nil
	}
}

// unfit says why peers will refuse this side's own certificate now, or those of others
// above it, whichever authority they trust; "" if nothing is known against it.
func unfit(own *x509.Certificate, others []*x509.Certificate, server bool, now time.Time) string {
	usage := pki.ClientUsage
	if server {
		usage = pki.ServerUsage
	}
	err := pki.CheckOwn(own, others, usage, now)
	if err == nil {
		return ""
	}
	return "this side's own certificate, which peers will refuse: " + pki.Explain(err, now)
}

// shownWith returns the certificates that identity shows beside its own. It leaves out
// those that it cannot read; the peer may judge them.
func shownWith(identity tls.Certificate) (others []*x509.Certificate) {
	for _, der := range identity.Certificate[1:] {
		if cert, err := x509.ParseCertificate(der); err == nil {
			others = append(others, cert)
		}
	}
	return others
}

// unnamed says that none of the certificates of identity was issued by one of the
// authorities, which are given by their names in DER. It returns "" if one was, or
// if no authority is named, which means any.
func unnamed(identity tls.Certificate, authorities [][]byte) string {
	if len(authorities) == 0 {
		return ""
	}
	issuer := ""
	for _, der := range identity.Certificate {
		raw, name := pki.IssuerOf(der)
		if slices.ContainsFunc(authorities, func(a []byte) bool { return string(a) == string(raw) }) {
			return ""
		}
		issuer = name
	}
	var names []string
	const most = 5
	for _, a := range authorities[:min(len(authorities), most)] {
		names = append(names, fmt.Sprintf("%q", pki.NameString(a)))
	}
	if more := len(authorities) - most; more > 0 {
		names = append(names, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("this side's certificate is of the authority %q, and the peer takes those of %s: it will most likely refuse it, perhaps without a word; give `cert` and `key` that were issued for this peer",
		issuer, strings.Join(names, ", "))
}
