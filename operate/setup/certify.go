package setup

import (
	"crypto/rand"
	"crypto/x509"
	"errors"
	"fmt"
	"time"

	"culvert/access/pki"
)

// certifyPause is how long after a client's last certificate it gets another one at the
// earliest.
const certifyPause = 12 * time.Hour

// ErrUnsigned reports that the authority's key was there, and did not sign.
var ErrUnsigned = errors.New("the authority did not sign")

// NextDue is when a client's certificate is to be renewed over its session: when a third of
// its life is left, and at most 275 days.
func NextDue(cert *x509.Certificate) time.Time {
	return pki.Term{Begins: cert.NotBefore, Ends: cert.NotAfter, Authority: cert.NotAfter.Add(time.Second)}.Due(cert.NotBefore)
}

// Certify gives a client, who has shown a certificate in its session, the next one, for the
// key of a request (PKCS #10 in DER). It is kept in the client's record, with those before,
// which stay good until they end. A client that is not of this directory, is revoked or has
// no need of another certificate yet is refused. The authority's key has to be there.
func Certify(dir string, now time.Time, shown *x509.Certificate, request []byte) (*x509.Certificate, error) {
	name := shown.Subject.CommonName
	s, err := unattended(dir)
	if err != nil {
		return nil, err
	}
	before, unlock, err := lockRecord(dir, name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	lists, err := listPlace(dir).load()
	if err != nil {
		return nil, err
	}
	used, _ := waitingFor(dir, name).inUse(name, before)
	if err := mayRenew(s, used, lists, shown, now); err != nil {
		return nil, err
	}
	pair, err := s.issuer.Certify(rand.Reader, now, shown, request)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	next, err := pki.ParseCertificates(pair.CertPEM)
	if err != nil {
		return nil, err
	}
	if !next[0].NotAfter.After(shown.NotAfter) {
		return nil, errors.New("the authority ends, and so would the next certificate, no later than the one before; change the authority's key: culvert authority rotate --dir " + shell(dir))
	}
	return next[0], fill(file{recordPath(dir, name), record(pair.CertPEM, before, now), publicFile})
}

// mayRenew returns why a client cannot have another certificate now.
func mayRenew(s server, before []*x509.Certificate, lists lists, shown *x509.Certificate, now time.Time) error {
	known := false
	for _, c := range before {
		known = known || c.SerialNumber.Cmp(shown.SerialNumber) == 0
	}
	newest := before[0]
	switch {
	case !known || !s.issued(shown):
		return fmt.Errorf("the certificate that client %q shows is not in its record", shown.Subject.CommonName)
	case lists.listed(shown.SerialNumber):
		return errors.New("its certificate is revoked")
	case now.After(shown.NotAfter):
		return errors.New("its certificate has ended")
	case now.Before(NextDue(shown)):
		return fmt.Errorf("its certificate is to be renewed from %s on", NextDue(shown).UTC().Format(time.DateOnly))
	case newest.SerialNumber.Cmp(shown.SerialNumber) != 0 && !unseen(newest) && now.Sub(newest.NotBefore.Add(time.Hour)).Abs() < certifyPause:
		return errors.New("it was given another one less than 12 hours ago")
	}
	return nil
}
