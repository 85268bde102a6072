package profile

import (
	"context"
	"crypto/sha1" // names certificates in variables, as programs expect
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"

	"culvert/access/auth"
	"culvert/access/pki"
	"culvert/config"
	"culvert/session"
	"culvert/session/wrap"
)

// Variable is a variable in a program's environment.
type Variable struct{ Name, Value string }

// CertificateVariables returns the variables that describe to a program a certificate
// at a depth of a chain, 0 for the peer's own (manual, "Environmental Variables").
func CertificateVariables(depth int, cert *x509.Certificate) []Variable {
	one, two := sha1.Sum(cert.Raw), sha256.Sum256(cert.Raw)
	at := func(name string) string { return fmt.Sprintf("%s_%d", name, depth) }
	all := []Variable{
		{at("tls_id"), pki.Subject(cert)},
		{at("tls_serial"), cert.SerialNumber.String()},
		{at("tls_serial_hex"), pki.SerialHex(cert)},
		{at("tls_digest"), withColons(one[:])},
		{at("tls_digest_sha256"), withColons(two[:])},
	}
	for _, a := range pki.Attributes(cert) {
		if !strings.ContainsAny(a.Name, "=. ") {
			all = append(all, Variable{fmt.Sprintf("X509_%d_%s", depth, a.Name), a.Value})
		}
	}
	return all
}

func withColons(hash []byte) string {
	parts := make([]string, len(hash))
	for i, b := range hash {
		parts[i] = hex.EncodeToString([]byte{b})
	}
	return strings.Join(parts, ":")
}

// ShowTLS turns TLS settings into those for a peer at an address. Programs that they
// run are ended with ctx.
type ShowTLS func(ctx context.Context, t *tls.Config, peer netip.AddrPort) *tls.Config

// ProgramsAtOnce is how many programs may run for peers at the same time.
const ProgramsAtOnce = 128

// TLSVerify is `tls-verify`. With the TLS settings that it makes, the certificates of
// a peer are also shown to the program, from the authority's down to the peer's own,
// when one of the slots is free. Without the directive it returns nil.
func TLSVerify(c *config.Config, env []string, slots *auth.Slots) (ShowTLS, error) {
	if c.Trust.TLSVerify == nil {
		return nil, nil
	}
	program, err := auth.NewProgram("tls-verify", c.Trust.TLSVerify, env)
	if err != nil {
		return nil, err
	}
	program.Within(slots)
	trust := Trust{warn: func(string) {}} // an earlier check has warned already
	if err := trust.readAuthorities(c.Trust); err != nil {
		return nil, err
	}
	return func(ctx context.Context, t *tls.Config, peer netip.AddrPort) *tls.Config {
		verify := t.VerifyConnection
		t = t.Clone()
		t.VerifyConnection = func(state tls.ConnectionState) error {
			if err := verify(state); err != nil || len(state.PeerCertificates) == 0 {
				return err
			}
			if err := showChain(ctx, c, program, trust.authorities, state.PeerCertificates, peer); err != nil {
				return &CertificateError{Text: err.Error(), Err: err}
			}
			return nil
		}
		return t
	}, nil
}

func showChain(ctx context.Context, c *config.Config, program *auth.Program, authorities, shown []*x509.Certificate, peer netip.AddrPort) error {
	chain := wayTo(authorities, shown)
	if chain == nil {
		chain = shown[:1] // known by its fingerprint
	}
	var env auth.Variables
	AddressVariables(&env, "untrusted", peer)
	env.Set("common_name", pki.Username(chain[0], c.Trust.X509UsernameField))
	for depth, cert := range chain {
		for _, v := range CertificateVariables(depth, cert) {
			env.Set(v.Name, v.Value)
		}
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timers.HandWindow)
	defer cancel()
	for depth := len(chain) - 1; depth >= 0; depth-- {
		status, err := program.Run(ctx, session.Source(peer.Addr()), env, fmt.Sprint(depth), pki.Subject(chain[depth]))
		if err != nil {
			return err
		}
		if status != 0 {
			return fmt.Errorf("tls-verify: %s ended with %d for the certificate of %q at depth %d", c.Trust.TLSVerify[0], status, pki.Subject(chain[depth]), depth)
		}
	}
	return nil
}

// AddressVariables adds a peer's outer address and port; kind is "trusted" or
// "untrusted".
func AddressVariables(env *auth.Variables, kind string, a netip.AddrPort) {
	name := kind + "_ip"
	if a.Addr().Is6() {
		name += "6"
	}
	env.Set(name, a.Addr().String())
	env.Set(kind+"_port", fmt.Sprint(a.Port()))
}

// ProgramVariables returns the variables that every program of the configuration
// gets.
func ProgramVariables(c config.Process) []string {
	var env auth.Variables
	for name, value := range c.Env {
		env.Set(name, value)
	}
	return env
}

// CheckKeyAge is `tls-crypt-v2-max-age`: it fails if a client's key is older than most,
// by the key's metadata.
func CheckKeyAge(metadata []byte, most time.Duration, now time.Time) error {
	made, ok := wrap.KeyTime(metadata)
	if !ok {
		return errors.New("tls-crypt-v2-max-age: the client's key does not say when it was made; make a new one")
	}
	if age := now.Sub(made); age > most {
		return fmt.Errorf("tls-crypt-v2-max-age: the client's key is %d days old, at most %d are allowed; make a new one",
			int(age.Hours()/24), int(most.Hours()/24))
	}
	return nil
}
