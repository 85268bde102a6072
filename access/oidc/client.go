package oidc

import (
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// What one question to the provider may take.
const (
	askTime  = 10 * time.Second
	maxReply = 1 << 20
	maxAsked = 32 // at a time
)

// newClient returns what asks the provider.
func newClient(o Options) *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.TLSClientConfig = &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: o.Roots}
	if o.Dial != nil {
		t.DialContext = o.Dial
	}
	t.MaxResponseHeaderBytes = 64 << 10
	t.ResponseHeaderTimeout = askTime
	return &http.Client{Timeout: askTime, CheckRedirect: checkRedirect, Transport: bounded{t, make(chan struct{}, maxAsked)}}
}

// checkRedirect follows a few redirects, none of them to where others can read along.
func checkRedirect(r *http.Request, via []*http.Request) error {
	if len(via) > 3 {
		return errors.New("too many redirects")
	}
	if err := checkURL(r.URL.String()); err != nil {
		return fmt.Errorf("redirected to %s: %w", r.URL.Host, err)
	}
	return nil
}

// bounded asks a few questions at a time, and reads no more of an answer than maxReply.
type bounded struct {
	http.RoundTripper
	slots chan struct{}
}

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	select {
	case b.slots <- struct{}{}:
	case <-r.Context().Done():
		return nil, r.Context().Err()
	}
	defer func() { <-b.slots }()
	w, err := b.RoundTripper.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	w.Body = &short{w.Body, maxReply}
	return w, nil
}

var errLong = errors.New("the answer is longer than 1 MiB")

// short fails where more than left bytes come.
type short struct {
	io.ReadCloser
	left int
}

func (s *short) Read(p []byte) (int, error) {
	n, err := s.ReadCloser.Read(p)
	if s.left -= n; s.left < 0 {
		return 0, errLong
	}
	return n, err
}
