package setup

import (
	"crypto/x509"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// AuthorityInfo describes the authorities of a server's directory.
type AuthorityInfo struct {
	Present AuthorityState  `json:"authority"`
	Next    *AuthorityState `json:"next,omitempty"` // while the key is changed
	// Ending are the clients whose certificates end within 30 days.
	Ending []EndingClient `json:"ending"`
}

// EndingClient is a client whose certificate ends soon.
type EndingClient struct {
	Name  string    `json:"name"`
	Ends  time.Time `json:"ends"`
	Ready string    `json:"ready,omitempty"` // as in ClientInfo
	Mend  string    `json:"mend"`            // the command that makes a new profile
}

// ending returns the clients of a directory whose certificates end soon.
func ending(dir string, now time.Time) ([]EndingClient, error) {
	clients, _, err := Clients(dir, now)
	list := []EndingClient{}
	for _, c := range clients {
		if c.State == Expiring {
			list = append(list, EndingClient{c.Name, c.Expires, c.Ready, c.Renew(dir)})
		}
	}
	return list, err
}

// print writes a line.
func (e EndingClient) print(w io.Writer) {
	if e.Ready != "" {
		fmt.Fprintf(w, "  %s, on %s; its next profile waits to be handed over: %s\n", e.Name, e.Ends.UTC().Format(time.DateOnly), e.Ready)
		return
	}
	fmt.Fprintf(w, "  %s, on %s; for a new profile: %s\n", e.Name, e.Ends.UTC().Format(time.DateOnly), e.Mend)
}

// AuthorityState describes one authority.
type AuthorityState struct {
	Name        string    `json:"name"`
	Fingerprint string    `json:"fingerprint"`
	Expires     time.Time `json:"expires"`
	Above       []string  `json:"above,omitempty"` // the names of those above it
	// Key says where its key is, in words.
	Key string `json:"key"`
	// Clients are those that are let in and have their newest certificate from it.
	Clients []AuthorityClient `json:"clients"`
	// Serves reports whether it signed the server's certificate.
	Serves bool `json:"serves"`
}

// AuthorityClient is a client that is let in.
type AuthorityClient struct {
	Name    string   `json:"name"`
	Serials []string `json:"serials"` // its certificates' serial numbers in hex, the newest first
	// Before are those of them that another authority signed: they end with it.
	Before []string `json:"-"`
	// UsesOld reports whether it is connected with an older certificate than the newest.
	UsesOld bool `json:"uses_old,omitempty"`
}

// Authorities describes the authorities of a server's directory. It needs no key.
func Authorities(dir string, now time.Time) (*AuthorityInfo, error) {
	fail := func(err error) (*AuthorityInfo, error) {
		return nil, fmt.Errorf("authority show: %w", denied(err))
	}
	if _, err := loadReach(dir); err != nil {
		return fail(err)
	}
	_, trusted, err := certificates(dir, caCertFile)
	if err != nil {
		return fail(err)
	}
	var next []*x509.Certificate
	if changing(dir) {
		if _, next, err = certificates(dir, nextCertFile); err != nil {
			return fail(err)
		}
	}
	present := signers(trusted)[0]
	for _, c := range signers(trusted) {
		if len(next) > 0 && !c.Equal(next[0]) {
			present = c
		}
	}
	info := new(AuthorityInfo)
	if info.Present, err = presentFiles.describe(dir, present, trusted, now); err != nil {
		return fail(err)
	}
	if len(next) > 0 && !present.Equal(next[0]) {
		state, err := nextFiles.describe(dir, next[0], next, now)
		if err != nil {
			return fail(err)
		}
		info.Next = &state
	}
	if info.Ending, err = ending(dir, now); err != nil {
		return fail(err)
	}
	return info, nil
}

func (f keyFiles) describe(dir string, authority *x509.Certificate, others []*x509.Certificate, now time.Time) (s AuthorityState, err error) {
	s = AuthorityState{Name: pki.CommonName(authority), Fingerprint: pki.Fingerprint(authority), Expires: authority.NotAfter, Clients: []AuthorityClient{}}
	for _, c := range pki.Issuers(authority, others) {
		s.Above = append(s.Above, pki.CommonName(c))
	}
	if s.Key, err = f.where(dir); err != nil {
		return s, err
	}
	if _, server, err := serverCertificate(dir); err == nil {
		s.Serves = pki.IssuedBy(server, authority)
	}
	all, err := clientsBy(dir, now)
	for _, c := range all {
		if pki.IssuedBy(c.certs[0], authority) {
			one := AuthorityClient{Name: c.name}
			for _, cert := range c.certs {
				serial := pki.SerialHex(cert)
				one.Serials = append(one.Serials, serial)
				if !pki.IssuedBy(cert, authority) {
					one.Before = append(one.Before, serial)
				}
			}
			s.Clients = append(s.Clients, one)
		}
	}
	return s, err
}

// where says in words where an authority's key is.
func (f keyFiles) where(dir string) (string, error) {
	c, remote, err := f.command(dir)
	if err != nil {
		return "", err
	}
	if remote {
		return "elsewhere: " + strings.Join(c.Argv, " ") + " signs", nil
	}
	path := filepath.Join(dir, f.key)
	text, err := process.ReadFile(path)
	switch {
	case err != nil:
		return fmt.Sprintf("missing: %v", err), nil
	case pki.KeyEncrypted(text):
		return path + ", with a passphrase", nil
	}
	return path + ", without a passphrase", nil
}

// Print writes the authorities for a person.
func (i *AuthorityInfo) Print(w io.Writer) {
	i.Present.print(w, "Authority")
	if n := len(i.Ending); n > 0 {
		defer func() {
			fmt.Fprintf(w, "\nThe certificates of %d clients end within 30 days:\n", n)
			for _, e := range i.Ending {
				e.print(w)
			}
		}()
	}
	if i.Next == nil {
		return
	}
	i.Next.print(w, "Next authority")
	if n := len(i.Present.Clients); n > 0 {
		fmt.Fprintf(w, "\n%d clients need a new profile: %s\n", n, RenewAnyCommand("D"))
	} else {
		fmt.Fprint(w, "\nAll clients have a profile of the next authority. When all use it: culvert authority rotate --finish --dir D\n")
	}
}

func (s *AuthorityState) print(w io.Writer, title string) {
	fmt.Fprintf(w, "%s: %s, until %s\n", title, s.Name, s.Expires.Format(time.DateOnly))
	if len(s.Above) > 0 {
		fmt.Fprintf(w, "  below %s\n", strings.Join(s.Above, ", below "))
	}
	fmt.Fprintf(w, "  SHA-256 %s\n  key: %s\n", s.Fingerprint, s.Key)
	if s.Serves {
		fmt.Fprintln(w, "  signed the server's certificate")
	}
	fmt.Fprintf(w, "  %d clients have their profile from it", len(s.Clients))
	for n, c := range s.Clients {
		separator := ", "
		if n == 0 {
			separator = ": "
		}
		fmt.Fprint(w, separator, c.Name)
		if c.UsesOld {
			fmt.Fprint(w, " (connected with an older one)")
		}
	}
	fmt.Fprintln(w)
}
