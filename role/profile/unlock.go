package profile

import (
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"culvert/access/pki"
	"culvert/config"
)

// Ask asks the user a question; echo shows the answer as it is typed.
type Ask func(question string, echo bool) (string, error)

// ErrNobody reports that there is nobody to ask.
var ErrNobody = errors.New("there is nobody to ask")

// asks is how often a user is asked for a password.
const asks = 3

// Unlock decrypts the private key of c if it is protected by a password, which comes
// from `askpass` or from the user, and unpacks a `pkcs12` file. Afterwards CA, Cert
// and Key are as if they had been given in PEM. ask may be nil: nobody can be asked.
func Unlock(c *config.Config, ask Ask) error { return unlocking{ask: ask, tries: asks}.unlock(c) }

// Unlocked returns a copy of a server's configuration after Unlock with nobody to ask; c stays
// as it is. Where somebody would have to be asked, locked is true: the copy has neither key
// nor certificate then, but its certificate can be read.
func Unlocked(c *config.Config) (own *config.Config, locked bool, err error) {
	own = new(config.Config)
	*own = *c
	own.Link.Remotes = nil // whose settings are c's
	t := &own.Trust
	for _, f := range []**config.File{&t.Key, &t.PKCS12, &t.AskPass} {
		if *f != nil {
			file := **f
			*f = &file
		}
	}
	err = Unlock(own, nil)
	if !errors.Is(err, ErrNobody) {
		return own, false, err
	}
	if t.Key != nil && t.Cert != nil {
		if _, err := pki.ParseCertificates(ownChain(*t)); err != nil {
			return own, true, fileError("cert", t.Cert, fmt.Errorf("pki: cert: %w", err))
		}
	}
	t.Key, t.Cert = nil, nil
	return own, true, nil
}

// unlocking is how passwords are come by.
type unlocking struct {
	ask   Ask
	tries int
}

func (u unlocking) unlock(c *config.Config) error {
	switch {
	case c.Trust.PKCS12 != nil && c.Trust.Key == nil:
		return u.pkcs12(c)
	case c.Trust.Key != nil && pki.KeyEncrypted(c.Trust.Key.Text):
		err := u.withPassword(c.Trust, c.Trust.Key, func(password string) error {
			text, err := pki.DecryptKey(c.Trust.Key.Text, []byte(password))
			if err == nil {
				c.Trust.Key.Text = text
			}
			return err
		})
		if err != nil {
			return fileError("key", c.Trust.Key, err)
		}
	}
	return nil
}

// withPassword tries the password of askpass, or asks for one a few times.
func (u unlocking) withPassword(c config.Trust, of *config.File, open func(password string) error) error {
	if f := c.AskPass; given(f) {
		password, _, _ := strings.Cut(string(f.Text), "\n")
		f.Text = nil
		return open(strings.TrimRight(password, "\r"))
	}
	if u.ask == nil {
		return fmt.Errorf("it is under a password: %w; put the password in a file and write: askpass FILE", ErrNobody)
	}
	name := of.Name
	if of.Inline {
		name = "the configuration"
	}
	var err error
	for range u.tries {
		var password string
		if password, err = u.ask("Password of the private key in "+name+": ", false); err != nil {
			return err
		}
		if err = open(password); !errors.Is(err, pki.ErrPassword) {
			return err
		}
	}
	return err
}

// pkcs12 opens the file of `pkcs12`. It tries without a password first.
func (u unlocking) pkcs12(c *config.Config) error {
	f := c.Trust.PKCS12
	der := f.Text
	if f.Inline {
		var err error
		if der, err = base64.StdEncoding.DecodeString(strings.Join(strings.Fields(string(f.Text)), "")); err != nil {
			return fileError("pkcs12", f, fmt.Errorf("expected base64 in the block: %w", err))
		}
	}
	open := func(password string) error { return takePKCS12(&c.Trust, der, password) }
	err := open("")
	if errors.Is(err, pki.ErrPassword) {
		err = u.withPassword(c.Trust, f, open)
	}
	if err != nil {
		return fileError("pkcs12", f, err)
	}
	for _, r := range c.Link.Remotes {
		if s := r.Settings; s != nil {
			s.Trust.Key, s.Trust.Cert, s.Trust.CA, s.Trust.ExtraCerts = c.Trust.Key, c.Trust.Cert, c.Trust.CA, c.Trust.ExtraCerts
		}
	}
	return nil
}

// takePKCS12 uses the key and certificates in a PKCS #12 file. Its authorities become
// `ca`; if one was given, they complete this side's chain instead.
func takePKCS12(c *config.Trust, der []byte, password string) error {
	key, cert, authorities, err := pki.ParsePKCS12(der, password)
	if err != nil {
		return err
	}
	part := func(text []byte) *config.File {
		return &config.File{Name: c.PKCS12.Name, Inline: c.PKCS12.Inline, Text: text, Pos: c.PKCS12.Pos}
	}
	c.Key, c.Cert = part(key), part(cert)
	switch {
	case len(authorities) == 0:
	case c.CA == nil && c.CAPath == "":
		c.CA = part(authorities)
	case c.ExtraCerts == nil:
		c.ExtraCerts = part(authorities)
	}
	return nil
}
