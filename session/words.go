package session

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"

	"culvert/access/pki"
)

// tlsError is an error of crypto/tls with what it means and what to do.
type tlsError struct {
	err  error
	text string
}

func (e *tlsError) Error() string { return e.text }
func (e *tlsError) Unwrap() error { return e.err }

// kindsTaken names the certificates that crypto/tls can prove or check. A peer
// that keeps to what is offered shows no other kind: a client then shows none
// at all, and a server does not answer.
const kindsTaken = "taken are RSA keys (except RSA-PSS keys), ECDSA keys on P-256, P-384 or P-521, and Ed25519 keys, with signatures over SHA-256, SHA-384 or SHA-512"

// alerts explains those that a peer ends a handshake with (RFC 8446, section
// 6.2), by the words of crypto/tls; "%s" stands for what this side offers.
var alerts = map[string]string{
	"tls: unknown certificate authority":  "the peer does not trust the authority of this side's certificate (unknown_ca): its `ca` has to hold that authority, or this side needs a certificate of the one that it holds",
	"tls: revoked certificate":            "the peer says that this side's certificate is revoked (certificate_revoked): ask for a new one",
	"tls: expired certificate":            "the peer says that this side's certificate has expired, or is not yet valid by its clock (certificate_expired): ask for a new one, or set the clock that is wrong",
	"tls: bad certificate":                "the peer refuses this side's certificate (bad_certificate); its log says why",
	"tls: unknown certificate":            "the peer refuses this side's certificate (certificate_unknown) because of something that it demands of certificates, or cannot check; its log says why",
	"tls: unsupported certificate":        "the peer refuses this side's certificate (unsupported_certificate): it was issued for another purpose (a server's in place of a client's, or the other way round), or has a key of a kind that the peer does not take",
	"tls: certificate required":           "the peer wants a certificate and this side showed none (certificate_required): give `cert` and `key`",
	"tls: access denied":                  "the peer knows this side's certificate and does not let it in (access_denied); its log says why",
	"tls: error decoding message":         "the peer cannot read what this side sent (decode_error), often its certificate; its log says why",
	"tls: handshake failure":              "the peer finds nothing of TLS in common with this side (handshake_failure): its certificate is of a kind that is not taken here (" + kindsTaken + "), or it wants other versions or cipher suites; this side offers %s",
	"tls: insufficient security level":    "what this side offers is too weak for the peer (insufficient_security): %s",
	"tls: protocol version not supported": "the peer speaks none of the versions of TLS of this side (protocol_version), which offers %s",
	"tls: error decrypting message":       "the peer cannot verify what this side signed (decrypt_error): `cert` and `key` do not belong together, or the way damages packets",
}

// inWords explains what ended TLS under the settings of config.
func inWords(err error, config *tls.Config) error {
	if remote, ok := errors.AsType[*net.OpError](err); ok && remote.Op == "remote error" {
		if words, ok := alerts[remote.Err.Error()]; ok {
			if strings.Contains(words, "%s") {
				words = fmt.Sprintf(words, offer(config))
			}
			return &tlsError{err, words}
		}
		return err
	}
	text := err.Error()
	switch {
	case strings.Contains(text, "failed to parse"), strings.Contains(text, "unsupported type of public key"),
		strings.Contains(text, "unsupported public key"), strings.Contains(text, "RSA key larger than"):
		return &tlsError{err, "the peer's certificate, or one that it shows with it, is refused: " + pki.Reason(err)}
	case strings.Contains(text, "no cipher suite supported by both"), strings.Contains(text, "unsupported version"),
		strings.Contains(text, "protocol version not supported"), strings.Contains(text, "no ECDHE curve supported by both"):
		return &tlsError{err, text + "; this side takes " + offer(config) + olderPeers(text)}
	case strings.Contains(text, "didn't provide a certificate"):
		return &tlsError{err, "the client showed no certificate: it has no `cert` and `key`, or its certificate, or the signature on it, is of a kind that is not taken here (" + kindsTaken + "): issue it again with such a key and signature"}
	}
	return err
}

// alertsTime reports whether the peer ended TLS because a certificate is not valid at
// this time, by its clock.
func alertsTime(err error) bool {
	remote, ok := errors.AsType[*net.OpError](err)
	return ok && remote.Op == "remote error" && remote.Err.Error() == "tls: expired certificate"
}

// offer is what of TLS the settings allow, in words.
func offer(config *tls.Config) string {
	old := config.MinVersion < tls.VersionTLS13
	modern := config.MaxVersion == 0 || config.MaxVersion >= tls.VersionTLS13
	if !old {
		return "only TLS 1.3 (tls-version-min, tls-cipher)"
	}
	text := "TLS 1.2"
	if modern {
		text = "TLS 1.3, and TLS 1.2"
	}
	if config.CipherSuites == nil {
		text += " with key exchange by ECDHE and AES-GCM, ChaCha20-Poly1305 or AES-CBC with SHA-1"
	} else {
		text += " with the cipher suites " + suiteNames(config.CipherSuites)
	}
	return text + "; TLS before 1.2 is not supported"
}

// olderPeers says what lets in a client that has no cipher suite in common with
// this side.
func olderPeers(text string) string {
	if !strings.Contains(text, "no cipher suite") {
		return ""
	}
	return ". An old peer that can only exchange keys by RSA gets in with tls-cipher TLS-RSA-WITH-AES-256-GCM-SHA384 on this side (no forward secrecy)"
}

func suiteNames(ids []uint16) string {
	var names []string
	for _, id := range ids {
		names = append(names, strings.ReplaceAll(tls.CipherSuiteName(id), "_", "-"))
	}
	return strings.Join(names, ":")
}
