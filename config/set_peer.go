package config

import (
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
)

// maxFingerprints bounds the certificates known one by one.
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
			return d.fault("", "the block names no certificate", "write one SHA-256 fingerprint in each line")
		}
	}
	if len(b.PeerFingerprints)+len(words) > maxFingerprints {
		return d.fault("", fmt.Sprintf("more than %d fingerprints", maxFingerprints), "use an authority: ca FILE")
	}
	for _, word := range words {
		hash, err := parseFingerprint(d, word)
		if err != nil {
			return err
		}
		b.PeerFingerprints = append(b.PeerFingerprints, hash)
	}
	return nil
}

// parseFingerprint reads the SHA-256 of a certificate as OpenSSL writes it, and
// returns it in lower case without colons.
func parseFingerprint(d *call, word string) (string, error) {
	raw, err := hex.DecodeString(strings.ReplaceAll(word, ":", ""))
	if err != nil || len(raw) != 32 {
		return "", d.fault(word, "expected a SHA-256 fingerprint: 32 hexadecimal bytes with colons between",
			"print it by: openssl x509 -fingerprint -sha256 -noout -in CERTIFICATE")
	}
	return hex.EncodeToString(raw), nil
}

func setPullFilter(b *builder, d *call) error {
	f := PullFilter{Text: d.args[1]}
	if err := oneOf(d, &f.Action, d.args[0], "accept", "ignore", "reject"); err != nil {
		return err
	}
	b.PullFilters = append(b.PullFilters, f)
	return nil
}

// checkPeer is checkWhole's part for two hosts without server mode.
func (b *builder) checkPeer() {
	if b.Secret != nil {
		b.checkStatic()
	} else {
		b.checkPeerTLS()
	}
	if b.peerTCP() {
		b.problem("proto", "two hosts without server mode are joined by UDP only yet", "write proto udp, on both sides")
	}
	if b.SOCKSProxy != nil || b.HTTPProxy != nil {
		name := "socks-proxy"
		if b.HTTPProxy != nil {
			name = "http-proxy"
		}
		b.problem(name, "two hosts without server mode are joined directly only", "remove the line, or make one of them a server")
	}
	if b.NoBind && len(b.Remotes) == 0 {
		b.problem("nobind", "nobody could find this host: it has neither a port of its own nor a remote", "remove nobind, or add the line: remote HOST PORT")
	}
	if b.Ifconfig == nil && b.IfconfigIPv6 == nil && !b.IfconfigNoexec {
		mend := "ifconfig OURS THEIRS"
		if b.DevType == DevTap {
			mend = "ifconfig OURS NETMASK, or leave the address to DHCP"
		}
		b.note(b.start(), "there is no ifconfig, so the adapter gets no address; add the line: "+mend)
	}
}

func (b *builder) peerTCP() bool {
	for _, r := range b.Remotes {
		if r.Proto.TCP {
			return true
		}
	}
	return len(b.Remotes) == 0 && b.Proto.TCP
}

func (b *builder) checkPeerTLS() {
	if b.CA == nil && b.CAPath == "" && b.PKCS12 == nil && len(b.PeerFingerprints) == 0 {
		b.problem(b.tlsName(), "nothing says whom to trust", "add the line: peer-fingerprint HASH, or: ca FILE")
	}
	if b.PKCS12 == nil && (b.Cert == nil || b.Key == nil) {
		b.problem(b.tlsName(), "both hosts need a certificate and its key", "add the blocks <cert> and <key>")
	}
	if b.TLSCryptV2 != nil {
		b.problem("tls-crypt-v2", "two hosts share one key", "write tls-crypt FILE, the same on both sides")
	}
	if len(b.PeerFingerprints) == 0 && b.RemoteCertTLS == AnyUsage && b.VerifyX509Name == nil {
		b.note(b.start(), "any certificate of the authority is taken for the other host's; add the line: verify-x509-name NAME name, or: peer-fingerprint HASH")
	}
}

// checkStatic allows `secret` where it was asked for in so many words.
func (b *builder) checkStatic() {
	if !b.AllowStaticCrypto {
		b.problem("secret", "a shared static key has no forward secrecy: who gets it once can read all traffic, past and future",
			"make a link with modern keys by `culvert pair`, or add the line: allow-deprecated-insecure-static-crypto")
		return
	}
	if !strings.HasSuffix(b.Cipher, "-CBC") || !slices.Contains(supportedCiphers, b.Cipher) {
		b.problem("secret", "a static key needs a cipher in CBC mode, the same on both hosts", "add the line: cipher AES-256-CBC")
	}
	b.note(b.at("secret"), "secret: who gets this key once can read all traffic, past and future; `culvert pair` makes a link with modern keys")
}

// setEcho keeps a message for the log.
func setEcho(b *builder, d *call) error {
	b.remark(d, strings.Join(d.args, " "))
	return nil
}
