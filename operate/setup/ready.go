package setup

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

// readySuffix ends the name of a profile that waits to be handed over.
const readySuffix = ".ovpn"

// ErrRotating reports that the authority's key is being changed: every client needs a new
// profile then, and when, its administrator says.
var ErrRotating = errors.New("the authority's key is being changed")

// ReadyPath is where the next profile of a client waits to be handed over.
func ReadyPath(dir, name string) string {
	return filepath.Join(dir, readyDir, recordName(name)+readySuffix)
}

// MakeReady makes the place for profiles that wait to be handed over, which only its owner
// can look into. It fails while the authority's key is being changed, with ErrRotating,
// where that key is not there for a program that nobody attends, with ErrNoKey, and if the
// authority ends no later than what is to be renewed.
func MakeReady(dir string, after time.Time) error {
	if changing(dir) {
		return ErrRotating
	}
	s, err := unattended(dir)
	if err != nil {
		return err
	}
	if ends := s.issuer.Certificate().NotAfter; !ends.After(after) {
		return fmt.Errorf("the authority ends on %s, and so would the next certificate; change the authority's key: culvert authority rotate --dir %s", ends.UTC().Format(time.DateOnly), shell(dir))
	}
	_, err = makeDirs(filepath.Join(dir, readyDir))
	return err
}

// DropReady removes the profile of a client that waits to be handed over, if there is one.
func DropReady(dir, name string) error {
	err := os.Remove(ReadyPath(dir, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// ReadyNames returns the names of the clients whose next profiles wait to be handed over.
func ReadyNames(dir string) (names []string) {
	entries, err := os.ReadDir(filepath.Join(dir, readyDir))
	if err != nil {
		return nil // nothing is there, or nobody may look
	}
	for _, e := range entries {
		file, ok := strings.CutSuffix(e.Name(), readySuffix)
		if name, known := recordedName(file); ok && known {
			names = append(names, name)
		}
	}
	return names
}

// waiting are the certificates of profiles that wait to be handed over, by name.
type waiting map[string]*x509.Certificate

// waitingIn reads those of a directory. A profile that cannot be read does not wait.
func waitingIn(dir string) waiting {
	w := waiting{}
	for _, name := range ReadyNames(dir) {
		w.read(dir, name)
	}
	return w
}

// waitingFor is waitingIn for one name.
func waitingFor(dir, name string) waiting {
	w := waiting{}
	w.read(dir, name)
	return w
}

func (w waiting) read(dir, name string) {
	text, err := process.ReadFile(ReadyPath(dir, name))
	if err != nil {
		return
	}
	if certs, err := profileCertificates(text); err == nil {
		w[name] = certs[0]
	}
}

// inUse returns the certificates of a client without the newest, if that is only in the
// profile that waits, and one that is in use is left. ready is the serial number of the one
// that waits, in hex; "" for none.
func (w waiting) inUse(name string, certs []*x509.Certificate) (used []*x509.Certificate, ready string) {
	next := w[name]
	if next == nil || len(certs) < 2 || unseen(certs[0]) || !certs[0].Equal(next) {
		return certs, ""
	}
	return certs[1:], pki.SerialHex(next)
}

// profileCertificates returns the certificates in a profile's block.
func profileCertificates(text []byte) ([]*x509.Certificate, error) {
	_, rest, _ := bytes.Cut(text, []byte("\n<cert>\n"))
	cert, _, _ := bytes.Cut(rest, []byte("</cert>"))
	return pki.ParseCertificates(cert)
}
