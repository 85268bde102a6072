package config

import (
	"encoding/hex"
	"fmt"
	"strings"
)

// maxFingerprints limits the certificates that are listed one by one.
const maxFingerprints = 10_000

// setPeerFingerprint takes hashes from the line or from a block, where # and ;
// begin comments. Several lines add up.
func setPeerFingerprint(b *builder, d *call) error {
	words := d.args
	if d.inline {
		words = nil
		for line := range strings.Lines(string(d.body)) {
			if at := strings.IndexAny(line, "#;"); at >= 0 {
				line = line[:at]
			}
			words = append(words, strings.Fields(line)...)
		}
		if len(words) == 0 {
			return d.fault("", "the block names no certificate, so nobody would be accepted", "write one SHA-256 fingerprint in each line; or remove the block, to go by the authority (ca)")
		}
	}
	if len(b.Trust.PeerFingerprints)+len(words) > maxFingerprints {
		return d.fault("", fmt.Sprintf("more than %d fingerprints", maxFingerprints), "use an authority: ca FILE")
	}
	for _, word := range words {
		hash, err := parseFingerprint(d, word)
		if err != nil {
			return err
		}
		b.Trust.PeerFingerprints = append(b.Trust.PeerFingerprints, hash)
	}
	return nil
}

// parseFingerprint reads the SHA-256 of a certificate as OpenSSL writes it, and
// returns it in lower case without colons.
func parseFingerprint(d *call, word string) (string, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(word, ":", ""))
	if err != nil || len(raw) != 32 {
		return "", d.fault(word, "expected a SHA-256 fingerprint: 32 hexadecimal bytes with colons between",
			"print it with: openssl x509 -fingerprint -sha256 -noout -in CERTIFICATE")
	}
	return hex.EncodeToString(raw), nil
}

func setPullFilter(b *builder, d *call) error {
	f := PullFilter{Text: d.args[1]}
	if err := oneOf(d, &f.Action, d.args[0], "accept", "ignore", "reject"); err != nil {
		return err
	}
	b.Routing.PullFilters = append(b.Routing.PullFilters, f)
	return nil
}

// setEcho keeps a message for the log.
func setEcho(b *builder, d *call) error {
	d.remark(strings.Join(d.args, " "))
	return nil
}
