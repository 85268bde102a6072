package adopt

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/operate/setup"
)

// identity is what the server shows, and whom it trusts.
type identity struct {
	trusted []*x509.Certificate // of `ca`
	cert    *x509.Certificate
	control string // what protects the control channel
}

// identity reads the server's keys and certificates, and adds them to the directory.
func (b *builder) identity() (*identity, error) {
	t := b.source.cfg.Trust
	if err := adoptable(b.source.conf, t); err != nil {
		return nil, err
	}
	id := &identity{}
	var faults []error
	var err error
	if id.trusted, faults, err = pki.ParseAuthorities(t.CA.Text); err != nil {
		return nil, fmt.Errorf("ca (%s): %w", place(t.CA), err)
	}
	for _, f := range faults {
		b.report.problem("ca", "%s: %v; it is left out", place(t.CA), f)
	}
	certs, err := pki.ParseCertificates(t.Cert.Text)
	if err != nil {
		return nil, fmt.Errorf("cert (%s): %w", place(t.Cert), err)
	}
	id.cert = certs[0]
	if pki.CommonName(id.cert) == "" {
		return nil, fmt.Errorf("cert (%s): the certificate has no common name, by which new profiles would know the server; issue one with a name", place(t.Cert))
	}
	if !pki.KeyEncrypted(t.Key.Text) {
		if _, err := pki.ParseIdentity(t.Cert.Text, t.Key.Text); err != nil {
			return nil, err
		}
	}
	b.add(setup.AdoptedCert, t.Cert.Text, false)
	b.add(setup.AdoptedKey, t.Key.Text, true)
	b.out.ServerName = pki.CommonName(id.cert)
	b.report.understood("certificate", "%s, valid until %s", pki.CommonName(id.cert), id.cert.NotAfter.Format(time.DateOnly))
	if b.Now.After(id.cert.NotAfter) {
		b.report.problem("certificate", "the server's certificate ended on %s, so that no client connects; to renew it, run: culvert renew --dir %s", id.cert.NotAfter.Format(time.DateOnly), b.Dir)
	}
	b.control(t, id)
	return id, nil
}

// adoptable says why a server cannot be adopted by what it trusts.
func adoptable(conf string, t config.Trust) error {
	switch {
	case t.PKCS12 != nil:
		return fmt.Errorf("%s: its keys are in %s (pkcs12); take them apart, and name them by ca, cert and key: openssl pkcs12 -in FILE -nodes", conf, place(t.PKCS12))
	case t.CA == nil && len(t.PeerFingerprints) > 0:
		return fmt.Errorf("%s has no authority: its clients are known by peer-fingerprint, so there is nothing to issue certificates with; run it as it is: culvert serve %[1]s", conf)
	case t.CA == nil && t.CAPath != "":
		return fmt.Errorf("%s: its authorities are in the directory %s (capath); name them in one file by ca", conf, t.CAPath)
	case t.CA == nil || t.Cert == nil || t.Key == nil:
		return fmt.Errorf("%s: expected ca, cert and key", conf)
	}
	return nil
}

// place is the name of a file, or that it is a block.
func place(f *config.File) string {
	if f.Inline {
		return "inline"
	}
	return f.Name
}

// control adds the key of the control channel.
func (b *builder) control(t config.Trust, id *identity) {
	id.control = "none"
	for _, k := range []struct {
		name string
		file *config.File
	}{{"tls-auth", t.TLSAuth}, {"tls-crypt", t.TLSCrypt}, {"tls-crypt-v2", t.TLSCryptV2}} {
		if k.file == nil {
			continue
		}
		b.add(k.name+".key", k.file.Text, true)
		id.control = k.name
	}
	b.out.Control = id.control
	if t.TLSCryptV2 != nil && (t.TLSAuth != nil || t.TLSCrypt != nil) {
		b.report.understood("handshake", "tls-crypt-v2 for new profiles; old ones may use the other key too")
		return
	}
	b.report.understood("handshake", "protected by: %s", id.control)
}

// keeper is the authority as its directory has it.
type keeper struct {
	dir     string // "": none was found
	cert    *x509.Certificate
	signer  *pki.Authority // nil: it cannot sign here
	entries []Entry
}

// authority finds the authority that signs the clients' certificates, and adds it.
func (b *builder) authority(id *identity) (*keeper, error) {
	k, err := b.findAuthority(id)
	if err != nil {
		return nil, err
	}
	text, path, unread := b.authorityKey(k)
	key, problem := []byte(nil), error(nil)
	if text != nil {
		key, problem = b.opened(text, path)
	}
	k.cert = chosen(id, k)
	for _, c := range id.trusted {
		if key == nil {
			break
		}
		a, err := pki.LoadAuthority(pki.EncodeCertificate(c), key)
		if err == nil {
			k.signer, k.cert = a, c
			break
		}
		problem = err
	}
	bundle := pki.EncodeCertificate(k.cert)
	for _, c := range id.trusted {
		if c != k.cert {
			bundle = append(bundle, pki.EncodeCertificate(c)...)
		}
	}
	b.add(setup.AdoptedCA, bundle, false)
	b.sayAuthority(id, k)
	b.addKey(k, foundKey{text, path, unread, problem})
	return k, nil
}

// foundKey is the authority's key.
type foundKey struct {
	text            []byte // as it lies there
	path            string
	unread, problem error // why it was not read, or is not usable
}

// addKey adds the authority's key to the directory, or says what does not work without.
func (b *builder) addKey(k *keeper, f foundKey) {
	const without = "the server runs without it, but these do not work: culvert client add, client renew, client revoke, renew"
	switch {
	case k.signer != nil:
		b.add(setup.AdoptedCAKey, f.text, true)
		if b.Now.After(k.cert.NotAfter) {
			k.signer = nil
		}
	case f.text == nil && f.unread != nil:
		b.report.problem("ca.key", "%v: %s. To have them, put the key there as %s", f.unread, without, filepath.Join(b.Dir, setup.AdoptedCAKey))
	case f.text == nil:
		b.report.problem("ca.key", "it was not found: %s. To have them, put the key there as %s", without, filepath.Join(b.Dir, setup.AdoptedCAKey))
	case errors.Is(f.problem, pki.ErrEncryptedKey):
		b.add(setup.AdoptedCAKey, f.text, true)
		b.report.problem("ca.key", "%s has a passphrase that is not known now, so that the revocation list is copied and not signed anew (adopt with --passphrase-file for that). Commands that sign ask for it", f.path)
	default:
		b.report.problem("ca.key", "%s: %v; %s", f.path, f.problem, without)
	}
}

// opened is a private key without its passphrase, if that is known.
func (b *builder) opened(text []byte, path string) ([]byte, error) {
	if !pki.KeyEncrypted(text) {
		return text, nil
	}
	if b.Ask == nil {
		return nil, pki.ErrEncryptedKey
	}
	passphrase, err := b.Ask(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", pki.ErrEncryptedKey, err)
	}
	return pki.DecryptKey(text, passphrase)
}

// chosen is which of the trusted authorities issues certificates, where no key tells:
// that of the authority's directory, or that of the server's certificate, or the first.
func chosen(id *identity, k *keeper) *x509.Certificate {
	for _, c := range id.trusted {
		if k.cert != nil && bytes.Equal(c.Raw, k.cert.Raw) {
			return c
		}
	}
	for _, c := range id.trusted {
		if id.cert.CheckSignatureFrom(c) == nil {
			return c
		}
	}
	return id.trusted[0]
}

func (b *builder) sayAuthority(id *identity, k *keeper) {
	where := ""
	if k.dir != "" {
		where = ", kept in " + k.dir
		b.report.Authority = k.dir
	}
	b.report.understood("authority", "%s, valid until %s%s", name(k.cert), k.cert.NotAfter.Format(time.DateOnly), where)
	if n := len(id.trusted); n > 1 {
		b.report.understood("ca", "%d authorities are trusted; clients of all of them connect, and those of the one above are listed", n)
	}
	if b.Now.After(k.cert.NotAfter) {
		b.report.problem("authority", "it ended on %s: no client connects, whoever runs the server, and nothing can be signed. Make a new server: culvert init", k.cert.NotAfter.Format(time.DateOnly))
	}
}

// name is what an authority is called.
func name(c *x509.Certificate) string {
	if n := pki.CommonName(c); strings.TrimSpace(n) != "" {
		return fmt.Sprintf("%q", n)
	}
	return fmt.Sprintf("%q", pki.Subject(c))
}
