package pki

import (
	"crypto/x509"
	"errors"
)

// The alerts of TLS about certificates (RFC 8446, section 6.2).
const (
	alertBadCertificate     = 42
	alertUnsupported        = 43
	alertRevoked            = 44
	alertExpired            = 45
	alertCertificateUnknown = 46
	alertUnknownCA          = 48
	alertRequired           = 116
)

// Alert returns the TLS alert that tells a peer why its certificate is refused, by
// the error of the check. It is certificate_unknown for what only this side demands,
// or cannot check.
func Alert(err error) uint8 {
	var invalid x509.CertificateInvalidError
	switch {
	case errors.Is(err, errNoCertificate):
		return alertRequired
	case errors.As(err, new(*RevokedError)):
		return alertRevoked
	case errors.As(err, &invalid):
		return invalidAlert(invalid.Reason)
	case errors.As(err, new(x509.UnknownAuthorityError)):
		return alertUnknownCA
	case errors.As(err, new(*UsageError)):
		return alertUnsupported
	case errors.As(err, new(*WeakError)), errors.As(err, new(*UncheckedError)):
		return alertBadCertificate
	}
	return alertCertificateUnknown
}

func invalidAlert(reason x509.InvalidReason) uint8 {
	switch reason {
	case x509.Expired:
		return alertExpired
	case x509.IncompatibleUsage:
		return alertUnsupported
	case x509.NotAuthorizedToSign, x509.TooManyIntermediates:
		return alertUnknownCA
	}
	return alertBadCertificate
}
