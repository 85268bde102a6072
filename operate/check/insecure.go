package check

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"culvert/config"
	"culvert/internal/printable"
)

// insecure returns what weakens the tunnel, beyond what config itself refuses.
func (s critic) insecure() (all []Finding) {
	for _, look := range []func() []Finding{s.unknownServer, s.weakCiphers, s.weakTLS, s.manyOfOneName, s.openManagement, s.passwordsToPrograms, s.keyDirection, s.armour} {
		all = append(all, look()...)
	}
	return all
}

func (s critic) warnAt(l *config.Line, kind Kind, text, instead string) []Finding {
	return []Finding{s.at(l, Warn, kind, text, instead)}
}

// takesAnyServer reports whether a client takes any certificate of its authority.
func (s critic) takesAnyServer() bool {
	t := s.config.Trust
	checks := t.RemoteCertTLS != config.AnyUsage || t.NsCertType != config.AnyUsage || t.RemoteCertKU != nil || t.RemoteCertEKU != "" ||
		t.VerifyX509Name != nil || len(t.PeerFingerprints) > 0 || len(t.TLSVerify) > 0
	return s.role() == "client" && !checks && (t.CA != nil || t.CAPath != "" || t.PKCS12 != nil)
}

// unknownServer warns of a client that takes any certificate of its authority, where
// config does not, since it has faults.
func (s critic) unknownServer() []Finding {
	said := slices.ContainsFunc(s.notes, func(n config.Note) bool { return strings.Contains(n.Text, "any certificate of the authority") })
	if said || !s.takesAnyServer() {
		return nil
	}
	return s.warnAt(s.anyOf("ca", "capath", "pkcs12"), Insecure, "the server is not checked beyond its authority: whoever has a certificate of that authority, another client too, could pose as the server",
		"add the line: remote-cert-tls server; or better, verify-x509-name NAME name")
}

// smallBlocks are ciphers with blocks of 64 bits, and DES.
var smallBlocks = []string{"BF", "CAST5", "DES", "DESX", "IDEA", "RC2", "RC5"}

// weakCiphers warns of ciphers and digests, wherever they are named.
func (s critic) weakCiphers() (all []Finding) {
	for i := range s.lines {
		l := &s.lines[i]
		if len(l.Args) == 0 {
			continue
		}
		switch l.Name {
		case "cipher", "data-ciphers", "ncp-ciphers", "data-ciphers-fallback":
			for _, name := range strings.Split(strings.ToUpper(l.Args[0]), ":") {
				all = append(all, s.weakCipher(l, strings.TrimPrefix(name, "?"))...)
			}
		case "auth":
			switch strings.ToUpper(l.Args[0]) {
			case "NONE":
				if s.config != nil && !s.config.Data.AllowInsecureNone {
					continue // such ciphers are not used
				}
				all = append(all, s.at(l, Warn, Insecure, "auth none leaves packets of ciphers in CBC mode open to changes on the way", "write auth SHA256, on both sides"))
			case "MD5", "RSA-MD5", "MD4", "RSA-MD4":
				all = append(all, s.at(l, Warn, Insecure, l.Args[0]+" is broken as a digest", "write auth SHA256, on both sides"))
			}
		}
	}
	return all
}

func (s critic) weakCipher(l *config.Line, name string) []Finding {
	family, _, _ := strings.Cut(name, "-")
	switch {
	case name == "NONE" && l.Name == "cipher" && s.config != nil && !s.config.Data.AllowInsecureNone:
		return nil // it is ignored
	case name == "NONE":
		return s.warnAt(l, Insecure, l.Name+" none lets the tunnel go unencrypted: anybody on the way can read it", "remove none, on both sides")
	case slices.Contains(smallBlocks, family):
		return s.warnAt(l, Insecure, name+" has blocks of 64 bits: who sees much of the traffic can read parts of it (SWEET32)", "write data-ciphers AES-256-GCM:AES-128-GCM:CHACHA20-POLY1305, on both sides")
	}
	return nil
}

// weakTLS warns of settings that let old TLS or old certificates in.
func (s critic) weakTLS() (all []Finding) {
	for i := range s.lines {
		l := &s.lines[i]
		if len(l.Args) == 0 {
			continue
		}
		switch value := l.Args[0]; {
		case (l.Name == "tls-version-min" || l.Name == "tls-version-max") && (value == "1.0" || value == "1.1"):
			all = append(all, s.at(l, Warn, Insecure, "TLS "+value+" is broken; Culvert speaks 1.2 and 1.3 alone, and OpenVPN would speak it", "write tls-version-min 1.2"))
		case len(s.faults) == 0: // who makes the TLS settings says the rest
		case l.Name == "tls-cipher" && strings.Contains(value, "SECLEVEL=0"):
			all = append(all, s.at(l, Warn, Insecure, "SECLEVEL=0 lets weak keys and signatures in", "remove the line, and have the certificates issued again with SHA-256"))
		case l.Name == "tls-cert-profile" && value == "insecure":
			all = append(all, s.at(l, Warn, Insecure, "certificates signed over SHA-1 are taken, which can be forged", "have them issued again with SHA-256, and remove the line"))
		}
	}
	return all
}

// manyOfOneName warns of a server where one certificate, or one name, is for many.
func (s critic) manyOfOneName() []Finding {
	if l := s.first("duplicate-cn"); l != nil && s.isServer() {
		return s.warnAt(l, Insecure, "several clients may share one certificate or name: none of them can be shut out or told apart alone", "give each client a certificate of its own, and remove the line")
	}
	return nil
}

// openManagement warns of a management interface that anybody who reaches it can use.
func (s critic) openManagement() (all []Finding) {
	for i := range s.lines {
		l := &s.lines[i]
		if l.Name != "management" || len(l.Args) < 2 || l.Args[1] == "unix" || len(l.Args) > 2 {
			continue
		}
		host, err := netip.ParseAddr(l.Args[0])
		switch {
		case l.Args[0] == "tunnel":
			all = append(all, s.at(l, Warn, Insecure, "whoever is in the tunnel can steer this process by the management interface, without a password", "name a password file: management tunnel "+l.Args[1]+" FILE"))
		case err == nil && host.IsLoopback() || l.Args[0] == "localhost":
			all = append(all, s.at(l, Warn, Insecure, "every user of this host can steer this process by the management interface, without a password", "write a socket that only its owner reaches: management /run/NAME.sock unix; or name a password file"))
		default:
			all = append(all, s.at(l, Warn, Insecure, "whoever reaches "+l.Args[0]+" can steer this process by the management interface, without a password", "write 127.0.0.1 or a socket: management /run/NAME.sock unix; and name a password file"))
		}
	}
	return all
}

// passwordsToPrograms warns of script-security 3.
func (s critic) passwordsToPrograms() []Finding {
	if s.config.Process.ScriptSecurity < 3 {
		return nil
	}
	return s.warnAt(s.first("script-security"), Insecure, "script-security 3 puts passwords into the environment of programs, where others may see them", "write script-security 2, and auth-user-pass-verify with via-file")
}

// keyDirection says where the direction of tls-auth's key is not what it is at nearly
// every such end, or is given twice.
func (s critic) keyDirection() (all []Finding) {
	t := s.config.Trust
	if t.TLSAuth == nil || t.KeyDirection == nil {
		return nil
	}
	l, own := s.first("tls-auth"), s.first("key-direction")
	if l == nil {
		return nil
	}
	inLine := len(l.Args) > 1 && l.Args[1] != ""
	if inLine && own != nil && len(own.Args) > 0 && own.Args[0] != "" && l.Args[1] != own.Args[0] {
		all = append(all, s.at(own, Warn, NoEffect, fmt.Sprintf("key-direction %s and the %s of tls-auth contradict each other; %d counts", printable.Name(own.Args[0]), printable.Name(l.Args[1]), *t.KeyDirection), "keep one of them"))
	}
	usual, end, other := 1, "client", "server"
	if s.isServer() {
		usual, end, other = 0, "server", "client"
	}
	if *t.KeyDirection != usual && s.role() != "peer" {
		if own == nil || inLine && *t.KeyDirection == int(l.Args[1][0]-'0') {
			own = l
		}
		all = append(all, s.at(own, Warn, Remark, fmt.Sprintf("the direction of a %s's key is %d nearly everywhere; with %d it only reaches a %s that has %d", end, usual, *t.KeyDirection, other, usual),
			fmt.Sprintf("write %d, unless the %s has that", usual, other)))
	}
	return all
}

// armour says what a key for the control channel would be good for.
func (s critic) armour() []Finding {
	t := s.config.Trust
	if t.TLSAuth != nil || t.TLSCrypt != nil || t.TLSCryptV2 != nil || t.Secret != nil || !s.isServer() {
		return nil
	}
	return []Finding{s.at(nil, Note, Insecure, "anybody may begin a handshake with this server: no tls-crypt, tls-crypt-v2 or tls-auth keeps strangers from its TLS", "add tls-crypt FILE, on both sides")}
}
