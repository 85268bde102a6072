package pam

import "testing"

// TestRespond holds what OpenVPN 2.6.14's plugin answered the questions of a module, and
// which it left without an answer.
func TestRespond(t *testing.T) {
	const static = "SCRV1:Z29vZA==:NDcxMQ=="
	list := []string{"login", "USERNAME", "password", "PASSWORD", "pin", "OTP", "dom", "mydom", "cn", "COMMONNAME"}
	plain := Login{Username: "ada", Password: "good", CommonName: "cname"}
	withPin := Login{Username: "ada", Password: static, CommonName: "cname"}
	for _, test := range []struct {
		prompts  []string
		login    Login
		question string
		hidden   bool
		want     string
		silent   bool
	}{
		{nil, plain, "Password:", true, "good", false},
		{nil, plain, "login:", false, "ada", false},
		{nil, plain, "OTP:", false, "ada", false},
		{nil, withPin, "Password:", true, "good", false},
		{nil, Login{Username: "ada", Password: "SCRV1::NDcxMQ=="}, "Password:", true, "", false},
		{list, plain, "login:", false, "ada", false},
		{list, plain, "Password:", true, "good", false},
		{list, plain, "LoginX", false, "ada", false},
		{list, plain, "_LOGIN", false, "ada", false},
		{list, plain, "xlogin", false, "", true},
		{list, plain, "log", false, "", true},
		{list, plain, "(current)_UNIX_password", true, "", true},
		{list, plain, "pin", false, "", true},
		{list, plain, "domain", false, "mydom", false},
		{list, plain, "cn:", false, "cname", false},
		{list, Login{Username: "ada", Password: "good"}, "cn:", false, "", true},
		{list, withPin, "PINcode", false, "4711", false},
		{[]string{"u", "USERNAME", "u", "PASSWORD"}, plain, "up", false, "ada", false},
		{[]string{"a", "x-USERNAME-USERNAME"}, plain, "a", false, "x-ada-ada", false},
		{[]string{"a", "PASSWORD"}, Login{Username: "ada", Password: "USERNAME"}, "a", false, "USERNAME", false},
		{[]string{"", "mydom"}, plain, "whatever", false, "mydom", false},
		{[]string{"straße", "mydom"}, plain, "STRASSE", false, "", true},
	} {
		got, ok := NewRequest("probe", test.prompts, test.login).Respond(test.question, test.hidden)
		if ok == test.silent || got != test.want {
			t.Errorf("%q, prompts %q, %+v: %q, %v", test.question, test.prompts, test.login, got, ok)
		}
	}
}

// TestStatic: only what is SCRV1 from end to end is taken apart; all else is a password.
func TestStatic(t *testing.T) {
	for _, password := range []string{"", "good", "SCRV1:Z29vZA==", "SCRV1:bad:NDcxMQ==", "SCRV1:Z29vZA==:bad", "SCRV1:a:b:c", "CRV1:Z29vZA==:NDcxMQ=="} {
		if r := NewRequest("x", nil, Login{Password: password}); r.Password != password || r.OTP != "" {
			t.Errorf("%q: %+v", password, r)
		}
	}
}
