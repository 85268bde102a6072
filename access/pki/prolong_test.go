package pki

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"testing"
	"time"
)

// TestTermDue: when a certificate or a list is due.
func TestTermDue(t *testing.T) {
	now := epoch
	for _, c := range []struct {
		name         string
		begins, ends time.Duration // from now
		want         time.Duration // from now
		never        bool
	}{
		{"a new one of 825 days", 0, 825 * day, 550 * day, false},
		{"one of 90 days", -10 * day, 80 * day, 50 * day, false},
		{"one that was valid for years before", -2000 * day, 400 * day, 125 * day, false},
		{"one that ended", -90 * day, -day, -day - 89*day/3, false},
		{"one that begins in a year", 365 * day, 1000 * day, 0, false},
		{"one that ends with its authority", -10 * day, 3000 * day, 0, true},
		{"one that ends with its authority and begins in a year", 365 * day, 3000 * day, 0, false},
	} {
		got := Term{now.Add(c.begins), now.Add(c.ends), now.Add(3000 * day)}.Due(now)
		if c.never != got.IsZero() || !c.never && !got.Equal(now.Add(c.want)) {
			t.Errorf("%s: due in %v, want %v (never: %v)", c.name, got.Sub(now), c.want, c.never)
		}
	}
}

// TestProlongForever walks through an authority's life day by day, with the clock a year
// ahead or behind at times: the certificate is always valid on the true day, and is
// renewed rarely.
func TestProlongForever(t *testing.T) {
	a := newAuthority(t, "A")
	cert, renewed := issueServer(t, a, "server", "vpn.example.org"), 0
	key := cert.PublicKey
	const lastDays = 275 // of the authority, when nothing can be won
	for d := range int(AuthorityLifetime/day) - lastDays {
		truth := epoch.Add(time.Duration(d) * day)
		clock := truth
		switch {
		case d > 400 && d%500 < 20:
			clock = truth.AddDate(1, 0, 0)
		case d > 400 && d%700 > 680:
			clock = truth.AddDate(-1, 0, 0)
		}
		if err := checkTime(cert, truth); err != nil {
			t.Fatalf("day %d: %v", d, Explain(err, truth))
		}
		due := Term{cert.NotBefore, cert.NotAfter, a.cert.NotAfter}.Due(clock)
		if due.IsZero() || clock.Before(due) {
			continue
		}
		p, err := a.Prolong(rand.Reader, clock, cert, nil)
		if clock.After(a.cert.NotAfter) {
			if err == nil {
				t.Fatalf("day %d: signed after the authority's end", d)
			}
			continue
		}
		if err != nil {
			t.Fatalf("day %d: %v", d, err)
		}
		certs, err := ParseCertificates(p.CertPEM)
		if err != nil {
			t.Fatal(err)
		}
		cert, renewed = certs[0], renewed+1
		if life := cert.NotAfter.Sub(cert.NotBefore); life > LeafLifetime+366*day {
			t.Fatalf("day %d: valid for %v", d, life)
		}
		if cert.VerifyHostname("vpn.example.org") != nil || cert.CheckSignatureFrom(a.cert) != nil {
			t.Fatalf("day %d: another certificate: %v", d, cert.Subject)
		}
	}
	if !key.(*ecdsa.PublicKey).Equal(cert.PublicKey) || renewed < 5 || renewed > 60 {
		t.Errorf("renewed %d times", renewed)
	}
}

// TestProlongList: a list that is signed again is in force whenever the one before was,
// and holds the same clients.
func TestProlongList(t *testing.T) {
	a := newAuthority(t, "A")
	eve := issueClient(t, a, "eve")
	ahead := epoch.AddDate(1, 0, 0)
	text, err := a.Revoke(ahead, nil, eve) // by a clock that was a year ahead
	future := theList(t, text, err)
	now := epoch.Add(day)
	if due := (Term{future.ThisUpdate, future.NextUpdate, a.cert.NotAfter}).Due(now); !due.Equal(now) {
		t.Errorf("due %v", due)
	}
	text, err = a.ProlongList(now, future)
	mended := theList(t, text, err)
	for _, at := range []time.Time{now, ahead} {
		if err := CheckList(mended, []*x509.Certificate{a.cert}, at); err != nil {
			t.Errorf("%v: %v", at, err)
		}
	}
	if !Listed(mended, eve.SerialNumber) || listNumber(mended).Cmp(listNumber(future)) <= 0 {
		t.Errorf("number %v after %v, %d entries", listNumber(mended), listNumber(future), len(mended.RevokedCertificateEntries))
	}
	text, err = a.ProlongList(ahead, mended)
	if again := theList(t, text, err); !again.ThisUpdate.Equal(mended.ThisUpdate) {
		t.Errorf("begins %v, the one before %v", again.ThisUpdate, mended.ThisUpdate)
	}
}
