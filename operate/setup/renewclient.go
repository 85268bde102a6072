package setup

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// RenewClientOptions say how to give a client a new profile.
type RenewClientOptions struct {
	ClientOptions
	RevokeOld  bool // revoke the old profiles at once
	LetInAgain bool // even if the client was revoked
}

// Renewal is the result of RenewClient.
type Renewal struct {
	Profile []byte
	Expires time.Time // when the new certificate ends
	Before  time.Time // when the old one does
	// WasRevoked reports whether the client was shut out. The new profile lets
	// it in.
	WasRevoked bool
	// Revocation is the result of RevokeOld; nil: the old profiles stay valid.
	Revocation *Revocation
}

// RenewClient makes a client a new profile, with a new key and certificate. The
// old profile stays valid until it ends, since the device must get the new one
// first, unless RevokeOld is set. A client that was revoked is refused unless
// LetInAgain is set. The file Out is replaced only if it is a profile of this
// client. One that waited to be handed over is removed.
func RenewClient(o RenewClientOptions) (*Renewal, error) {
	r, err := o.renew()
	if err != nil {
		return nil, fmt.Errorf("client renew: %w", denied(err))
	}
	return r, nil
}

func (o RenewClientOptions) renew() (*Renewal, error) {
	s, err := loadServer(o.Dir, o.Ask)
	if err != nil {
		return nil, err
	}
	before, unlock, err := lockRecord(o.Dir, o.Name)
	if err != nil {
		return nil, err
	}
	defer unlock()
	if pki.IsDevice(before[0]) && !o.Device {
		return nil, fmt.Errorf("%s is a user's device, whose certificates and profiles say so; run: %s", o.Name, RenewCommand(o.Dir, o.Name, true))
	}
	if err := o.checkOut(s); err != nil {
		return nil, err
	}
	lists, err := listPlace(o.Dir).load()
	if err != nil {
		return nil, err
	}
	revoked := lists.listed(before[0].SerialNumber)
	if revoked && !o.LetInAgain {
		return nil, fmt.Errorf("%s was revoked, and a new profile would let it in again; if you want that, add --let-in-again; if not, add a client with another name: culvert client add %[1]s-2 --dir %[2]s",
			o.Name, shell(o.Dir))
	}
	text, client, err := o.issue(s)
	if err != nil {
		return nil, err
	}
	used, _ := waitingFor(o.Dir, o.Name).inUse(o.Name, before)
	r := &Renewal{Profile: text, Expires: client.NotAfter, Before: used[0].NotAfter, WasRevoked: revoked}
	files := []file{{recordPath(o.Dir, o.Name), record(client.CertPEM, before, o.Now), publicFile}}
	if o.Out != "" {
		files = append(files, file{o.Out, text, privateFile})
	}
	if o.Out == ReadyPath(o.Dir, o.Name) {
		slices.Reverse(files) // what stops between leaves a certificate that nobody knows of
	}
	for _, f := range files {
		if err := fill(f); err != nil {
			return nil, err
		}
	}
	if o.Out != ReadyPath(o.Dir, o.Name) {
		if err := DropReady(o.Dir, o.Name); err != nil {
			return nil, err
		}
	}
	if o.RevokeOld {
		r.Revocation, err = revoke(o.Dir, s, o.Now, before)
	}
	return r, err
}

// record returns a client's new certificate, followed by the old ones that have
// not expired, since a revocation needs those too.
func record(newest []byte, before []*x509.Certificate, now time.Time) []byte {
	text := bytes.Clone(newest)
	for _, c := range before {
		if now.Before(c.NotAfter) {
			text = appendRecord(text, c)
		}
	}
	return text
}

// checkOut refuses to overwrite a file that is not a profile of this client.
func (o ClientOptions) checkOut(s server) error {
	if o.Out == "" {
		return nil
	}
	text, err := process.ReadFile(o.Out)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	certs, err := profileCertificates(text)
	if err != nil || certs[0].Subject.CommonName != o.Name || !s.issued(certs[0]) {
		return fmt.Errorf("%s exists and is not a profile of %s, so it is not overwritten; choose another file: %w", o.Out, o.Name, fs.ErrExist)
	}
	return nil
}
