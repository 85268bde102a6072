package server_test

import (
	"crypto/x509"
	"encoding/pem"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/internal/simnet"
	"culvert/role/server"
)

// list is a revocation list in a file that a server reads.
type list struct {
	t    *testing.T
	path string
	now  *x509.RevocationList
}

func newList(t *testing.T) *list {
	l := &list{t: t, path: filepath.Join(t.TempDir(), "crl.pem")}
	l.revoke()
	return l
}

// revoke puts clients of these names on the list, as culvert client revoke does.
func (l *list) revoke(names ...string) {
	l.t.Helper()
	var certs []*x509.Certificate
	for _, name := range names {
		text := ours().profile(l.t, name, "")
		_, text, _ = strings.Cut(text, "<cert>\n")
		certs = append(certs, must(pki.ParseCertificates([]byte(text[:strings.Index(text, "</cert>")])))(l.t)...)
	}
	l.put(certs...)
}

// put has certificates on the list, too.
func (l *list) put(certs ...*x509.Certificate) {
	l.t.Helper()
	text := must(ours().authority.Revoke(time.Now(), l.now, certs...))(l.t)
	block, _ := pem.Decode(text)
	l.now = must(x509.ParseRevocationList(block.Bytes))(l.t)
	must(0, os.WriteFile(l.path+".new", text, 0o600))(l.t)
	must(0, os.Rename(l.path+".new", l.path))(l.t)
}

// TestRevokedClientIsCut: within a second, data and all, while others stay; it
// is told so that it does not come back, and when it does, it stays out.
func TestRevokedClientIsCut(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		lists := newList(t)
		s := w.serve("crl-verify " + lists.path)
		a, b := w.connect("anna", ""), w.connect("ben", "")
		exchange(t, s, a)
		lists.revoke("anna")
		time.Sleep(time.Second)
		if clients := s.Server.Clients(); len(clients) != 1 || clients[0].Name != "ben" {
			t.Errorf("in after a second: %+v", clients)
		}
		exchange(t, s, b)
		select {
		case <-a.ended:
		case <-time.After(time.Second):
			t.Fatal("the client was not told, and goes on")
		}
		if a.err == nil || !strings.Contains(a.err.Error(), "the certificate was revoked") {
			t.Errorf("the client ended with %v", a.err)
		}
		again := w.dial("anna", "")
		time.Sleep(20 * time.Second)
		if clients := s.Server.Clients(); len(clients) != 1 || logged(&again.process, "Completed") {
			t.Errorf("let in again: %+v", clients)
		}
	})
}

// TestRevokedClientThatHearsNothing is cut all the same: no packet of it passes,
// and none goes to it.
func TestRevokedClientThatHearsNothing(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		lists := newList(t)
		s := w.serve("crl-verify " + lists.path)
		c := w.connect("anna", "")
		exchange(t, s, c)
		before := s.Server.Clients()
		c.link.Close()
		lists.revoke("anna")
		time.Sleep(500 * time.Millisecond)
		if in := s.Server.Everybody(); len(in) != 0 {
			t.Errorf("a client that is shut out is said to be in: %+v", in)
		}
		sent := before[0].BytesOut
		s.nic.Inject(ipv4(outside, c.inner(), "late"))
		lists.revoke("ben")
		time.Sleep(time.Second)
		if got := happened[server.ShutOut](s); len(got) != 1 || got[0].Name != "anna" || got[0].Err == nil {
			t.Errorf("%+v", got)
		}
		w.until(10*time.Second, "forgotten", func() bool { return len(happened[server.Ended](s)) == 1 })
		if got := happened[server.Ended](s)[0].Traffic.BytesOut; got != sent {
			t.Errorf("%d bytes of data went to a client that is shut out", got-sent)
		}
	})
}

// TestRevokedServerIsLeft: a client with a list of its own leaves a server that is
// on it, within a second, and does not come back.
func TestRevokedServerIsLeft(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		lists := newList(t)
		s := w.serve("")
		c := w.connect("anna", "crl-verify "+lists.path)
		exchange(t, s, c)
		lists.put(must(pki.ParseCertificates(ours().server.CertPEM))(t)...)
		time.Sleep(time.Second)
		if c.Server() != nil && c.Server().Session.Established() || !logged(&c.process, "connection lost: the certificate of") {
			t.Errorf("still there after a second:\n%s", c.log.String())
		}
		time.Sleep(time.Minute)
		if !logged(&c.process, "certificate refused: the certificate of") || len(s.Server.Clients()) > 0 || c.ups > 1 {
			t.Errorf("came back:\n%s", c.log.String())
		}
	})
}
