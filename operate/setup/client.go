package setup

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
	"culvert/session/wrap"
)

// ClientOptions say which client to add.
type ClientOptions struct {
	Dir  string // the server's directory, as made by Init
	Name string // 1 to 64 letters, digits or any of ._@-; begins with a letter or digit
	Out  string // the profile to write, with mode 0600; "": none
	Now  time.Time
	Rand io.Reader  // cryptographically secure
	Ask  Passphrase // of the authority's key; nil: nobody knows it

	// Device: the client is a user's device, of which the server has a record.
	Device bool
	// SignIn is what the profile has its user asked for; the zero value: nothing.
	SignIn SignIn
}

// SignIn says what the user of a profile is asked for when it connects.
type SignIn struct {
	Password bool
	Code     bool // a one-time code; without Password in its place
	Browser  bool // a page where the user signs in
}

// clientName matches names that are safe as a file's name, in a shell and in a log.
var clientName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// AddClient issues a client's certificate and control-channel key, records the
// certificate in the server's directory, and returns the complete profile. Only
// the profile holds the client's private key. If the name is in use or the file
// Out exists, the error wraps fs.ErrExist and nothing is recorded.
func AddClient(o ClientOptions) ([]byte, error) {
	text, files, err := o.files()
	if err != nil {
		return nil, fmt.Errorf("client add: %w", denied(err))
	}
	if err := writeNew(files); err != nil {
		return nil, fmt.Errorf("client add: %w", denied(err))
	}
	return text, nil
}

func (o ClientOptions) files() (text []byte, files []file, err error) {
	record, err := o.record()
	if err != nil {
		return nil, nil, err
	}
	s, err := loadServer(o.Dir, o.Ask)
	if err != nil {
		return nil, nil, err
	}
	text, client, err := o.issue(s)
	if err != nil {
		return nil, nil, err
	}
	files = []file{{record, client.CertPEM, publicFile}}
	if o.Out != "" {
		files = append(files, file{o.Out, text, privateFile})
	}
	return text, files, nil
}

// issue makes a certificate, and the profile that holds it.
func (o ClientOptions) issue(s server) (text []byte, client pki.Pair, err error) {
	issue := s.issuer.IssueClient
	if o.Device {
		issue = s.issuer.IssueDevice
	}
	if client, err = issue(o.Rand, o.Now, o.Name, 0); err != nil {
		return nil, client, fmt.Errorf("%w: %w", ErrUnsigned, err)
	}
	key, err := s.controlKey(o.Rand, o.Now)
	if err != nil {
		return nil, client, err
	}
	text, err = profile{
		reach: s.reach, Head: s.head, Name: o.Name, Expires: client.NotAfter,
		CA: string(s.trustedPEM()), Cert: string(client.CertPEM), Key: string(client.KeyPEM),
		Control: s.reach.control(), ControlKey: string(key), SignIn: o.SignIn,
	}.text()
	return text, client, err
}

// record returns the path for the client's certificate, if its name is valid and
// free.
func (o ClientOptions) record() (string, error) {
	if !clientName.MatchString(o.Name) {
		return "", fmt.Errorf("name %.80q: expected 1 to 64 letters, digits or any of . _ @ -, beginning with a letter or digit, such as anna-phone", o.Name)
	}
	if o.Name == serverName {
		return "", fmt.Errorf("name %q is the server's own; choose another name", o.Name)
	}
	path := recordPath(o.Dir, o.Name)
	_, err := os.Lstat(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	if err == nil {
		return "", fmt.Errorf("client %q exists (%s); choose another name, one for each device, such as %s-2; or make a new profile for this client: culvert client renew %s --dir %s: %w",
			o.Name, path, o.Name, o.Name, shell(o.Dir), fs.ErrExist)
	}
	return path, nil
}

// server is what AddClient needs from a server's directory.
type server struct {
	reach reach
	// authority signs the server's certificate, and issuer those of clients. They differ
	// only while the authority's key is changed.
	authority, issuer *pki.Authority
	trusted           []*x509.Certificate // in ca.crt
	cert              *x509.Certificate   // the server's; nil: not known
	wrapKey           *wrap.ServerKeyV2   // nil without tls-crypt-v2
	shared            []byte              // the key of tls-crypt or tls-auth, the same for all
	head              []byte              // the first lines of profiles, nil: those of client.ovpn.tmpl
}

func loadServer(dir string, ask Passphrase) (s server, err error) {
	if s.reach, err = loadReach(dir); err != nil {
		return s, err
	}
	text, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return s, err
	}
	s.trusted = trusted
	_, s.cert, _ = serverCertificate(dir)
	if s.head, err = process.ReadFile(filepath.Join(dir, headFile)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return s, err
	}
	if err := s.loadControlKey(dir); err != nil {
		return s, err
	}
	ask = remembering(ask)
	if s.authority, err = presentFiles.open(dir, text, ask); err != nil {
		return s, err
	}
	s.issuer = s.authority
	if changing(dir) {
		s.issuer, err = openNext(dir, trusted, ask)
	}
	return s, err
}

// authorities are those whose keys are here.
func (s server) authorities() []*pki.Authority {
	if s.issuer == s.authority || s.issuer.Certificate().Equal(s.authority.Certificate()) {
		return []*pki.Authority{s.authority}
	}
	return []*pki.Authority{s.authority, s.issuer}
}

// loadControlKey reads the key of the control channel, if there is one.
func (s *server) loadControlKey(dir string) error {
	control := s.reach.control()
	if control == controlNone {
		return nil
	}
	path := filepath.Join(dir, control+".key")
	text, err := process.ReadFile(path)
	if err != nil {
		return lost(err, dir)
	}
	if control != controlV2 {
		s.shared = text
		return nil
	}
	if s.wrapKey, err = wrap.ParseServerKeyV2(text); err != nil {
		return fmt.Errorf("%s: %w", path, err)
	}
	return nil
}

// controlKey is the key of the control channel for a new profile, nil if there is none.
func (s *server) controlKey(rand io.Reader, now time.Time) ([]byte, error) {
	if s.wrapKey == nil {
		return s.shared, nil
	}
	key, err := wrap.GenerateClientKeyV2(rand, s.wrapKey, wrap.TimestampMetadata(now))
	if err != nil {
		return nil, err
	}
	return key.Format(), nil
}

// trustedPEM is ca.crt, for a client's profile. Of several authorities of one name, which
// stock clients do not take, it has the one that signed the server's certificate.
func (s server) trustedPEM() (text []byte) {
	for _, c := range s.trusted {
		twin := slices.ContainsFunc(s.trusted, func(o *x509.Certificate) bool { return o != c && bytes.Equal(o.RawSubject, c.RawSubject) })
		if !twin || s.cert == nil || pki.IssuedBy(s.cert, c) {
			text = append(text, pki.EncodeCertificate(c)...)
		}
	}
	return text
}

// issued reports whether one of those that the server trusts signed a certificate. One
// that is only known from an index is of the authority whose index that is.
func (s server) issued(cert *x509.Certificate) bool {
	return unseen(cert) || slices.ContainsFunc(s.trusted, func(a *x509.Certificate) bool { return pki.IssuedBy(cert, a) })
}
