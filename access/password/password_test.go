package password

import (
	"bytes"
	"strings"
	"testing"
)

// cheap is for tests.
var cheap = Params{Memory: 64, Passes: 1, Threads: 1}

func TestHash(t *testing.T) {
	salt := bytes.Repeat([]byte{7}, saltBytes)
	h, err := Hash(bytes.NewReader(salt), "correct horse", cheap)
	if err != nil {
		t.Fatal(err)
	}
	read, err := Parse(h.String())
	if err != nil {
		t.Fatal(err)
	}
	if read.Params != cheap || !read.Matches("correct horse") || read.Matches("correct hors") || read.Matches("") || (Hashed{}).Matches("") {
		t.Errorf("%+v", read)
	}
	if _, err := Hash(strings.NewReader("short"), "correct horse", cheap); err == nil {
		t.Error("a salt was made of five bytes")
	}
}

// TestOthersHash: as argon2's own program writes it: printf password | argon2 somesalt -id -t 2 -m 16 -p 1
func TestOthersHash(t *testing.T) {
	const text = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	h, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	if h.String() != text || !h.Matches("password") || h.Matches("Password") {
		t.Errorf("%s became %s, or is that of another password", text, h)
	}
}

func TestParseFaults(t *testing.T) {
	good := "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo"
	if _, err := Parse(good); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ from, to, want string }{
		{"argon2id", "argon2i", "expected the form $argon2id$"},
		{"v=19", "v=16", "version"},
		{"m=64", "m=4294967295", "at most"},
		{"m=64", "m=4294967296", "expected a number"},
		{"m=64", "m=+64", "expected a number"},
		{"m=64", "m=7", "8 KiB for each thread"},
		{"t=1", "t=0", "one pass"},
		{"t=1", "t=65", "at most"},
		{"p=1", "p=256", "threads"},
		{"p=1", "p=0", "one pass"},
		{",p=1", "", "parameters"},
		{"c29tZXNhbHQ", "c29t", "salt is damaged"},
		{"c29tZXNhbHQ", "c29tZXNhbHQ=", "salt is damaged"},
		{"GpZ3", "Gp\n3", "hash is damaged"},
	} {
		_, err := Parse(strings.Replace(good, c.from, c.to, 1))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s instead of %s: %v; expected %q", c.to, c.from, err, c.want)
		} else if strings.Contains(err.Error(), "GpZ3") {
			t.Errorf("%v has a hash in it", err)
		}
	}
}

func TestCheck(t *testing.T) {
	for text, good := range map[string]bool{"": false, "1234567": false, "12345678": true, "two\nlines here": false, strings.Repeat("x", 1025): false} {
		if err := Check(text); (err == nil) != good {
			t.Errorf("%q: %v", text, err)
		} else if err != nil && text != "" && strings.Contains(err.Error(), text) {
			t.Errorf("%v repeats the password", err)
		}
	}
}

// FuzzParse: what is read is written the same again, and is within the limits.
func FuzzParse(f *testing.F) {
	f.Add("$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHQ$GpZ3sK/oH9p7VIiV56G/64Zo/8GaUw434IimaPqxwCo")
	f.Add("$argon2id$v=19$m=64,t=1,p=1$$")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		h, err := Parse(text)
		if err != nil {
			return
		}
		if h.String() != text || h.Params.check() != nil {
			t.Errorf("%q was read as %q", text, h)
		}
	})
}

func BenchmarkMatches(b *testing.B) {
	h, err := Hash(bytes.NewReader(make([]byte, saltBytes)), "correct horse", Default)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		h.Matches("correct horse")
	}
}
