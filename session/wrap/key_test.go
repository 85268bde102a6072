package wrap

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/session/wire"
)

// entropy is a reader of bytes that differ, for keys of tests.
type entropy byte

func (e *entropy) Read(b []byte) (int, error) {
	for i := range b {
		*e = *e*5 + 3
		b[i] = byte(*e)
	}
	return len(b), nil
}

func testKey(seed byte) *StaticKey {
	e := entropy(seed)
	return must(GenerateStaticKey(&e))
}

func TestStockKeyFilesRoundTrip(t *testing.T) {
	if got := stockKey(t).Format(); !bytes.Equal(got, testdata(t, "static.key")) {
		t.Errorf("static key:\n%s", got)
	}
	if got := stockServerKey(t).Format(); !bytes.Equal(got, testdata(t, "v2-server.key")) {
		t.Errorf("server key:\n%s", got)
	}
	for _, name := range []string{"v2-client.key", "v2-client-user.key"} {
		k := must(ParseClientKeyV2(testdata(t, name)))
		if got := k.Format(); !bytes.Equal(got, testdata(t, name)) {
			t.Errorf("%s:\n%s", name, got)
		}
		kc, metadata, err := stockServerKey(t).UnwrapClientKey(k.WKc)
		if err != nil || *kc != *k.Kc {
			t.Fatalf("%s: unwrapped to another key: %v", name, err)
		}
		wkc := must(stockServerKey(t).WrapClientKey(kc, metadata))
		if !bytes.Equal(wkc, k.WKc) {
			t.Errorf("%s: wrapped again to other bytes", name)
		}
	}
}

func TestStockTimestamp(t *testing.T) {
	k := must(ParseClientKeyV2(testdata(t, "v2-client.key")))
	_, metadata, err := stockServerKey(t).UnwrapClientKey(k.WKc)
	if err != nil {
		t.Fatal(err)
	}
	made, ok := KeyTime(metadata)
	if day := made.UTC().Format(time.DateOnly); !ok || day != "2026-11-23" {
		t.Errorf("made %v, %v from %x", day, ok, metadata)
	}
	if !bytes.Equal(TimestampMetadata(made), metadata) {
		t.Errorf("TimestampMetadata: %x, want %x", TimestampMetadata(made), metadata)
	}
	if _, ok := KeyTime(UserMetadata([]byte("12345678"))); ok {
		t.Error("user metadata read as a time")
	}
}

func TestGeneratedKeysRoundTrip(t *testing.T) {
	e := new(entropy)
	static := must(GenerateStaticKey(e))
	if got := must(ParseStaticKey(static.Format())); *got != *static {
		t.Error("static key changed")
	}
	server := must(GenerateServerKeyV2(e))
	if got := must(ParseServerKeyV2(server.Format())); *got != *server {
		t.Error("server key changed")
	}
	client := must(GenerateClientKeyV2(e, server, UserMetadata([]byte("x"))))
	got := must(ParseClientKeyV2(client.Format()))
	if *got.Kc != *client.Kc || !bytes.Equal(got.WKc, client.WKc) {
		t.Error("client key changed")
	}
}

func TestGenerateNeedsEntropy(t *testing.T) {
	short := func() *bytes.Reader { return bytes.NewReader(make([]byte, 100)) }
	if _, err := GenerateStaticKey(short()); err == nil {
		t.Error("static key from 100 bytes")
	}
	if _, err := GenerateServerKeyV2(short()); err == nil {
		t.Error("server key from 100 bytes")
	}
	if _, err := GenerateClientKeyV2(short(), stockServerKey(t), nil); err == nil {
		t.Error("client key from 100 bytes")
	}
}

func TestParseStaticKeyTolerates(t *testing.T) {
	text := string(testdata(t, "static.key"))
	for name, edited := range map[string]string{
		"CRLF":         strings.ReplaceAll(text, "\n", "\r\n"),
		"indented":     strings.ReplaceAll(text, "\n", "\n\t "),
		"empty lines":  strings.ReplaceAll(text, "\n", "\n\n"),
		"comments":     strings.ReplaceAll(text, "V1-----\n", "V1-----\n# mine\n; yours\n"),
		"upper case":   strings.Replace(text, "0d0747abecb99f05", "0D0747ABECB99F05", 1),
		"no last line": strings.TrimSpace(text),
		"inline":       "\n" + text + "\n",
		"text after":   text + "key-direction 1\n",
		"spaced":       strings.Replace(text, "0d07", "0d 07 ", 1),
	} {
		k, err := ParseStaticKey([]byte(edited))
		if err != nil || *k != *stockKey(t) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestParseStaticKeyRefuses(t *testing.T) {
	text := string(testdata(t, "static.key"))
	lines := strings.SplitAfter(text, "\n")
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "BEGIN OpenVPN Static key V1"},
		{"other file", "-----BEGIN CERTIFICATE-----\n", "--genkey secret"},
		{"v2 key", string(testdata(t, "v2-client.key")), "give it to tls-crypt-v2"},
		{"cut off", strings.Join(lines[:10], ""), "cut off"},
		{"short", strings.Join(append(lines[:10:10], lines[11:]...), ""), "480 hexadecimal digits, need 512"},
		{"1024 bit", strings.Join(append(lines[:12:12], lines[20:]...), ""), "need 512"},
		{"long", strings.Join(append(lines[:10:10], lines[9:]...), ""), "more than 256 bytes"},
		{"no digit", strings.Replace(text, "0747", "07g7", 1), "line 5: 'g' is no hexadecimal digit"},
		{"odd", strings.Replace(text, "0747", "074", 1), "511 hexadecimal digits"},
	} {
		_, err := ParseStaticKey([]byte(tt.text))
		if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

func pemText(kind string, n int) string {
	return fmt.Sprintf("-----BEGIN %s-----\n%s\n-----END %s-----\n", kind, base64.StdEncoding.EncodeToString(make([]byte, n)), kind)
}

func TestParseKeyV2Refuses(t *testing.T) {
	for _, tt := range []struct{ name, text, server, client string }{
		{"empty", "", "no PEM block", "no PEM block"},
		{"static", string(testdata(t, "static.key")), ErrKey.Error(), ErrKey.Error()},
		{"certificate", pemText("CERTIFICATE", 9), `this is "CERTIFICATE"`, `this is "CERTIFICATE"`},
		{"short server key", pemText(serverKeyV2PEM, 127), "127 bytes, need 128", "servers take the server key"},
		{"long server key", pemText(serverKeyV2PEM, 129), "129 bytes, need 128", "servers take the server key"},
		{"short client key", pemText(clientKeyV2PEM, 256), "clients a client key", "256 bytes, need 257 to 1280"},
		{"long client key", pemText(clientKeyV2PEM, 1281), "clients a client key", "1281 bytes, need"},
	} {
		_, err := ParseServerKeyV2([]byte(tt.text))
		if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), tt.server) {
			t.Errorf("%s as server key: %v, want %q", tt.name, err, tt.server)
		}
		_, err = ParseClientKeyV2([]byte(tt.text))
		if !errors.Is(err, ErrKey) || !strings.Contains(err.Error(), tt.client) {
			t.Errorf("%s as client key: %v, want %q", tt.name, err, tt.client)
		}
	}
}

func TestParseKeyV2Tolerates(t *testing.T) {
	for name, edit := range map[string]func(string) string{
		"CRLF":        func(s string) string { return strings.ReplaceAll(s, "\n", "\r\n") },
		"inline":      func(s string) string { return "\n# mine\n" + s + "\n" },
		"no last EOL": strings.TrimSpace,
	} {
		text := []byte(edit(string(testdata(t, "v2-server.key"))))
		if k, err := ParseServerKeyV2(text); err != nil || *k != *stockServerKey(t) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestMetadataLength(t *testing.T) {
	server, kc := stockServerKey(t), testKey(1)
	for _, n := range []int{0, 1, MaxMetadata} {
		metadata := bytes.Repeat([]byte{7}, n)
		got, gotMeta, err := server.UnwrapClientKey(must(server.WrapClientKey(kc, metadata)))
		if err != nil || *got != *kc || !bytes.Equal(gotMeta, metadata) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
	if _, err := server.WrapClientKey(kc, make([]byte, MaxMetadata+1)); err == nil {
		t.Error("metadata too long was wrapped")
	}
}

func TestUnwrapClientKeyRefuses(t *testing.T) {
	e := entropy(9)
	other, wkc := must(GenerateServerKeyV2(&e)), stockClientKey(t).WKc
	if _, _, err := other.UnwrapClientKey(wkc); !errors.Is(err, ErrAuth) {
		t.Errorf("another server key: %v", err)
	}
	if _, _, err := stockServerKey(t).UnwrapClientKey(append([]byte{0}, wkc...)); !errors.Is(err, wire.ErrMalformed) {
		t.Errorf("bytes before it: %v", err)
	}
	for i := range wkc {
		bad := bytes.Clone(wkc)
		bad[i] ^= 0x80
		if _, _, err := stockServerKey(t).UnwrapClientKey(bad); err == nil {
			t.Errorf("byte %d turned, and taken", i)
		}
	}
}

func TestSplitWKc(t *testing.T) {
	packet := func(size, length int) []byte {
		return append(make([]byte, size-2), byte(length>>8), byte(length))
	}
	for _, tt := range []struct {
		size, length int
		err          error
	}{
		{300, 290, nil}, {290, 290, nil}, {1100, 1024, nil},
		{289, 289, wire.ErrShort}, {300, 289, wire.ErrMalformed}, {300, 0, wire.ErrMalformed},
		{300, 301, wire.ErrMalformed}, {1100, 1025, wire.ErrMalformed}, {1100, 0xffff, wire.ErrMalformed},
	} {
		rest, wkc, err := SplitWKc(packet(tt.size, tt.length))
		if !errors.Is(err, tt.err) || err == nil && (len(wkc) != tt.length || len(rest)+len(wkc) != tt.size) {
			t.Errorf("%d bytes, length %d: %d and %d bytes, %v", tt.size, tt.length, len(rest), len(wkc), err)
		}
	}
	if _, _, err := SplitWKc(nil); !errors.Is(err, wire.ErrShort) {
		t.Errorf("nothing: %v", err)
	}
}

func TestKeysDoNotPrint(t *testing.T) {
	static, server, client := stockKey(t), stockServerKey(t), stockClientKey(t)
	for _, format := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x"} {
		out := fmt.Sprintf(format, []any{static, server, client.Kc})
		for _, secret := range [][]byte{static.raw[:4], server.raw[:4], client.Kc.raw[:4]} {
			for _, leak := range []string{fmt.Sprintf("%x", secret), fmt.Sprintf("%d %d", secret[0], secret[1]), fmt.Sprintf("%#x, %#x", secret[0], secret[1])} {
				if strings.Contains(out, leak) {
					t.Errorf("%s prints key bytes: %s", format, out)
				}
			}
		}
	}
	if got := fmt.Sprint(client); !strings.Contains(got, "[static key]") {
		t.Errorf("client key prints as %.60s", got)
	}
}

func FuzzParseStaticKey(f *testing.F) {
	f.Add(testdata(f, "static.key"))
	f.Add(testdata(f, "v2-server.key"))
	f.Add([]byte(staticKeyBegin + "\n#\r\n0g\n" + staticKeyEnd))
	f.Fuzz(func(t *testing.T, text []byte) {
		k, err := ParseStaticKey(text)
		if err != nil {
			return
		}
		if again, err := ParseStaticKey(k.Format()); err != nil || *again != *k {
			t.Errorf("changed by formatting: %v", err)
		}
	})
}

func FuzzParseKeyV2(f *testing.F) {
	f.Add(testdata(f, "v2-server.key"))
	f.Add(testdata(f, "v2-client.key"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if k, err := ParseServerKeyV2(text); err == nil && *must(ParseServerKeyV2(k.Format())) != *k {
			t.Error("server key changed by formatting")
		}
		if k, err := ParseClientKeyV2(text); err == nil && *must(ParseClientKeyV2(k.Format())).Kc != *k.Kc {
			t.Error("client key changed by formatting")
		}
	})
}

func FuzzUnwrapClientKey(f *testing.F) {
	server := stockServerKey(f)
	f.Add(stockClientKey(f).WKc)
	f.Add(captures(f, "tls-crypt-v2.txt")[0].packet)
	f.Fuzz(func(t *testing.T, wkc []byte) {
		kc, metadata, err := server.UnwrapClientKey(wkc)
		if err == nil && !bytes.Equal(must(server.WrapClientKey(kc, metadata)), wkc) {
			t.Errorf("%x wraps to other bytes", wkc)
		}
	})
}
