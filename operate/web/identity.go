package web

import (
	"bytes"
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"culvert/host/process"
)

// lookAgain is how often the files of a certificate are looked at.
const lookAgain = 10 * time.Second

// identity is a certificate with its key, read again when their files change: programs of
// ACME renew them every few weeks.
type identity struct {
	cert, key string
	log       *slog.Logger
	shown     atomic.Pointer[tls.Certificate]
	// certText and keyText are of what is shown.
	certText, keyText []byte
	said              string // why the files were not taken last; "": they were
}

func readIdentity(cert, key string, log *slog.Logger) (*identity, error) {
	i := &identity{cert: cert, key: key, log: log}
	next, certText, keyText, err := i.read()
	if err != nil {
		return nil, err
	}
	i.certText, i.keyText = certText, keyText
	i.shown.Store(next)
	return i, nil
}

// show is tls.Config's GetCertificate.
func (i *identity) show(*tls.ClientHelloInfo) (*tls.Certificate, error) { return i.shown.Load(), nil }

// read reads both files.
func (i *identity) read() (c *tls.Certificate, certText, keyText []byte, err error) {
	if certText, err = process.ReadFile(i.cert); err != nil {
		return nil, nil, nil, fmt.Errorf("the certificate of web pages: %w", err)
	}
	if keyText, err = process.ReadFile(i.key); err != nil {
		return nil, nil, nil, fmt.Errorf("the key of web pages: %w", err)
	}
	c, err = Pair(i.cert, certText, i.key, keyText)
	return c, certText, keyText, err
}

// Pair parses a certificate with its key, both PEM, from files of these names.
func Pair(cert string, certText []byte, key string, keyText []byte) (*tls.Certificate, error) {
	pair, err := tls.X509KeyPair(certText, keyText)
	if err != nil {
		return nil, fmt.Errorf("the certificate of web pages in %s, with the key in %s: %w; expected PEM files, of a certificate with those of its authorities, and of its key without a passphrase", cert, key, err)
	}
	return &pair, nil
}

// follow looks at the files until ctx ends.
func (i *identity) follow(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			i.look()
		}
	}
}

// look takes what the files have now. What cannot be used changes nothing: it may be that
// only one of the two is there yet, so that is said the second time it is seen.
func (i *identity) look() {
	next, certText, keyText, err := i.read()
	switch {
	case err != nil && i.said == err.Error():
		i.log.Warn("the certificate of before stays in use for web pages; if the files cannot be read since this process gave up its rights, or is in a chroot, restart it when they are renewed", "error", err)
		i.said = "\x00" + i.said
	case err != nil:
		if i.said != "\x00"+err.Error() {
			i.said = err.Error()
		}
	case bytes.Equal(certText, i.certText) && bytes.Equal(keyText, i.keyText):
		i.said = ""
	default:
		i.certText, i.keyText, i.said = certText, keyText, ""
		i.shown.Store(next)
		i.log.Info("the certificate of web pages was read again", "file", i.cert, "valid until", next.Leaf.NotAfter.UTC().Format(time.DateOnly))
	}
}
