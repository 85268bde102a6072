package ldap

import (
	"crypto/tls"
	"encoding/pem"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"

	"culvert/access/auth"
	"culvert/access/hooks"
)

// reply is an LDAP message.
func reply(id int64, op *ber.Packet) []byte {
	m := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	m.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, id, ""))
	m.AppendChild(op)
	return m.Bytes()
}

const (
	bindDone   = 1
	searchItem = 4
	searchDone = 5
)

// done ends an operation with a result's code.
func done(tag ber.Tag, code int64) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, tag, nil, "")
	p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, code, ""))
	for range 2 {
		p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "", ""))
	}
	return p
}

// entry has a name, and uid.
func entry(dn, uid string) *ber.Packet {
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, searchItem, nil, "")
	p.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, dn, ""))
	all := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	one := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	one.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, "uid", ""))
	set := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	set.AppendChild(ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, uid, ""))
	one.AppendChild(set)
	all.AppendChild(one)
	p.AppendChild(all)
	return p
}

// script is what a server answers to each message, by its id.
type script func(id int64, op *ber.Packet) [][]byte

// serve answers as a script says.
func serve(l net.Listener, answers script) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			for {
				m, err := ber.ReadPacket(c)
				if err != nil || len(m.Children) < 2 {
					return
				}
				id, _ := m.Children[0].Value.(int64)
				for _, b := range answers(id, m.Children[1]) {
					c.Write(b)
				}
			}
		}()
	}
}

// askedAt returns what a source says whose server is at a URL.
func askedAt(t *testing.T, url, more string) error {
	t.Helper()
	s, err := ReadSource("x", fmt.Appendf(nil, "<LDAP>\nURL %s\nTimeout 1\n%s</LDAP>\n<Authorization>\nBaseDN dc=x\nSearchFilter (uid=%%u)\n</Authorization>", url, more),
		Options{Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(1)})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	_, err = s.Check(t.Context(), login("ada", "good"))
	return err
}

// TestForSomebodyElse: what a server says of another entry, another question or another
// server lets nobody in.
func TestForSomebodyElse(t *testing.T) {
	honest := func(id int64, op *ber.Packet) [][]byte {
		if op.Tag == 3 { // SearchRequest
			return [][]byte{reply(id, entry("uid=ada,dc=x", "ada")), reply(id, done(searchDone, 0))}
		}
		return [][]byte{reply(id, done(bindDone, 0))}
	}
	const referral = 10
	for what, answers := range map[string]script{
		"another's name": func(id int64, op *ber.Packet) [][]byte {
			if op.Tag == 3 {
				return [][]byte{reply(id, entry("uid=eve,dc=x", "eve")), reply(id, done(searchDone, 0))}
			}
			return honest(id, op)
		},
		"another's entry": func(id int64, op *ber.Packet) [][]byte {
			if op.Tag == 3 {
				return [][]byte{reply(id, entry("uid=ada,dc=y", "ada")), reply(id, done(searchDone, 0))}
			}
			return honest(id, op)
		},
		"another message's id": func(id int64, op *ber.Packet) [][]byte { return honest(id+1, op) },
		"a referral": func(id int64, op *ber.Packet) [][]byte {
			if op.Tag == 3 {
				return honest(id, op)
			}
			return [][]byte{reply(id, done(bindDone, referral))}
		},
		"no message": func(int64, *ber.Packet) [][]byte { return [][]byte{[]byte("\x30\x84\xff\xff\xff\xff")} },
	} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		go serve(l, answers)
		if err := askedAt(t, "ldap://"+l.Addr().String(), ""); err == nil {
			t.Errorf("%s: lets in", what)
		}
		l.Close()
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go serve(l, honest)
	if err := askedAt(t, "ldap://"+l.Addr().String(), ""); err != nil {
		t.Errorf("an honest server: %v", err)
	}
}

// TestServerName: a server whose certificate is good, and for another name, is not asked.
func TestServerName(t *testing.T) {
	web := httptest.NewTLSServer(nil) // for its certificate, which is for 127.0.0.1
	defer web.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: web.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	l, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: web.TLS.Certificates})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go serve(l, func(id int64, op *ber.Packet) [][]byte {
		if op.Tag == 3 {
			return [][]byte{reply(id, entry("uid=ada,dc=x", "ada")), reply(id, done(searchDone, 0))}
		}
		return [][]byte{reply(id, done(bindDone, 0))}
	})
	_, port, _ := net.SplitHostPort(l.Addr().String())
	if err := askedAt(t, "ldaps://127.0.0.1:"+port, "TLSCACertFile "+ca+"\n"); err != nil {
		t.Errorf("by its name: %v", err)
	}
	err = askedAt(t, "ldaps://localhost:"+port, "TLSCACertFile "+ca+"\n")
	if err == nil || !strings.Contains(err.Error(), "localhost") || errors.As(err, new(*auth.RefusedError)) {
		t.Errorf("by another: %v", err)
	}
	if err := askedAt(t, "ldaps://127.0.0.1:"+port, ""); err == nil || !strings.Contains(err.Error(), "unknown authority") {
		t.Errorf("without its authority: %v", err)
	}
}
