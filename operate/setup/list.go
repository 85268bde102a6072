package setup

import (
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"culvert/access/pki"
)

// expiringSoon is how long before its end a certificate counts as expiring.
const expiringSoon = 30 * 24 * time.Hour

// The states of a client.
const (
	Valid    = "valid"
	Expiring = "expiring" // within 30 days
	Expired  = "expired"
	Revoked  = "revoked"
	// Untrusted is the state of a client whose newest certificate is not of an authority in
	// ca.crt: the authority's key was changed, and this client got no new profile.
	Untrusted = "untrusted"
)

// ClientInfo is a client in a server's directory.
type ClientInfo struct {
	Name    string    `json:"name"`
	State   string    `json:"state"`
	From    time.Time `json:"from,omitzero"` // when its newest certificate begins, but for one in Ready; zero: not known
	Expires time.Time `json:"expires"`       // when it ends
	Serials []string  `json:"serials"`       // its certificates' serial numbers in hex, the newest first
	// Ready is where its next profile waits to be handed over, of which the newest
	// certificate is; "": nowhere. State and Expires are those of the one before then.
	Ready string `json:"ready,omitempty"`

	device bool // of a user
}

// IsDevice reports whether the client is a user's device.
func (c ClientInfo) IsDevice() bool { return c.device }

// Renew is the command that makes the client's new profile.
func (c ClientInfo) Renew(dir string) string { return RenewCommand(dir, c.Name, c.device) }

// InUse is the serial number of the newest certificate that the client was given.
func (c ClientInfo) InUse() string {
	if c.Ready != "" {
		return c.Serials[1]
	}
	return c.Serials[0]
}

// Clients lists the clients in a server's directory by name, with their states
// according to the revocation list there. problem says why the server does not
// use that list; it is "" if it does.
func Clients(dir string, now time.Time) (clients []ClientInfo, problem string, err error) {
	fail := func(err error) ([]ClientInfo, string, error) {
		return nil, "", fmt.Errorf("client list: %w", denied(err))
	}
	if _, err := loadReach(dir); err != nil {
		return fail(err)
	}
	place := listPlace(dir)
	lists, err := place.load()
	if err != nil {
		return fail(err)
	}
	names, err := clientNames(dir)
	if err != nil {
		return fail(err)
	}
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return fail(err)
	}
	clients = []ClientInfo{}
	ready := waitingIn(dir)
	for _, name := range names {
		certs, err := loadRecord(dir, name)
		if err != nil {
			return fail(err)
		}
		clients = append(clients, clientInfo(dir, name, certs, trusted, lists, ready, now))
	}
	problem, err = place.unheeded(dir, lists, now)
	if err != nil {
		return fail(err)
	}
	return clients, problem, nil
}

// Client returns one client of a directory, as Clients does; ok is false if there is none of
// that name.
func Client(dir, name string, now time.Time) (c ClientInfo, ok bool, err error) {
	if _, err := os.Lstat(recordPath(dir, name)); errors.Is(err, fs.ErrNotExist) || !clientName.MatchString(name) {
		return c, false, nil
	}
	list, err := listPlace(dir).load()
	if err != nil {
		return c, false, err
	}
	certs, err := loadRecord(dir, name)
	if err != nil {
		return c, false, err
	}
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return c, false, err
	}
	return clientInfo(dir, name, certs, trusted, list, waitingFor(dir, name), now), true, nil
}

func clientInfo(dir, name string, certs, trusted []*x509.Certificate, lists lists, waiting waiting, now time.Time) ClientInfo {
	used, ready := waiting.inUse(name, certs)
	newest := used[0]
	c := ClientInfo{Name: name, State: StateOf(newest, lists.listed(newest.SerialNumber), now), From: newest.NotBefore, Expires: newest.NotAfter, device: pki.IsDevice(newest)}
	if ready != "" {
		c.Ready = ReadyPath(dir, name)
	}
	if c.State != Revoked && !(server{trusted: trusted}).issued(newest) {
		c.State = Untrusted
	}
	for _, cert := range certs {
		c.Serials = append(c.Serials, pki.SerialHex(cert))
	}
	return c
}

// StateOf is the state of a client whose certificate this is.
func StateOf(cert *x509.Certificate, revoked bool, now time.Time) string {
	switch left := cert.NotAfter.Sub(now); {
	case revoked:
		return Revoked
	case left < 0:
		return Expired
	case left < expiringSoon:
		return Expiring
	}
	return Valid
}

// clientNames returns the names of the clients in a server's directory, sorted.
func clientNames(dir string) (names []string, err error) {
	entries, err := os.ReadDir(filepath.Join(dir, clientsDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	for _, e := range entries {
		file, ok := strings.CutSuffix(e.Name(), recordSuffix)
		if name, known := recordedName(file); ok && known {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}
