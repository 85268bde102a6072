package profile

import (
	"crypto/tls"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// cipherList is what `tls-cipher` selects: suites of TLS 1.2. Those of TLS 1.3
// cannot be chosen in crypto/tls, and are all safe.
type cipherList struct {
	ids     []uint16 // nil: the defaults
	none    bool     // no suite of TLS 1.2 at all
	level   int      // @SECLEVEL=n; -1: not given
	remarks []string
}

// emptyClasses are words that apply to none of the suites here. Naming them changes
// nothing.
var emptyClasses = strings.Fields("aNULL eNULL NULL LOW MEDIUM EXP EXPORT EXPORT40 EXPORT56 MD5 RC2 RC4 DES 3DES IDEA SEED CAMELLIA CAMELLIA128 " +
	"CAMELLIA256 ARIA ARIA128 ARIA256 ARIAGCM AESCCM AESCCM8 PSK kPSK kECDHEPSK kDHEPSK kRSAPSK aPSK SRP kSRP aSRP DSS aDSS DSA DH DHE EDH kEDH kDHE kDH kDHr kDHd aDH ADH " +
	"AECDH kECDH kECDHr kECDHe aECDH KRB5 kKRB5 aKRB5 GOST kGOST aGOST aGOST01 GOST89MAC COMPLEMENTOFDEFAULT SSLv2")

// isEmptyClass reports whether a term contains one of emptyClasses.
func isEmptyClass(term string) bool {
	return slices.ContainsFunc(strings.Split(term, "+"), func(word string) bool {
		return slices.ContainsFunc(emptyClasses, func(c string) bool { return strings.EqualFold(c, word) })
	})
}

// isTLS13 reports whether name names a suite of TLS 1.3, which is always in use.
func isTLS13(name string) bool {
	return slices.ContainsFunc(tls.CipherSuites(), func(s *tls.CipherSuite) bool {
		return s.SupportedVersions[0] == tls.VersionTLS13 && strings.EqualFold(strings.ReplaceAll(name, "-", "_"), s.Name)
	})
}

// parseCiphers reads a list of suites, by their IANA or OpenSSL names or in OpenSSL's
// language (ciphers(1)). It leaves out what is unknown, with a remark.
func parseCiphers(names []string) cipherList {
	list := cipherList{level: -1}
	if len(names) == 0 {
		return list
	}
	var chosen, banned []suite
	var missing []string
	if !slices.ContainsFunc(names, func(name string) bool { return !strings.ContainsRune("!-+@", rune(name[0])) }) {
		chosen = matching("DEFAULT") // the list has only exclusions
	}
	for _, name := range split(names) {
		switch term := strings.TrimLeft(name, "!-+"); {
		case name[0] == '@':
			list.command(name)
		case name[0] == '!':
			banned = append(banned, matching(term)...)
			fallthrough
		case name[0] == '-':
			chosen = without(chosen, matching(term))
		case name[0] == '+': // only moves suites to the end, and the library chooses the order
		case len(matching(term)) > 0:
			chosen = append(chosen, without(matching(term), banned)...)
		case !isEmptyClass(term) && !isTLS13(term):
			missing = append(missing, term)
		}
	}
	if len(chosen) == 0 {
		chosen = without(list.twins(missing), banned)
	}
	if len(missing) > 0 && len(chosen) > 0 {
		list.remark("%s not available here, and left out; in use: %s", strings.Join(missing, ":"), ianaNames(chosen))
	}
	list.choose(chosen)
	return list
}

// split splits names also at commas and blanks, as the language allows.
func split(names []string) (all []string) {
	for _, name := range names {
		all = append(all, strings.FieldsFunc(name, func(r rune) bool { return r == ',' || r == ' ' })...)
	}
	return all
}

// matching returns the suites to which a name or term applies.
func matching(term string) (found []suite) {
	for _, s := range suites {
		if s.named(term) {
			return []suite{s}
		}
		if s.is(term) {
			found = append(found, s)
		}
	}
	return found
}

func without(from, these []suite) (left []suite) {
	for _, s := range from {
		if !slices.ContainsFunc(these, func(t suite) bool { return t.id == s.id }) {
			left = append(left, s)
		}
	}
	return left
}

func (l *cipherList) remark(format string, args ...any) {
	l.remarks = append(l.remarks, "tls-cipher: "+fmt.Sprintf(format, args...))
}

// command carries out @SECLEVEL=n. @STRENGTH only sorts, so it is ignored.
func (l *cipherList) command(name string) {
	text, ok := strings.CutPrefix(strings.ToUpper(name), "@SECLEVEL=")
	level, err := strconv.Atoi(text)
	switch {
	case ok && (err != nil || level < 0 || level > 5):
		l.remark("%s: expected a level from 0 to 5; left out", name)
	case ok:
		l.level = level
	case !strings.EqualFold(name, "@STRENGTH"):
		l.remark("%s is not known here, and left out", name)
	}
}

// twins returns the elliptic-curve forms of missing suites, for a list of which
// nothing else is left.
func (l *cipherList) twins(missing []string) (found []suite) {
	for _, s := range suites {
		if slices.ContainsFunc(missing, s.twin) {
			found = append(found, s)
		}
	}
	if len(found) > 0 {
		l.remark("there is no Diffie-Hellman over a field (DHE) here; the same ciphers with the elliptic kind (ECDHE) are offered in its place")
	}
	return found
}

func (l *cipherList) choose(chosen []suite) {
	l.none = len(chosen) == 0
	for _, s := range chosen {
		if !slices.Contains(l.ids, s.id) {
			l.ids = append(l.ids, s.id)
		}
	}
	slices.Sort(l.ids)
	if slices.ContainsFunc(chosen, func(s suite) bool { return s.static }) {
		l.remark("key exchange by RSA alone is offered (TLS-RSA-…), as asked: whoever gets the server's key can read what was recorded before; without need, leave it out")
	}
	if slices.Equal(l.ids, sortedIDs(matching("DEFAULT"))) {
		l.ids = nil
	}
}

func sortedIDs(of []suite) (ids []uint16) {
	for _, s := range of {
		ids = append(ids, s.id)
	}
	slices.Sort(ids)
	return ids
}

func ianaNames(of []suite) string {
	var names []string
	for _, s := range of {
		if !slices.Contains(names, s.iana) {
			names = append(names, s.iana)
		}
	}
	return strings.Join(names, ":")
}

// setCiphers applies `tls-cipher` to t. If no suite of TLS 1.2 is left, it offers only
// TLS 1.3, and fails if that is not allowed either.
func setCiphers(t *tls.Config, names []string, warn func(string)) (level int, err error) {
	list := parseCiphers(names)
	t.CipherSuites = list.ids
	if list.none && len(names) > 0 {
		if t.MaxVersion != 0 && t.MaxVersion < tls.VersionTLS13 {
			return 0, fmt.Errorf("tls-cipher %s: none of these is available; available are %s", strings.Join(names, ":"), ianaNames(suites))
		}
		t.MinVersion, t.CipherSuites = tls.VersionTLS13, nil
		list.remark("%s: none of these is available here, so that only TLS 1.3 is offered; for TLS 1.2 name some of %s", strings.Join(names, ":"), ianaNames(suites))
	}
	for _, remark := range list.remarks {
		warn(remark)
	}
	return list.level, nil
}
