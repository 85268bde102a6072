package pam

import (
	"reflect"
	"strings"
	"testing"
)

// TestFrames: what one program says arrives whole at the other.
func TestFrames(t *testing.T) {
	want := &Request{Service: "openvpn", Prompts: []string{"login", "USERNAME", "pin", ""}, OTP: "4711",
		Login: Login{Username: "ada\n", Password: strings.Repeat("ü", maxString/2), CommonName: "", Remote: "fd00::1"}}
	b, err := want.Append(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := ParseRequest(b); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%+v, %v", got, err)
	}
	said := Answer{OK: true, Why: strings.Repeat("x", maxString+1), Unanswered: "Code:"}
	if b, err = said.Append(nil); err != nil {
		t.Fatal(err)
	}
	said.Why = said.Why[1:]
	if got, err := ParseAnswer(b); err != nil || got != said {
		t.Errorf("%+v, %v", got, err)
	}
}

// TestFrameLimits: what no frame can hold is refused, and never cut.
func TestFrameLimits(t *testing.T) {
	for what, r := range map[string]*Request{
		"a NUL":        {Service: "x", Login: Login{Password: "secret\x00"}},
		"too long":     {Service: "x", Login: Login{Username: strings.Repeat("x", maxString+1)}},
		"too many":     {Service: "x", Prompts: make([]string, maxStrings)},
		"half a pair":  {Service: "x", Prompts: []string{"login"}},
		"no service":   {},
		"other things": nil,
	} {
		var b []byte
		var err error
		if r != nil {
			b, err = r.Append(nil)
		}
		if err == nil {
			_, err = ParseRequest(b)
		}
		if err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}

func FuzzParse(f *testing.F) {
	b, _ := (&Request{Service: "openvpn", Prompts: []string{"login", "USERNAME"}, Login: Login{Username: "ada"}}).Append(nil)
	f.Add(b)
	b, _ = (&Answer{OK: true, Why: "x"}).Append(nil)
	f.Add(b)
	f.Add([]byte(magic + "\xff\xff"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if r, err := ParseRequest(b); err == nil {
			again, err := r.Append(nil)
			if err != nil || string(again) != string(b) {
				t.Errorf("read %q, which writes %q, %v", b, again, err)
			}
			r.Respond("login:", true)
		}
		if a, err := ParseAnswer(b); err == nil {
			if again, err := a.Append(nil); err != nil || string(again) != string(b) {
				t.Errorf("read %q, which writes %q, %v", b, again, err)
			}
		}
	})
}
