package seal

import (
	"crypto/hmac"
	"crypto/md5"
	"crypto/sha1"
	"fmt"
	"hash"
	"io"

	"culvert/session/wire"
)

// KeyMaterial is the secret of one generation (draft, struct datakeys), from
// the TLS exporter or DeriveLegacy:
//
//	key_c2s 64 | auth_c2s 64 | key_s2c 64 | auth_s2c 64
//
// where client and server are those of TLS. Whatever prints it prints
// "redacted".
type KeyMaterial [256]byte

const redacted = "redacted"

func (KeyMaterial) String() string { return redacted }

// Format keeps the secret out of every fmt verb.
func (KeyMaterial) Format(f fmt.State, _ rune) { io.WriteString(f, redacted) }

// MarshalText keeps the secret out of JSON and structured logs.
func (KeyMaterial) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// directionKeys are the keys of one direction, each longer than any cipher
// needs: its first bytes are used.
type directionKeys struct{ cipher, auth []byte }

// split returns the keys this end sends and receives with.
func (m *KeyMaterial) split(server bool) (send, recv directionKeys) {
	c2s := directionKeys{cipher: m[:64], auth: m[64:128]}
	s2c := directionKeys{cipher: m[128:192], auth: m[192:]}
	if server {
		return s2c, c2s
	}
	return c2s, s2c
}

// DeriveLegacy derives the key material for peers without the TLS exporter
// (draft, "OpenVPN data channel PRF"). clientID and serverID are the session
// ids of the control channel; the server's PreMaster is not used.
func DeriveLegacy(client, server *wire.KeySource, clientID, serverID wire.SessionID) KeyMaterial {
	var master [48]byte
	prf(master[:], client.PreMaster[:], "OpenVPN master secret", client.Random1[:], server.Random1[:])
	var keys KeyMaterial
	prf(keys[:], master[:], "OpenVPN key expansion",
		client.Random2[:], server.Random2[:], clientID[:], serverID[:])
	return keys
}

// prf fills out with the pseudo-random function of TLS 1.0 (RFC 2246,
// section 5). The halves of an odd secret share its middle byte.
func prf(out, secret []byte, label string, seeds ...[]byte) {
	seed := []byte(label)
	for _, s := range seeds {
		seed = append(seed, s...)
	}
	half := (len(secret) + 1) / 2
	clear(out)
	xorExpand(out, md5.New, secret[:half], seed)
	xorExpand(out, sha1.New, secret[len(secret)-half:], seed)
}

// xorExpand xors P_hash(secret, seed) into out.
func xorExpand(out []byte, h func() hash.Hash, secret, seed []byte) {
	mac := hmac.New(h, secret)
	sum := func(parts ...[]byte) []byte {
		mac.Reset()
		for _, p := range parts {
			mac.Write(p)
		}
		return mac.Sum(nil)
	}
	for a := sum(seed); len(out) > 0; a = sum(a) {
		block := sum(a, seed)
		n := min(len(block), len(out))
		for i := range n {
			out[i] ^= block[i]
		}
		out = out[n:]
	}
}
