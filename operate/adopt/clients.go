package adopt

import (
	"bytes"
	"crypto/x509"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"culvert/access/pki"
	"culvert/host/process"
	"culvert/operate/setup"
)

// clients records the clients of an authority.
func (b *builder) clients(k *keeper) {
	c := collector{builder: b, keeper: k, certs: map[string]*x509.Certificate{}, server: b.serverSerial(), names: map[string][]issued{}}
	if k.dir != "" {
		c.scan(filepath.Join(k.dir, "issued"))
		c.scan(k.dir) // easy-rsa 2
	}
	for i, e := range k.entries {
		c.entry(i, e)
	}
	c.unlisted()
	c.record()
}

// serverSerial is the serial number of the server's own certificate.
func (b *builder) serverSerial() string {
	certs, err := pki.ParseCertificates(b.source.cfg.Trust.Cert.Text)
	if err != nil {
		return ""
	}
	return certs[0].SerialNumber.String()
}

// issued is a certificate of a client.
type issued struct {
	cert    *x509.Certificate
	revoked bool
	order   int // of its issue, as the index tells it
}

// collector finds the certificates of clients.
type collector struct {
	*builder
	keeper *keeper
	certs  map[string]*x509.Certificate // found in files, by serial number
	server string                       // the server's own serial number
	names  map[string][]issued
	others int // certificates of another authority
	nobody int // certificates whose names cannot be recorded
}

// scan reads the certificates in a directory.
func (c *collector) scan(dir string) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) == ".crt" && !e.IsDir() {
			c.read(filepath.Join(dir, e.Name()))
		}
	}
}

// read reads one certificate, if it is of this authority.
func (c *collector) read(path string) *x509.Certificate {
	text, err := process.ReadFile(path)
	if err != nil {
		if !os.IsNotExist(err) {
			c.report.problem("clients", "%v", err)
		}
		return nil
	}
	certs, err := pki.ParseCertificates(text)
	if err != nil {
		c.report.problem("clients", "%s: %v", path, err)
		return nil
	}
	cert := certs[0]
	switch {
	case cert.IsCA:
		return nil
	case !c.keeper.issued(cert):
		c.others++
		return nil
	}
	c.certs[cert.SerialNumber.String()] = cert
	return cert
}

// issued reports whether a certificate is of this authority, and not of another one by
// the same name.
func (k *keeper) issued(cert *x509.Certificate) bool {
	if cert.Issuer.String() != k.cert.Subject.String() {
		return false
	}
	by, own := cert.AuthorityKeyId, k.cert.SubjectKeyId
	return len(by) == 0 || len(own) == 0 || bytes.Equal(by, own)
}

// entry takes a line of the index.
func (c *collector) entry(order int, e Entry) {
	cert := c.certs[e.Serial.String()]
	if cert == nil {
		cert = c.bySerial(e)
	}
	delete(c.certs, e.Serial.String())
	if cert == nil {
		cert = setup.Unseen(e.CommonName(), e.Serial, e.Expires)
	}
	c.take(cert, e.Revoked, order)
}

// bySerial looks for a certificate where easy-rsa and `openssl ca` keep copies by their
// numbers.
func (c *collector) bySerial(e Entry) *x509.Certificate {
	for _, below := range []string{"certs_by_serial", "revoked/certs_by_serial", "renewed/certs_by_serial", "expired/certs_by_serial", "newcerts", "."} {
		for _, ext := range []string{".pem", ".crt"} {
			path := filepath.Join(c.keeper.dir, below, e.SerialHex+ext)
			if _, err := os.Stat(path); err != nil {
				continue
			}
			if cert := c.read(path); cert != nil && cert.SerialNumber.Cmp(e.Serial) == 0 {
				return cert
			}
		}
	}
	return nil
}

// take records a certificate, unless it is a server's.
func (c *collector) take(cert *x509.Certificate, revoked bool, order int) {
	if cert.SerialNumber.String() == c.server || isServers(cert) {
		return
	}
	name := cert.Subject.CommonName
	if len(cert.Raw) > 0 {
		name = pki.CommonName(cert)
	}
	if !setup.Recordable(name) {
		c.nobody++
		name = "serial-" + strings.ReplaceAll(fmt.Sprintf("%x", cert.SerialNumber), "-", "minus-")
	}
	c.names[name] = append(c.names[name], issued{cert, revoked, order})
}

// isServers reports whether a certificate is for servers only.
func isServers(cert *x509.Certificate) bool {
	if len(cert.ExtKeyUsage)+len(cert.UnknownExtKeyUsage) == 0 {
		return false
	}
	return !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageClientAuth) && !slices.Contains(cert.ExtKeyUsage, x509.ExtKeyUsageAny)
}

// unlisted takes the certificates that no line of the index is about.
func (c *collector) unlisted() {
	n := 0
	for _, cert := range c.certs {
		if cert.SerialNumber.String() == c.server || isServers(cert) {
			continue
		}
		n++
		c.take(cert, false, -1)
	}
	if n > 0 {
		c.report.problem("clients", "%d certificates in %s are in no line of its %s; they are listed as valid", n, c.keeper.dir, indexFile)
	}
}

// record records all clients: for each, first what lets it in, then what was issued
// last.
func (c *collector) record() {
	names := make([]string, 0, len(c.names))
	for name := range c.names {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		all := c.names[name]
		slices.SortStableFunc(all, func(a, b issued) int {
			if a.revoked != b.revoked {
				if b.revoked {
					return -1
				}
				return 1
			}
			return b.order - a.order
		})
		client := setup.AdoptedClient{Name: name}
		for _, i := range all {
			client.Certs = append(client.Certs, i.cert)
		}
		c.out.Clients = append(c.out.Clients, client)
		c.report.Clients = append(c.report.Clients, c.state(name, all))
	}
	if c.others > 0 {
		c.report.problem("clients", "%d certificates are of another authority, and are not listed", c.others)
	}
	if c.nobody > 0 {
		c.report.problem("clients", "%d certificates have no name that can be listed; they are listed as serial-NUMBER, and connect as before", c.nobody)
	}
	c.report.understood("clients", "%s", counts(c.report.Clients))
}

func (c *collector) state(name string, all []issued) Client {
	newest := all[0]
	client := Client{Name: name, State: setup.Valid, Expires: newest.cert.NotAfter}
	client.State = setup.StateOf(newest.cert, newest.revoked, c.Now)
	for _, i := range all {
		client.Serials = append(client.Serials, fmt.Sprintf("%x", i.cert.SerialNumber))
	}
	return client
}

// revokedSerials are the certificates that the index has as revoked.
func (k *keeper) revokedSerials() (all []*big.Int) {
	for _, e := range k.entries {
		if e.Revoked {
			all = append(all, e.Serial)
		}
	}
	return all
}
