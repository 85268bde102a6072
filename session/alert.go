package session

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/hex"
	"errors"

	"golang.org/x/crypto/chacha20poly1305"
	"golang.org/x/crypto/cryptobyte"

	"culvert/session/seal"
)

// alerter is an error of TLS settings that knows which alert tells the peer
// (RFC 8446, section 6.2).
type alerter interface {
	error
	Alert() uint8
}

// alertBadCertificate is the one that crypto/tls sends, whatever was wrong.
const alertBadCertificate = 42

// alertWriter replaces the alert of crypto/tls by the one that fits, in the
// record that ends a handshake when a certificate is refused. In TLS 1.2 that
// record is still plain. In TLS 1.3 it is the first that this side seals with
// its newest secret, which the library logs: a client's handshake secret, a
// server's application secret (RFC 8446, section 2). The zero value leaves
// records alone.
type alertWriter struct {
	label   []byte // of the secret in the key log
	secret  []byte
	version uint16
	suite   uint16
	alert   uint8 // what to send; 0: the certificate was not refused
}

// watch returns a copy of config by which w follows the handshake.
func (w *alertWriter) watch(config *tls.Config, server bool) *tls.Config {
	verify := config.VerifyConnection
	if verify == nil {
		return config
	}
	w.label = []byte("CLIENT_HANDSHAKE_TRAFFIC_SECRET ")
	if server {
		w.label = []byte("SERVER_TRAFFIC_SECRET_0 ")
	}
	config = config.Clone()
	config.KeyLogWriter = w
	config.VerifyConnection = func(state tls.ConnectionState) error {
		err := verify(state)
		if fits, ok := errors.AsType[alerter](err); ok {
			w.alert, w.version, w.suite = fits.Alert(), state.Version, state.CipherSuite
		}
		return err
	}
	return config
}

// Write takes a line of the key log (draft-ietf-tls-keylogfile): a label, the
// client's random and the secret. The one secret that is kept is forgotten as
// soon as the handshake has ended.
func (w *alertWriter) Write(line []byte) (int, error) {
	if bytes.HasPrefix(line, w.label) {
		fields := bytes.Fields(line)
		w.secret, _ = hex.DecodeString(string(fields[len(fields)-1]))
	}
	return len(line), nil
}

// forget drops the secret: the handshake has ended.
func (w *alertWriter) forget() {
	clear(w.secret)
	w.secret = nil
}

// header is how long the header of a record is.
const header = 5

// fit replaces the alert in records that the library wrote, in place. It leaves
// what it cannot replace.
func (w *alertWriter) fit(records []byte) {
	if w.alert == 0 || w.alert == alertBadCertificate {
		return
	}
	s := cryptobyte.String(records)
	var kind uint8
	var body cryptobyte.String
	for !s.Empty() {
		if !s.ReadUint8(&kind) || !s.Skip(2) || !s.ReadUint16LengthPrefixed(&body) {
			return
		}
	}
	const typeAlert, typeApplicationData = 21, 23
	switch {
	case w.version == tls.VersionTLS13 && kind == typeApplicationData:
		w.reseal(records[len(records)-len(body)-header:])
	case w.version == tls.VersionTLS12 && kind == typeAlert && len(body) == 2:
		records[len(records)-1] = w.alert
	}
}

// reseal replaces a sealed TLS 1.3 record by one with the alert that fits.
func (w *alertWriter) reseal(record []byte) {
	const fatal, typeAlert = 2, 21
	aead, nonce := w.keys()
	text := []byte{fatal, w.alert, typeAlert}
	if aead == nil || len(record) != header+len(text)+aead.Overhead() {
		return
	}
	aead.Seal(record[header:header], nonce, text, record[:header])
}

// keys returns cipher and nonce of the first record under the secret (RFC 8446,
// sections 5.3 and 7.3).
func (w *alertWriter) keys() (cipher.AEAD, []byte) {
	h, size := sha256.New, 32
	switch w.suite {
	case tls.TLS_AES_128_GCM_SHA256:
		size = 16
	case tls.TLS_AES_256_GCM_SHA384:
		h = sha512.New384
	}
	key, err := seal.ExpandLabel(h, w.secret, "tls13 key", size)
	if err != nil || len(w.secret) == 0 {
		return nil, nil
	}
	nonce, err := seal.ExpandLabel(h, w.secret, "tls13 iv", 12)
	if err != nil {
		return nil, nil
	}
	if w.suite == tls.TLS_CHACHA20_POLY1305_SHA256 {
		aead, err := chacha20poly1305.New(key)
		if err != nil {
			return nil, nil
		}
		return aead, nonce
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, nil
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, nil
	}
	return aead, nonce
}
