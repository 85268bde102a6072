package profile

import (
	"crypto/tls"
	"slices"
	"strings"
)

// suite is a cipher suite of TLS 1.2, and the words that apply to it in OpenSSL's
// language (ciphers(1), "CIPHER STRINGS").
type suite struct {
	id            uint16
	iana, openssl string // its names; the first has dashes, as in OpenVPN
	words         []string
	// static suites exchange keys with RSA alone: whoever gets the server's key
	// later can read recorded traffic. They are used only if asked for by name.
	static bool
}

// suites are the safe suites of crypto/tls, and those marked static.
var suites = allSuites()

func allSuites() (all []suite) {
	for _, s := range tls.CipherSuites() {
		if slices.Contains(s.SupportedVersions, tls.VersionTLS12) {
			all = append(all, newSuite(s))
		}
	}
	for _, s := range tls.InsecureCipherSuites() {
		// The library has no defence for CBC over SHA-256 (Lucky 13).
		if strings.HasPrefix(s.Name, "TLS_RSA_WITH_AES_") && !strings.HasSuffix(s.Name, "CBC_SHA256") {
			all = append(all, newSuite(s))
		}
	}
	return all
}

// newSuite splits a name such as TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 into its words.
func newSuite(s *tls.CipherSuite) suite {
	exchange, cipher, _ := strings.Cut(strings.TrimPrefix(s.Name, "TLS_"), "_WITH_")
	made := suite{id: s.ID, iana: strings.ReplaceAll(s.Name, "_", "-")}
	made.openssl = strings.NewReplacer("AES_", "AES", "_CBC", "", "_POLY1305_SHA256", "-POLY1305", "_", "-").Replace(cipher)
	made.words = append(made.words, cipherWords(cipher)...)
	if exchange == "RSA" {
		made.static = true
		made.words = append(made.words, "RSA", "kRSA", "aRSA")
		return made
	}
	_, signature, _ := strings.Cut(exchange, "_")
	made.openssl = "ECDHE-" + signature + "-" + made.openssl
	made.words = append(made.words, "ECDHE", "EECDH", "kEECDH", "kECDHE", "ECDH", "a"+signature,
		"ALL", "DEFAULT", "HIGH", "FIPS", "COMPLEMENTOFALL")
	if signature == "ECDSA" {
		made.words = append(made.words, "ECDSA")
	}
	return made
}

func cipherWords(cipher string) []string {
	hash := cipher[strings.LastIndexByte(cipher, '_')+1:]
	words := []string{hash, "TLSv1.2"}
	if hash == "SHA" {
		words = []string{"SHA", "SHA1", "TLSv1", "TLSv1.0", "SSLv3"}
	}
	bits := "AES256"
	switch {
	case strings.HasPrefix(cipher, "CHACHA20"):
		return append(words, "CHACHA20")
	case strings.Contains(cipher, "128"):
		bits = "AES128"
	}
	words = append(words, "AES", bits)
	if strings.Contains(cipher, "GCM") {
		words = append(words, "AESGCM")
	}
	return words
}

// named reports whether name is one of the suite's names.
func (s suite) named(name string) bool {
	return strings.EqualFold(strings.ReplaceAll(name, "_", "-"), s.iana) || strings.EqualFold(name, s.openssl)
}

// is reports whether a term of OpenSSL's language, words joined by +, applies to the
// suite. Classes as wide as ALL do not include static suites.
func (s suite) is(term string) bool {
	for word := range strings.SplitSeq(term, "+") {
		if !slices.ContainsFunc(s.words, func(w string) bool { return strings.EqualFold(w, word) }) {
			return false
		}
	}
	return !s.static || slices.ContainsFunc(strings.Split(term, "+"), func(w string) bool { return strings.EqualFold(w, "RSA") || strings.EqualFold(w, "kRSA") })
}

// twin reports whether the suite is the elliptic-curve form of the named one, with
// the same cipher and key length. That one uses finite-field Diffie-Hellman, which
// crypto/tls does not have.
func (s suite) twin(name string) bool {
	name = strings.ToUpper(strings.NewReplacer("_", "", "-", "").Replace(name))
	if s.static || !strings.Contains(name, "DHERSA") && !strings.Contains(name, "EDHRSA") || strings.Contains(name, "CAMELLIA") {
		return false
	}
	for _, cipher := range []string{"AES128", "AES256", "CHACHA20"} {
		if strings.Contains(name, cipher) {
			return slices.Contains(s.words, cipher)
		}
	}
	return false
}
