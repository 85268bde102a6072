package setup

import (
	"bytes"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"math/big"
	"path/filepath"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"culvert/access/pki"
	"culvert/host/process"
)

// maxRecordName bounds the name of a client's file, in bytes without recordSuffix and
// with what is added to it while it is written. Most file systems allow 255.
const maxRecordName = 200

const recordSuffix = ".crt"

// Recordable reports whether a directory can list a client by this name: printable
// UTF-8 that is not too long. Those that AddClient gives are a part of these.
func Recordable(name string) bool {
	return name != "" && name != serverName && utf8.ValidString(name) && len(recordName(name)) <= maxRecordName &&
		!strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) })
}

// recordName is a client's name as that of a file: bytes that clientName does not match
// are written as %XX.
func recordName(name string) string {
	if clientName.MatchString(name) {
		return name
	}
	var b strings.Builder
	for i := range len(name) {
		letter := name[i] >= 'a' && name[i] <= 'z' || name[i] >= 'A' && name[i] <= 'Z' || name[i] >= '0' && name[i] <= '9'
		if letter || i > 0 && strings.IndexByte("._@-", name[i]) >= 0 {
			b.WriteByte(name[i])
		} else {
			fmt.Fprintf(&b, "%%%02X", name[i])
		}
	}
	return b.String()
}

// recordedName is the name that recordName wrote; ok is false for any other file's.
func recordedName(file string) (name string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(file); i++ {
		if file[i] != '%' {
			b.WriteByte(file[i])
			continue
		}
		if i+2 >= len(file) {
			return "", false
		}
		c, err := hex.DecodeString(file[i+1 : i+3])
		if err != nil {
			return "", false
		}
		b.WriteByte(c[0])
		i += 2
	}
	name = b.String()
	return name, Recordable(name) && recordName(name) == file
}

func recordPath(dir, name string) string {
	return filepath.Join(dir, clientsDir, recordName(name)+recordSuffix)
}

// loadRecord reads the certificates issued to a client, the newest first. One that is
// only known from an index has no Raw.
func loadRecord(dir, name string) ([]*x509.Certificate, error) {
	if !Recordable(name) {
		return nil, fmt.Errorf("name %.80q: expected a client's name, as shown by: culvert client list --dir %s", name, shell(dir))
	}
	path := recordPath(dir, name)
	text, err := process.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("no client %q (no file %s); to list the clients, run: culvert client list --dir %s", name, path, shell(dir))
	}
	if err != nil {
		return nil, err
	}
	certs, err := parseRecord(name, text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return certs, nil
}

// unseenWord begins the line of a certificate that is only known from an index. Its
// serial number in hexadecimal and its end follow.
const unseenWord = "# serial "

// appendRecord adds a certificate to a record.
func appendRecord(text []byte, cert *x509.Certificate) []byte {
	if unseen(cert) {
		return fmt.Appendf(text, "%s%x until %s\n", unseenWord, cert.SerialNumber, cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return append(text, pki.EncodeCertificate(cert)...)
}

// parseRecord reads what appendRecord wrote, in order.
func parseRecord(name string, text []byte) (certs []*x509.Certificate, err error) {
	var seen []byte
	flush := func() error {
		if !bytes.Contains(seen, []byte("-----BEGIN ")) && len(certs) > 0 {
			return nil
		}
		more, err := pki.ParseCertificates(seen)
		certs, seen = append(certs, more...), nil
		return err
	}
	for line := range bytes.Lines(text) {
		if !bytes.HasPrefix(line, []byte(unseenWord)) {
			seen = append(seen, line...)
			continue
		}
		if len(bytes.TrimSpace(seen)) > 0 {
			if err := flush(); err != nil {
				return nil, err
			}
		}
		cert, err := parseUnseen(name, string(line))
		if err != nil {
			return nil, err
		}
		certs = append(certs, cert)
	}
	return certs, flush()
}

// Unseen is a certificate that is only known from an authority's index.
func Unseen(name string, serial *big.Int, end time.Time) *x509.Certificate {
	return &x509.Certificate{SerialNumber: serial, NotAfter: end, Subject: pkix.Name{CommonName: name}}
}

func unseen(cert *x509.Certificate) bool { return len(cert.Raw) == 0 }

func parseUnseen(name, line string) (*x509.Certificate, error) {
	fields := strings.Fields(line[len(unseenWord):])
	if len(fields) == 3 && fields[1] == "until" {
		serial, ok := new(big.Int).SetString(fields[0], 16)
		end, err := time.Parse(time.RFC3339, fields[2])
		if ok && err == nil {
			return Unseen(name, serial, end), nil
		}
	}
	return nil, fmt.Errorf("line %s: expected %q, a serial number in hexadecimal, until and a time", strconv.QuoteToASCII(strings.TrimSpace(line)), strings.TrimSpace(unseenWord))
}
