package config

import (
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// readTest reads the files that configurations in testdata name.
func readTest(name string) ([]byte, error) {
	text, ok := testFiles[filepath.ToSlash(name)]
	if !ok {
		return nil, fs.ErrNotExist
	}
	return []byte(text), nil
}

const pem = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"

var testFiles = map[string]string{
	"ca.crt":              pem,
	"server.crt":          pem,
	"oidc.secret":         "word\n",
	"server.key":          "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	"client.crt":          pem,
	"client.key":          "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
	"ta.key":              "#\n# 2048 bit OpenVPN static key\n#\n" + "-----BEGIN " + staticKeyBlock + "-----" + "\n00\n-----END OpenVPN Static key V1-----\n",
	"pass.txt":            "user\nword\n",
	"/server.crt":         pem,
	"/server.key":         pem,
	"/ta.key":             "-----BEGIN " + staticKeyBlock + "-----",
	"/etc/openvpn/ca.pm":  pem,
	"/etc/openvpn/dh.pem": "-----BEGIN DH PARAMETERS-----\nAAAA\n-----END DH PARAMETERS-----\n",
	"/jail/crl.pem":       "-----BEGIN X509 CRL-----\nAAAA\n-----END X509 CRL-----\n",
	"common.conf":         "verb 4\nca ca.crt\n",
	"loop.conf":           "config loop.conf\n",
	"ping.conf":           "ping 9\n",
	"empty.txt":           "\n",
}

// TestGolden parses each testdata/*.conf and *.ovpn and compares what differs
// from the defaults, the notes, or the errors with the file beside it. A file
// named *.push.txt holds options pushed on top of the plainest client.
func TestGolden(t *testing.T) {
	var names []string
	for _, pattern := range []string{"*.conf", "*.ovpn", "*.push.txt"} {
		found, err := filepath.Glob(filepath.Join("testdata", pattern))
		if err != nil || len(found) == 0 {
			t.Fatalf("no %s in testdata: %v", pattern, err)
		}
		names = append(names, found...)
	}
	for _, name := range names {
		t.Run(filepath.Base(name), func(t *testing.T) {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			golden(t, name+".golden", describe(t, name, text))
		})
	}
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs; got:\n%s", name, got)
	}
}

func describe(t *testing.T, name string, text []byte) string {
	base := filepath.Base(name)
	if strings.HasSuffix(base, ".push.txt") {
		local := plainest(t)
		c, notes, err := ParsePushed(local, strings.Split(strings.TrimSpace(string(text)), "\n"))
		return outcome(c, local, notes, err)
	}
	c, err := ParseFile(base, text, readTest)
	if err != nil {
		return outcome(nil, nil, nil, err)
	}
	plain := defaults()
	plain.Process.File = base
	return outcome(c, plain, c.Notes, nil)
}

func outcome(c, base *Config, notes []Note, err error) string {
	if err != nil {
		return "error:\n" + err.Error() + "\n"
	}
	var s strings.Builder
	dump(&s, "", reflect.ValueOf(*c), reflect.ValueOf(*base))
	for _, n := range notes {
		fmt.Fprintf(&s, "note %s: %s\n", n.Pos, n.Text)
	}
	return s.String()
}

// dump writes the fields of v that differ from those of base.
func dump(s *strings.Builder, path string, v, base reflect.Value) {
	if reflect.DeepEqual(v.Interface(), base.Interface()) || path == "Notes" {
		return
	}
	switch x := v.Interface().(type) {
	case time.Duration, netip.Addr, netip.Prefix, netip.AddrPort, map[string]string:
		fmt.Fprintf(s, "%s %v\n", path, x)
		return
	case Pos:
		return
	case []byte:
		fmt.Fprintf(s, "%s %d bytes\n", path, len(x))
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			fmt.Fprintf(s, "%s none\n", path)
			return
		}
		old := reflect.Zero(v.Type().Elem())
		if !base.IsNil() {
			old = base.Elem()
		}
		if v.Elem().Kind() == reflect.Struct && v.Elem().Type() == reflect.TypeFor[Config]() {
			old = reflect.ValueOf(*defaults())
		}
		fmt.Fprintf(s, "%s given\n", path)
		dump(s, path, v.Elem(), old)
	case reflect.Struct:
		for i := range v.NumField() {
			if !v.Type().Field(i).IsExported() {
				continue
			}
			name := v.Type().Field(i).Name
			if !v.Type().Field(i).IsExported() {
				continue
			}
			dump(s, strings.TrimPrefix(path+"."+name, "."), v.Field(i), base.Field(i))
		}
	case reflect.Slice:
		if v.Type().Elem().Kind() == reflect.Struct && v.Type().Elem() != reflect.TypeFor[netip.Addr]() {
			for i := range v.Len() {
				dump(s, fmt.Sprintf("%s[%d]", path, i), v.Index(i), reflect.Zero(v.Type().Elem()))
			}
			return
		}
		verb := "%s %v\n"
		if v.Type().Elem().Kind() == reflect.String {
			verb = "%s %q\n"
		}
		fmt.Fprintf(s, verb, path, v.Interface())
	case reflect.String:
		fmt.Fprintf(s, "%s %q\n", path, v.String())
	default:
		fmt.Fprintf(s, "%s %v\n", path, v.Interface())
	}
}

// plainest is a client that has set nothing a server may push.
func plainest(t testing.TB) *Config {
	t.Helper()
	c, err := ParseFile("plainest.ovpn", []byte("client\nremote vpn.example.org\nca ca.crt\ncert client.crt\nkey client.key\nremote-cert-tls server\n"), readTest)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestErrorsAreTyped(t *testing.T) {
	_, err := ParseFile("x.ovpn", []byte("client\nkeepalive 10\nchiper none\n"), readTest)
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		t.Fatalf("%T does not join", err)
	}
	for i, want := range []Error{{Pos: Pos{"x.ovpn", 2}, Directive: "keepalive"}, {Pos: Pos{"x.ovpn", 3}, Directive: "chiper"}} {
		var e *Error
		if !errors.As(joined.Unwrap()[i], &e) || e.Pos != want.Pos || e.Directive != want.Directive {
			t.Errorf("error %d is %v", i, joined.Unwrap()[i])
		}
	}
}
