package setup

import (
	"bytes"
	"crypto/rand"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"culvert/access/pki"
	"culvert/access/signing/signingtest"
)

func rotateOptions(dir string) RotateOptions {
	return RotateOptions{Dir: dir, Now: epoch, Rand: rand.Reader}
}

// profileOf adds a client, and returns its profile's authorities and certificate.
func profileOf(t *testing.T, text []byte) (ca, cert []byte) {
	t.Helper()
	for name, block := range map[string]*[]byte{"ca": &ca, "cert": &cert} {
		_, rest, found := bytes.Cut(text, []byte("\n<"+name+">\n"))
		if *block, _, _ = bytes.Cut(rest, []byte("</"+name+">")); !found {
			t.Fatalf("no block %s in:\n%s", name, text)
		}
	}
	return ca, cert
}

// meets reports whether a client with a profile and the server of a directory trust each
// other, and neither is on the list.
func meets(t *testing.T, dir string, profile []byte) error {
	t.Helper()
	ca, cert := profileOf(t, profile)
	verify := func(what string, text, authorities []byte) error {
		certs, err := pki.ParseCertificates(text)
		if err != nil {
			return err
		}
		trusted, err := pki.ParseCertificates(authorities)
		if err != nil {
			return err
		}
		if !(server{trusted: trusted}).issued(certs[0]) {
			return errors.New(what + " is not trusted")
		}
		lists, err := listPlace(dir).load()
		if err == nil && lists.listed(certs[0].SerialNumber) {
			err = errors.New(what + " is revoked")
		}
		return err
	}
	return errors.Join(verify("the server", read(t, dir, serverCertFile), ca), verify("the client", cert, read(t, dir, caCertFile)))
}

func addClient(t *testing.T, dir, name string) []byte {
	t.Helper()
	text, err := AddClient(clientOptions(dir, name))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// TestRotate: through all steps, profiles old and new get in, and who is revoked does not.
func TestRotate(t *testing.T) {
	dir := newServer(t).Dir
	phone, laptop, lost := addClient(t, dir, "phone"), addClient(t, dir, "laptop"), addClient(t, dir, "lost")
	if _, err := Revoke(RevokeOptions{Dir: dir, Name: "lost", Now: epoch}); err != nil {
		t.Fatal(err)
	}
	if _, err := Finish(rotateOptions(dir), false); err == nil || !strings.Contains(err.Error(), "is not being changed") {
		t.Errorf("finished before it began: %v", err)
	}
	oldCA := read(t, dir, caCertFile)
	r, err := Rotate(rotateOptions(dir))
	if err != nil || len(r.Steps) != 3 || !slices.Equal(r.Left, []string{"laptop", "phone"}) {
		t.Fatalf("%+v, %v", r, err)
	}
	if again, err := Rotate(rotateOptions(dir)); err != nil || len(again.Steps) != 0 || !again.Next.Equal(r.Next) {
		t.Errorf("called again: %+v, %v", again, err)
	}
	tablet := addClient(t, dir, "tablet")
	renewed, err := RenewClient(RenewClientOptions{ClientOptions: clientOptions(dir, "phone")})
	if err != nil {
		t.Fatal(err)
	}
	for name, profile := range map[string][]byte{"phone": phone, "the new phone": renewed.Profile, "laptop": laptop, "tablet": tablet} {
		if err := meets(t, dir, profile); err != nil {
			t.Errorf("%s, while the key is changed: %v", name, err)
		}
	}
	if err := meets(t, dir, lost); err == nil || !strings.Contains(err.Error(), "is revoked") {
		t.Errorf("a revoked client: %v", err)
	}
	if _, err := Renew(RenewOptions{Dir: dir, Now: epoch, Rand: rand.Reader}); err != nil || meets(t, dir, laptop) != nil {
		t.Errorf("the server's certificate renewed: %v, %v", err, meets(t, dir, laptop))
	}
	info, err := Authorities(dir, epoch)
	if err != nil || info.Next == nil || len(info.Present.Clients) != 1 || len(info.Next.Clients) != 2 || !info.Present.Serves || info.Next.Serves {
		t.Fatalf("%+v, %v", info, err)
	}
	if one := info.Next.Clients[0]; one.Name != "phone" || len(one.Serials) != 2 || !slices.Equal(one.Before, one.Serials[1:]) {
		t.Errorf("the old certificates of a client with a new one: %+v", one)
	}

	// Whoever is revoked meanwhile is on the lists of both.
	if _, err := Revoke(RevokeOptions{Dir: dir, Name: "phone", Now: epoch}); err != nil {
		t.Fatal(err)
	}
	for name, profile := range map[string][]byte{"phone": phone, "the new phone": renewed.Profile} {
		if err := meets(t, dir, profile); err == nil || !strings.Contains(err.Error(), "is revoked") {
			t.Errorf("%s, revoked: %v", name, err)
		}
	}

	var left *LeftError
	before := tree(t, dir)
	if _, err := Finish(rotateOptions(dir), false); !errors.As(err, &left) || !slices.Equal(left.Names, []string{"laptop"}) {
		t.Errorf("finished without a client: %v", err)
	}
	if after := tree(t, dir); !slices.Equal(after, before) {
		t.Errorf("a refused finish left %v, expected %v", after, before)
	}
	laptop2, err := RenewClient(RenewClientOptions{ClientOptions: clientOptions(dir, "laptop")})
	if err != nil {
		t.Fatal(err)
	}
	done, err := Finish(rotateOptions(dir), false)
	if err != nil {
		t.Fatal(err)
	}
	finished(t, dir, done, oldCA)
	for name, profile := range map[string][]byte{"laptop": laptop2.Profile, "tablet": tablet} {
		if err := meets(t, dir, profile); err != nil {
			t.Errorf("%s, in the end: %v", name, err)
		}
	}
	if err := meets(t, dir, laptop); err == nil {
		t.Error("an old profile gets in, in the end")
	}
	// Who was revoked stays so, and needs to be let in again.
	if _, err := RenewClient(RenewClientOptions{ClientOptions: clientOptions(dir, "lost")}); err == nil || !strings.Contains(err.Error(), "--let-in-again") {
		t.Errorf("a client that was revoked before: %v", err)
	}
	if _, problem, err := Clients(dir, epoch); problem != "" || err != nil {
		t.Errorf("the list: %q, %v", problem, err)
	}
}

// finished checks what a directory looks like when the change is over.
func finished(t *testing.T, dir string, done *Rotation, oldCA []byte) {
	t.Helper()
	if got := read(t, dir, caCertFile); !bytes.Equal(got, pki.EncodeCertificate(done.Next)) {
		t.Errorf("ca.crt has more than the next authority, or another:\n%s", got)
	}
	retired, err := filepath.Glob(filepath.Join(dir, retiredDir, "ca-*.crt"))
	if err != nil || len(retired) != 1 || !bytes.Equal(read(t, retired[0]), oldCA) {
		t.Errorf("retired: %v, %v", retired, err)
	}
	base := strings.TrimSuffix(retired[0], ".crt")
	if _, err := pki.LoadAuthority(oldCA, read(t, base+".key")); err != nil {
		t.Errorf("the retired key: %v", err)
	}
	for _, name := range tree(t, dir) {
		if strings.Contains(name, "next") {
			t.Errorf("%s is left", name)
		}
	}
	if _, err := AddClient(clientOptions(dir, "newcomer")); err != nil {
		t.Error(err)
	}
}

// TestRotateInterrupted: wherever the change stopped, the next call ends it, and nobody is
// let in or shut out by the difference.
func TestRotateInterrupted(t *testing.T) {
	type stop func(t *testing.T, o RotateOptions, r *Rotation, next *pki.Authority)
	for name, until := range map[string][]stop{
		"the server's certificate": {serves},
		"what is retired":          {serves, retires},
		"the key":                  {serves, retires, exchanges},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newServer(t).Dir
			oldCA := read(t, dir, caCertFile)
			o := rotateOptions(dir)
			if _, err := Rotate(o); err != nil {
				t.Fatal(err)
			}
			phone := addClient(t, dir, "phone")
			next, err := openNext(dir, nil, nil)
			if err != nil {
				t.Fatal(err)
			}
			for _, step := range until {
				step(t, o, new(Rotation), next)
				if err := meets(t, dir, phone); err != nil {
					t.Errorf("a client, when it stops after %s: %v", name, err)
				}
			}
			if _, err := RenewClient(RenewClientOptions{ClientOptions: clientOptions(dir, "phone")}); err != nil {
				t.Errorf("renewing a client meanwhile: %v", err)
			}
			done, err := Finish(o, false)
			if err != nil {
				t.Fatal(err)
			}
			finished(t, dir, done, oldCA)
		})
	}
	t.Run("the end", func(t *testing.T) {
		dir := newServer(t).Dir
		o := rotateOptions(dir)
		if _, err := Rotate(o); err != nil {
			t.Fatal(err)
		}
		next, err := openNext(dir, nil, nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, step := range []stop{serves, retires, exchanges} {
			step(t, o, new(Rotation), next)
		}
		if _, err := update(file{filepath.Join(dir, caCertFile), next.CertPEM(), publicFile}); err != nil {
			t.Fatal(err)
		}
		for _, name := range nextOwn {
			if err := os.Remove(filepath.Join(dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
			if err := meets(t, dir, addClient(t, dir, strings.ReplaceAll(name, ".", "-"))); err != nil {
				t.Errorf("a new client, when it stops after %s: %v", name, err)
			}
			if _, err := Finish(o, false); err == nil || !strings.Contains(err.Error(), "is not being changed") {
				t.Errorf("taken up after %s: %v", name, err)
			}
		}
		if _, err := Rotate(o); err != nil {
			t.Error(err)
		}
	})
	t.Run("the beginning", func(t *testing.T) {
		dir := newServer(t).Dir
		o := rotateOptions(dir)
		if _, err := o.next(new(Rotation), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := AddClient(clientOptions(dir, "phone")); err == nil || !strings.Contains(err.Error(), "to take it up") {
			t.Errorf("a profile of an authority that the server does not trust: %v", err)
		}
		if r, err := Rotate(o); err != nil || len(r.Steps) != 2 {
			t.Errorf("%+v, %v", r, err)
		}
		addClient(t, dir, "phone")
	})
}

func serves(t *testing.T, o RotateOptions, r *Rotation, next *pki.Authority) {
	if err := o.serveBy(r, next); err != nil {
		t.Fatal(err)
	}
}

func retires(t *testing.T, o RotateOptions, r *Rotation, next *pki.Authority) {
	_, trusted, err := certificates(o.Dir, caCertFile)
	if err == nil {
		err = o.retire(r, next, trusted)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func exchanges(t *testing.T, o RotateOptions, r *Rotation, _ *pki.Authority) {
	if err := o.exchange(r); err != nil {
		t.Fatal(err)
	}
}

// TestRotateKinds: from a key in a file to one elsewhere, and back to one with a
// passphrase.
func TestRotateKinds(t *testing.T) {
	dir := newServer(t).Dir
	turn := func(o RotateOptions) {
		t.Helper()
		if _, err := Rotate(o); err != nil {
			t.Fatal(err)
		}
		if _, err := Finish(o, false); err != nil {
			t.Fatal(err)
		}
	}
	away := rotateOptions(dir)
	away.Key.Command = remoteKey(t)
	turn(away)
	if _, err := os.Stat(filepath.Join(dir, caKeyFile)); err == nil {
		t.Error("ca.key is left beside authority.json")
	}
	profile := addClient(t, dir, "phone")
	if err := meets(t, dir, profile); err != nil {
		t.Error(err)
	}
	back := rotateOptions(dir)
	back.Key.Passphrase, back.Ask = []byte("secret"), knows("secret")
	if _, err := Rotate(back); err != nil {
		t.Fatal(err)
	}
	if err := meets(t, dir, profile); err != nil {
		t.Errorf("while the key is changed: %v", err)
	}
	if _, err := Finish(back, true); err != nil {
		t.Fatal(err)
	}
	known, _, err := Clients(dir, epoch)
	if err != nil || known[0].State != Untrusted {
		t.Errorf("%+v, %v; expected a client that is not trusted", known, err)
	}
	if text := read(t, dir, caKeyFile); !pki.KeyEncrypted(text) {
		t.Error("ca.key has no passphrase")
	}
}

// TestRotateRefused: a next authority that cannot sign changes nothing.
func TestRotateRefused(t *testing.T) {
	dir := newServer(t).Dir
	before, ca := tree(t, dir), read(t, dir, caCertFile)
	o := rotateOptions(dir)
	o.Key.Command = remoteKey(t)
	o.Key.Command.Argv[2] = signingtest.Other
	if _, err := Rotate(o); err == nil {
		t.Error("began with a command that signs by another key each time")
	}
	write(t, filepath.Join(dir, caCertFile), append(bytes.Clone(ca), read(t, newServer(t).Dir, caCertFile)...))
	if _, err := Rotate(rotateOptions(dir)); err == nil || !strings.Contains(err.Error(), "is not above the authority") {
		t.Errorf("another authority is trusted, too: %v", err)
	}
	if after := tree(t, dir); !slices.Equal(after, before) {
		t.Errorf("left %v, expected %v", after, before)
	}
}
