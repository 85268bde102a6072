package wire

import (
	"bytes"
	"errors"
	"strings"
	"testing"
)

func sampleKeyMethod2() *KeyMethod2 {
	m := &KeyMethod2{Options: "V4,dev-type tun", Username: "u", Password: "p w", PeerInfo: "IV_VER=2.6.14\nIV_PROTO=990\n"}
	for i := range m.Source.PreMaster {
		m.Source.PreMaster[i] = byte(i)
	}
	m.Source.Random1[0], m.Source.Random2[31] = 0xaa, 0xbb
	return m
}

// The layout, spelled out.
func TestKeyMethod2Layout(t *testing.T) {
	m := sampleKeyMethod2()
	want := bytes.Join([][]byte{
		{0, 0, 0, 0, 2}, m.Source.PreMaster[:], m.Source.Random1[:], m.Source.Random2[:],
		[]byte("\x00\x10V4,dev-type tun\x00"), []byte("\x00\x02u\x00"), []byte("\x00\x04p w\x00"),
		[]byte("\x00\x1cIV_VER=2.6.14\nIV_PROTO=990\n\x00"),
	}, nil)
	got, err := AppendKeyMethod2([]byte("before"), m, true)
	if err != nil || !bytes.Equal(got, append([]byte("before"), want...)) {
		t.Errorf("from client:\n got %x\nwant %x, %v", got, want, err)
	}
	got, err = AppendKeyMethod2(nil, &KeyMethod2{Source: m.Source}, false)
	want = bytes.Join([][]byte{{0, 0, 0, 0, 2}, m.Source.Random1[:], m.Source.Random2[:], make([]byte, 8)}, nil)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("from server:\n got %x\nwant %x, %v", got, want, err)
	}
}

func TestKeyMethod2RoundTrip(t *testing.T) {
	for _, fromClient := range []bool{true, false} {
		m := sampleKeyMethod2()
		if !fromClient {
			m.Source.PreMaster = [48]byte{}
		}
		b, err := AppendKeyMethod2(nil, m, fromClient)
		if err != nil {
			t.Fatal(err)
		}
		got, n, err := ParseKeyMethod2(append(b, 0, 9, 'x'), fromClient)
		if err != nil || n != len(b) || *got != *m {
			t.Errorf("from client %v: took %d of %d bytes, %v\n got %+v", fromClient, n, len(b), err, got)
		}
	}
}

// Old peers end after a string; whatever ends elsewhere needs more bytes.
func TestKeyMethod2Prefixes(t *testing.T) {
	m := sampleKeyMethod2()
	b, err := AppendKeyMethod2(nil, m, true)
	if err != nil {
		t.Fatal(err)
	}
	options := 5 + 48 + 64 + 2 + len(m.Options) + 1
	username := options + 2 + len(m.Username) + 1
	password := username + 2 + len(m.Password) + 1
	whole := map[int]KeyMethod2{
		options:  {Options: m.Options},
		username: {Options: m.Options, Username: m.Username},
		password: {Options: m.Options, Username: m.Username, Password: m.Password},
	}
	for n := range b {
		got, took, err := ParseKeyMethod2(b[:n], true)
		want, ok := whole[n]
		if !ok {
			if !errors.Is(err, ErrShort) {
				t.Errorf("%d bytes: %v, want ErrShort", n, err)
			}
			continue
		}
		want.Source = m.Source
		if err != nil || took != n || *got != want {
			t.Errorf("%d bytes: took %d, %v: %+v", n, took, err, got)
		}
	}
}

func TestKeyMethod2Malformed(t *testing.T) {
	body := strings.Repeat("\x00", 200)
	for name, s := range map[string]string{
		"literal":  "\x00\x00\x00\x01\x02" + body,
		"method 1": "\x00\x00\x00\x00\x01" + body,
		"HTTP":     "GET / HTTP/1.1",
	} {
		if _, _, err := ParseKeyMethod2([]byte(s), true); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v, want ErrMalformed", name, err)
		}
	}
}

func TestKeyMethod2StringLimits(t *testing.T) {
	longest := strings.Repeat("x", 65534)
	b, err := AppendKeyMethod2(nil, &KeyMethod2{PeerInfo: longest}, false)
	if err != nil {
		t.Fatal(err)
	}
	if m, n, err := ParseKeyMethod2(b, false); err != nil || n != len(b) || m.PeerInfo != longest {
		t.Errorf("longest string: took %d of %d, %v", n, len(b), err)
	}
	for _, s := range []string{longest + "x", "a\x00b"} {
		if _, err := AppendKeyMethod2(nil, &KeyMethod2{Password: s}, true); !errors.Is(err, ErrMalformed) {
			t.Errorf("string of %d bytes: %v, want ErrMalformed", len(s), err)
		}
	}
}

func FuzzParseKeyMethod2(f *testing.F) {
	for _, fromClient := range []bool{true, false} {
		b, err := AppendKeyMethod2(nil, sampleKeyMethod2(), fromClient)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b, fromClient)
	}
	f.Fuzz(func(t *testing.T, b []byte, fromClient bool) {
		m, n, err := ParseKeyMethod2(b, fromClient)
		if err != nil {
			if !errors.Is(err, ErrShort) && !errors.Is(err, ErrMalformed) {
				t.Errorf("%x: %v", b, err)
			}
			return
		}
		if n > len(b) {
			t.Fatalf("took %d of %d bytes", n, len(b))
		}
		again, err := AppendKeyMethod2(nil, m, fromClient)
		if err != nil {
			return // a string of 65,535 bytes without NUL
		}
		m2, _, err := ParseKeyMethod2(again, fromClient)
		if err != nil || *m2 != *m {
			t.Errorf("%+v again is %+v, %v", m, m2, err)
		}
	})
}
