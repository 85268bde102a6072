package profile

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"time"

	"culvert/access/hooks"
	"culvert/access/pki"
	"culvert/config"
	"culvert/host/process"
	"culvert/session"
	"culvert/session/wrap"
)

// ShowTLS turns TLS settings into those for a peer at an address. Programs that they
// run are ended with ctx; env returns what they are told besides about the peer.
type ShowTLS func(ctx context.Context, t *tls.Config, peer netip.AddrPort, env func() *hooks.Env) *tls.Config

// ProgramsAtOnce returns how many programs may run for peers at the same time: one where
// few processes are allowed.
func ProgramsAtOnce() int {
	if process.IsThin() {
		return 1
	}
	return 128
}

// NewProgram makes a program of a configuration ready. It fails, with the place of the
// directive, if the program is not there.
func NewProgram(c *config.Config, directive string, command []string, o hooks.Options) (*hooks.Program, error) {
	p, err := hooks.NewProgram(directive, command, o)
	if err != nil {
		return nil, fmt.Errorf("%v: %w", c.At(directive), err)
	}
	return p, nil
}

// TLSVerify is `tls-verify`. With the TLS settings that it makes, the certificates of
// a peer are also shown to the program, from the authority's down to the peer's own.
// Without the directive it returns nil.
func TLSVerify(c *config.Config, o hooks.Options) (ShowTLS, error) {
	if c.Trust.TLSVerify == nil {
		return nil, nil
	}
	if err := hooks.CheckTrack(c.Trust.X509Track); err != nil {
		return nil, err
	}
	program, err := NewProgram(c, "tls-verify", c.Trust.TLSVerify, o)
	if err != nil {
		return nil, err
	}
	trust := Trust{warn: func(string) {}} // an earlier check has warned already
	if err := trust.readAuthorities(c.Trust); err != nil {
		return nil, err
	}
	return func(ctx context.Context, t *tls.Config, peer netip.AddrPort, env func() *hooks.Env) *tls.Config {
		verify := t.VerifyConnection
		t = t.Clone()
		t.VerifyConnection = func(state tls.ConnectionState) error {
			if err := verify(state); err != nil || len(state.PeerCertificates) == 0 {
				return err
			}
			if err := showChain(ctx, c, program, env(), trust.authorities, state.PeerCertificates, peer); err != nil {
				return &CertificateError{Text: err.Error(), Err: err}
			}
			return nil
		}
		return t
	}, nil
}

func showChain(ctx context.Context, c *config.Config, program *hooks.Program, env *hooks.Env, authorities, shown []*x509.Certificate, peer netip.AddrPort) error {
	chain := wayTo(authorities, shown)
	if chain == nil {
		chain = shown[:1] // known by its fingerprint
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timers.HandWindow)
	defer cancel()
	for depth := len(chain) - 1; depth >= 0; depth-- {
		told := env.Clone()
		status, err := exporting(c.Trust.ExportCert, chain[depth], told, func() (int, error) {
			told.SetCertificates(chain, depth, pki.Username(chain[0], c.Trust.X509UsernameField), c.Trust.X509Track)
			told.SetAddress("untrusted", peer)
			return program.Run(ctx, session.Source(peer.Addr()), told, fmt.Sprint(depth), pki.Subject(chain[depth]))
		})
		if err != nil {
			return err
		}
		if status != 0 {
			return fmt.Errorf("tls-verify: %s ended with %d for the certificate of %q at depth %d", c.Trust.TLSVerify[0], status, pki.Subject(chain[depth]), depth)
		}
	}
	return nil
}

// exporting calls run while a certificate is in a file of a directory, for a program that
// is told where, by peer_cert (man page, "tls-export-cert"). With no directory it only
// calls run.
func exporting(dir string, cert *x509.Certificate, told *hooks.Env, run func() (int, error)) (status int, err error) {
	if dir == "" {
		return run()
	}
	f, err := os.CreateTemp(dir, "openvpn_pef_*.tmp") // which only this user may read
	if err != nil {
		return 0, fmt.Errorf("tls-export-cert: %w; name a directory that this user may write to", err)
	}
	defer os.Remove(f.Name())
	err = pem.Encode(f, &pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	if err := errors.Join(err, f.Close()); err != nil {
		return 0, fmt.Errorf("tls-export-cert: %w", err)
	}
	told.Set("peer_cert", f.Name())
	return run()
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
