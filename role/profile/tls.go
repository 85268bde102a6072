package profile

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/session"
)

// TLS returns the TLS settings of c. Each side checks the other's certificate as
// OpenVPN does: by authority, usage and verify-x509-name, never by the host name under
// which it was reached.
//
// warn gets what people should know about the settings, and from then on about
// revocation lists and certificates; nil drops it.
func TLS(c *config.Config, server bool, warn func(string)) (*tls.Config, error) {
	trust, err := NewTrust(c, warn, nil)
	if err != nil {
		return nil, err
	}
	return trust.TLS(c, server)
}

// TLS returns the TLS settings of c, the configuration that this trust was made from.
func (trust *Trust) TLS(c *config.Config, server bool) (t *tls.Config, err error) {
	warn := trust.warn
	if len(trust.authorities) == 0 && len(c.Trust.PeerFingerprints) == 0 {
		return nil, errors.New("no `ca`: the certificate of the authority that signed the other side's is needed to know it")
	}
	if len(trust.authorities) > 0 && len(pki.Roots(trust.authorities)) == 0 {
		return nil, fmt.Errorf("ca: %w", &pki.IssuerMissingError{Cert: trust.authorities[0]})
	}
	t = &tls.Config{
		MinVersion:             tls.VersionTLS12,
		SessionTicketsDisabled: true,
		// A message of the control channel is one record, as other TLS
		// libraries make it: some peers read no more than one at a time.
		DynamicRecordSizingDisabled: true,
		InsecureSkipVerify:          true, // by VerifyConnection instead
		ClientAuth:                  clientAuth(c.Trust.VerifyClientCert),
		ClientCAs:                   x509.NewCertPool(),
	}
	for _, root := range trust.authorities {
		t.ClientCAs.AddCert(root)
	}
	if err := setVersions(t, c.Trust); err != nil {
		return nil, err
	}
	level, err := setCiphers(t, c.Trust.TLSCipher, warn)
	if err != nil {
		return nil, err
	}
	if t.CurvePreferences, err = groups(c.Trust.TLSGroups, warn); err != nil {
		return nil, err
	}
	if c.Trust.TLSGroups == nil {
		t.CurvePreferences = curve(c.Trust.ECDHCurve, warn)
	}
	profile := certProfile(c.Trust.TLSCertProfile, level, warn)
	if c.Trust.Cert != nil {
		identity, err := loadIdentity(c, profile)
		if err != nil {
			return nil, err
		}
		if needsTLS12(identity) {
			t.MaxVersion = tls.VersionTLS12
			warn("management-external-key: without pss or nopadding the management client signs nothing that TLS 1.3 takes, so TLS 1.2 is spoken; if it can do PSS, write: management-external-key pkcs1 pss")
		}
		if text := unfit(identity.Leaf, append(shownWith(identity), trust.authorities...), server, time.Now()); text != "" {
			warn(text)
		}
		trust.own.Store(&identity)
		show(t, trust.own.Load, warn)
		if server && isReread(c) {
			showAnew(t, newAnew(c, identity, trust.judging(profile), warn))
		}
	}
	v := verifier{config: c, trust: trust, server: server, profile: profile}
	t.VerifyConnection = v.verify
	return t, nil
}

// ownChain is the text of this side's own certificate, and of those that it is shown with.
func ownChain(c config.Trust) []byte {
	text := c.Cert.Text
	if c.ExtraCerts != nil {
		text = append(append(text[:len(text):len(text)], '\n'), c.ExtraCerts.Text...)
	}
	return text
}

func loadIdentity(config *config.Config, profile string) (identity tls.Certificate, err error) {
	c := config.Trust
	switch {
	case c.Key != nil:
		identity, err = pki.ParseIdentity(ownChain(c), c.Key.Text)
	case config.Management.ExternalKey != nil:
		identity, err = externalIdentity(config, ownChain(c))
	default:
		err = errors.New("there is no `key` beside it")
	}
	if err != nil {
		return tls.Certificate{}, fileError("cert", c.Cert, err)
	}
	if err := pki.CheckProfile([]*x509.Certificate{identity.Leaf}, profile); err != nil {
		return tls.Certificate{}, fileError("cert", c.Cert, err) // what this side refuses, the other will
	}
	return identity, nil
}

func clientAuth(want config.ClientCert) tls.ClientAuthType {
	switch want {
	case config.ClientCertNone:
		return tls.NoClientCert
	case config.ClientCertOptional:
		return tls.RequestClientCert
	}
	return tls.RequireAnyClientCert
}

// verifier checks the peer's certificate at the end of a TLS handshake.
type verifier struct {
	config  *config.Config
	trust   *Trust
	server  bool
	profile string // tls-cert-profile, or what tls-cipher says of it
}

func (v *verifier) verify(state tls.ConnectionState) error {
	chain := state.PeerCertificates
	if v.server && len(chain) == 0 && v.config.Trust.VerifyClientCert != config.ClientCertRequire {
		return nil
	}
	now := time.Now()
	if err := v.check(chain, now); err != nil {
		return &CertificateError{Text: pki.Explain(err, now), Err: err}
	}
	return nil
}

func (v *verifier) check(chain []*x509.Certificate, now time.Time) error {
	usage := pki.ServerUsage
	if v.server {
		usage = pki.ClientUsage
	}
	if err := pki.CheckFingerprint(chain, v.config.Trust.PeerFingerprints); err != nil {
		return err
	}
	way, err := pki.Verifier{Authorities: v.trust.authorities, Weak: v.profile == insecure}.Chain(chain, now, usage)
	if err != nil && v.trust.authorities != nil {
		return err
	}
	if way == nil {
		way = chain[:1]
	} else if err := pki.CheckPurpose(way[0], usage); err != nil {
		return err
	}
	if pki.Username(way[0], v.config.Trust.X509UsernameField) == "" {
		return &pki.NamelessError{Cert: way[0], Fields: v.config.Trust.X509UsernameField}
	}
	if err := v.demands(way); err != nil {
		return err
	}
	v.trust.revoked.refresh(now)
	return v.trust.revoked.check(way, now)
}

// demands checks what directives ask of the peer's certificate besides a good
// signature.
func (v *verifier) demands(chain []*x509.Certificate) error {
	c, leaf := v.config, chain[0]
	if err := pki.CheckProfile(chain, v.profile); err != nil {
		return err
	}
	if c.Trust.RemoteCertKU != nil {
		if err := pki.CheckKeyUsage(leaf, c.Trust.RemoteCertKU); err != nil {
			return err
		}
	}
	if c.Trust.RemoteCertEKU != "" {
		if err := pki.CheckExtendedUsage(leaf, c.Trust.RemoteCertEKU); err != nil {
			return err
		}
	}
	if c.Trust.NsCertType != config.AnyUsage {
		if err := pki.CheckNsCertType(leaf, pki.Usage(c.Trust.NsCertType)); err != nil {
			return err
		}
	}
	if err := pki.CheckUsage(leaf, pki.Usage(c.Trust.RemoteCertTLS)); err != nil {
		return err
	}
	if want := c.Trust.VerifyX509Name; want != nil {
		return pki.CheckName(leaf, want.Name, want.Type, c.Trust.X509UsernameField...)
	}
	return nil
}

// CertificateError says why a peer's certificate is refused, and what to do.
type CertificateError struct {
	Text string
	Err  error
}

func (e *CertificateError) Error() string { return "certificate refused: " + e.Text }

func (e *CertificateError) Unwrap() error { return e.Err }

// Kind returns the text without what depends on the clock. See mute.Kind.
func (e *CertificateError) Kind() string {
	return "certificate refused: " + pki.Explain(e.Err, time.Time{})
}

// Alert returns the number of the TLS alert that the peer gets.
func (e *CertificateError) Alert() uint8 { return pki.Alert(e.Err) }

// Is matches session.ErrUntrusted, so that the error ends a session even when keys are
// only being renewed.
func (e *CertificateError) Is(target error) bool { return target == session.ErrUntrusted }

var versions = map[string]uint16{
	"": 0, "1.0": tls.VersionTLS10, "1.1": tls.VersionTLS11, "1.2": tls.VersionTLS12, "1.3": tls.VersionTLS13,
}

func setVersions(t *tls.Config, c config.Trust) error {
	least, ok := versions[c.TLSVersionMin]
	if !ok {
		return fmt.Errorf("tls-version-min %q: expected 1.0, 1.1, 1.2 or 1.3", c.TLSVersionMin)
	}
	if t.MaxVersion, ok = versions[c.TLSVersionMax]; !ok {
		return fmt.Errorf("tls-version-max %q: expected 1.2 or 1.3", c.TLSVersionMax)
	}
	// Below 1.2 data keys cannot be had safely; peers that old are refused.
	t.MinVersion = max(least, tls.VersionTLS12)
	if t.MaxVersion != 0 && t.MaxVersion < t.MinVersion {
		return fmt.Errorf("tls-version-max %s: TLS before 1.2 is not spoken here; leave the line out", c.TLSVersionMax)
	}
	return nil
}

// Describe describes a TLS connection in a line for the log.
func Describe(state tls.ConnectionState) string {
	text := strings.Replace(tls.VersionName(state.Version), "TLS ", "TLSv", 1) + ", " + tls.CipherSuiteName(state.CipherSuite) +
		", " + state.CurveID.String()
	if len(state.PeerCertificates) > 0 {
		text += ", peer certificate " + pki.Subject(state.PeerCertificates[0])
	}
	return text
}
