package adopt

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Entry is a certificate in the index of an authority that `openssl ca` keeps, as
// easy-rsa does.
type Entry struct {
	Revoked   bool
	Expires   time.Time
	RevokedAt time.Time // zero if it was not revoked
	Serial    *big.Int  // may be negative
	SerialHex string    // as the index has it, and as files are named
	// Subject is the name in one line, such as /C=XX/CN=anna, with what OpenSSL writes
	// as \xNN read back.
	Subject string
}

// CommonName is the last common name of the subject; "" if it has none. The
// certificate itself tells it better: in one line, a slash may be part of a name.
func (e Entry) CommonName() string {
	const begin = "/CN="
	at := strings.LastIndex(e.Subject, begin)
	if at < 0 {
		return ""
	}
	name := e.Subject[at+len(begin):]
	for i := 0; i < len(name); i++ {
		if name[i] == '/' && isAttribute(name[i+1:]) {
			return name[:i]
		}
	}
	return name
}

// isAttribute reports whether a text begins with the name of an attribute and "=".
func isAttribute(s string) bool {
	name, _, found := strings.Cut(s, "=")
	return found && name != "" && !strings.ContainsFunc(name, func(c rune) bool {
		return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '.')
	})
}

// LineError is a line that cannot be read.
type LineError struct {
	Line int // from 1
	Err  error
}

func (e *LineError) Error() string { return fmt.Sprintf("line %d: %v", e.Line, e.Err) }

// Unwrap returns what is wrong with the line.
func (e *LineError) Unwrap() error { return e.Err }

// ParseIndex reads an authority's index.txt. A line that cannot be read is in faults,
// and the others count.
func ParseIndex(text []byte) (entries []Entry, faults []*LineError) {
	number := 0
	for line := range bytes.Lines(text) {
		number++
		row := strings.TrimRight(string(line), "\r\n")
		if strings.TrimSpace(row) == "" {
			continue
		}
		e, err := parseEntry(row)
		if err != nil {
			faults = append(faults, &LineError{number, err})
			continue
		}
		entries = append(entries, e)
	}
	return entries, faults
}

// parseEntry reads one line: state, end, revocation with its reason, serial number,
// file and subject, with tabs between them.
func parseEntry(row string) (e Entry, err error) {
	fields := strings.SplitN(row, "\t", 6)
	if len(fields) != 6 {
		return e, fmt.Errorf("expected 6 fields with tabs between them, found %d", len(fields))
	}
	if !strings.Contains("VRE", fields[0]) || len(fields[0]) != 1 {
		return e, fmt.Errorf("its first field is %.20q, expected V, R or E", fields[0])
	}
	if e.Expires, err = parseTime(fields[1]); err != nil {
		return e, fmt.Errorf("when the certificate ends: %w", err)
	}
	if e.Serial, err = parseSerial(fields[3]); err != nil {
		return e, err
	}
	e.SerialHex = strings.ToUpper(fields[3])
	if e.Revoked = fields[0] == "R" || fields[2] != ""; e.Revoked {
		at, _, _ := strings.Cut(fields[2], ",")
		if e.RevokedAt, err = parseTime(at); err != nil {
			// That it was revoked is known, which matters more than when.
			e.RevokedAt, err = time.Time{}, nil
		}
	}
	e.Subject = unescape(fields[5])
	return e, nil
}

// parseTime reads YYMMDDHHMMSSZ, or with four digits of the year.
func parseTime(s string) (time.Time, error) {
	if len(s) == len("20060102150405Z") {
		return time.Parse("20060102150405Z", s)
	}
	t, err := time.Parse("060102150405Z", s)
	if err != nil {
		return t, fmt.Errorf("%.20q is not a time such as 301231235959Z", s)
	}
	if t.Year() >= 2050 { // RFC 5280, section 4.1.2.5.1
		t = t.AddDate(-100, 0, 0)
	}
	return t, nil
}

const maxSerial = 64 // hexadecimal digits; certificates have at most 40

func parseSerial(s string) (*big.Int, error) {
	if len(s) > maxSerial {
		return nil, fmt.Errorf("its serial number has %d digits, expected at most %d", len(s), maxSerial)
	}
	n, ok := new(big.Int).SetString(s, 16)
	if !ok || strings.ContainsAny(s, "+_") {
		return nil, fmt.Errorf("its serial number is %.40q, expected a hexadecimal one", s)
	}
	return n, nil
}

// unescape reads \xNN back. What is then not UTF-8 is taken for Latin-1, as in T61
// strings of old.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if strings.HasPrefix(s[i:], `\x`) && i+4 <= len(s) {
			if c, err := strconv.ParseUint(s[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	if utf8.ValidString(b.String()) {
		return b.String()
	}
	var latin strings.Builder
	for _, c := range []byte(b.String()) {
		latin.WriteRune(rune(c))
	}
	return latin.String()
}

var errPool = errors.New("it is not NAME,IPV4 or NAME,IPV4,IPV6")
