package check

import (
	"fmt"
	"time"

	"culvert/access/pki"
	"culvert/internal/printable"
)

// webPages looks at the certificate that a server's web pages are shown with.
func webPages(s critic) []Finding {
	w := s.config.Server.Web
	if !s.isServer() || !w.Yes() {
		return nil
	}
	found := webFound(s)
	for i := range found { // also where the line is one of setenv opt
		found[i].Line = s.config.At("web-listen").Line
	}
	return found
}

func webFound(s critic) []Finding {
	w := s.config.Server.Web
	if w.Cert == "" {
		return []Finding{s.at(nil, Note, Remark, "the certificate of web pages is one of the server's own authority, which browsers, phones and OpenVPN Connect do not trust",
			"have a public authority issue one, and name its files: web-listen ADDRESS:PORT CERT KEY")}
	}
	cert, err := s.read(w.Cert)
	var key []byte
	if err == nil {
		key, err = s.read(w.Key)
	}
	if err != nil {
		return s.warnAt(nil, Remark, "the certificate of web pages cannot be read: "+cause(err), "without it no pages are served: name the files of a certificate and its key, or neither")
	}
	id, err := pki.ParseIdentity(cert, key)
	if err != nil {
		return s.warnAt(nil, Remark, "the certificate of web pages in "+printable.Name(w.Cert)+" and the key in "+printable.Name(w.Key)+" cannot be used together, and no pages are served",
			"name a certificate, with those of its authorities, and the key that it was issued for, without a passphrase")
	}
	const again = "have it issued again"
	switch ends := id.Leaf.NotAfter; {
	case s.now.After(ends):
		return s.warnAt(nil, Remark, "the certificate of web pages ended on "+ends.UTC().Format(time.DateOnly)+", and browsers refuse it", again)
	case id.Leaf.VerifyHostname(w.Host()) != nil:
		return s.warnAt(nil, Remark, fmt.Sprintf("the certificate of web pages is not for %s, which web-url names, and browsers refuse it", printable.Name(w.Host())), again+" for that name, or write another one in web-url")
	case ends.Sub(s.now) < webEndsSoon:
		return s.warnAt(nil, Remark, "the certificate of web pages ends on "+ends.UTC().Format(time.DateOnly), again)
	}
	return nil
}

// webEndsSoon is how long before its end the certificate of web pages is worth a word:
// programs of ACME renew theirs 30 days before.
const webEndsSoon = 14 * 24 * time.Hour
