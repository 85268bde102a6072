package metrics

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"sync"
	"time"

	"culvert/config"
)

// datesFor is how long dates are taken as read before.
const datesFor = time.Minute

// maxFile is as much of a file as is looked at for dates, bytes.
const maxFile = 1 << 20

// dates are when what a configuration names in its trust ends. Files are read again, since
// they are renewed; where this process may not read one, what it read at its start counts.
type dates struct {
	now func() time.Time

	mu    sync.Mutex
	files map[string]*config.File // by what they are
	read  time.Time
	known map[string]time.Time
}

func newDates(t config.Trust, now func() time.Time) *dates {
	d := &dates{now: now}
	d.adopt(t)
	return d
}

// adopt goes by the files of another configuration.
func (d *dates) adopt(t config.Trust) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.files, d.known = map[string]*config.File{"authority": t.CA, "own": t.Cert, "revocation_list": t.CRLVerify}, nil
}

// ends returns when each ends that is known.
func (d *dates) ends() map[string]time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	if now := d.now(); d.known == nil || now.Sub(d.read) >= datesFor {
		d.read, d.known = now, make(map[string]time.Time)
		for what, file := range d.files {
			if end, ok := endOf(what, textOf(file)); ok {
				d.known[what] = end
			}
		}
	}
	return d.known
}

// textOf is what a file says now.
func textOf(f *config.File) []byte {
	if f == nil {
		return nil
	}
	if f.Inline || f.Name == "" {
		return f.Text
	}
	if info, err := os.Stat(f.Name); err == nil && info.Mode().IsRegular() && info.Size() <= maxFile {
		if text, err := os.ReadFile(f.Name); err == nil {
			return text
		}
	}
	return f.Text
}

// endOf returns when what a text holds ends: of several certificates of authorities the
// first to end, and of a chain the certificate at its front.
func endOf(what string, text []byte) (end time.Time, ok bool) {
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		at, err := endOfBlock(block)
		if err != nil {
			continue
		}
		if !ok || at.Before(end) {
			end, ok = at, true
		}
		if what == "own" {
			break
		}
	}
	return end, ok
}

func endOfBlock(b *pem.Block) (time.Time, error) {
	if b.Type == "X509 CRL" {
		list, err := x509.ParseRevocationList(b.Bytes)
		if err != nil {
			return time.Time{}, err
		}
		return list.NextUpdate, nil
	}
	c, err := x509.ParseCertificate(b.Bytes)
	if err != nil {
		return time.Time{}, err
	}
	return c.NotAfter, nil
}
