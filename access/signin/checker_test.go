package signin

import (
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"culvert/access/auth"
	"culvert/access/onetime"
	"culvert/access/users"
)

// TestNobodyToSignIn: without users everybody comes in as before.
func TestNobodyToSignIn(t *testing.T) {
	w := newWorld(t, nil)
	for _, r := range []*auth.Request{client("laptop", "", ""), client("laptop", "ada", "x"), client("", "", "")} {
		if v := w.check(r); !v.OK || v.User != "" || v.Remember {
			t.Errorf("%+v", v)
		}
	}
}

func TestCheck(t *testing.T) {
	w := newWorld(t, people(t))
	const own, pair = "this needs the profile of one of your own devices", "a user name and a password, or the profile of one of your own devices, are needed here"
	for _, c := range []struct{ name, cn, user, password, want string }{
		{"a client of client add", "laptop", "", "", "in as "},
		{"nothing at all", "", "", "", pair},
		{"certificate and password", "phone.alice", "alice", "correct horse", "in as alice, remembered"},
		{"certificate alone, and there is a password", "phone.alice", "", "", "a user name and a password are needed here"},
		{"certificate alone", "laptop.bert", "", "", "in as bert"},
		{"certificate, and a password that nobody asked for", "laptop.bert", "bert", "x", "in as bert"},
		{"wrong password", "phone.alice", "alice", "correct hors", wrong},
		{"another's certificate", "laptop.bert", "alice", "correct horse", "this profile is that of another user"},
		{"own password, certificate of client add", "laptop", "alice", "correct horse", own},
		{"own password, no certificate", "", "alice", "correct horse", own},
		{"wrong password, no certificate", "", "alice", "x", wrong},
		{"nobody's name", "", "nobody", "x", wrong},
		{"nobody's name, no password", "", "nobody", "", pair},
		{"a name, no password, no certificate", "", "alice", "", pair},
		{"disabled", "phone.emil", "emil", "emil's words", "user emil is disabled"},
		{"disabled, for who has not shown to be them", "", "emil", "x", wrong},
		{"an old hand's user name", "phone.alice", "ALICE", "correct horse", "give alice as your user name here"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := said(w.check(client(c.cn, c.user, c.password))); got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// TestCodeWithThePassword: clients that cannot be asked have the code in the answer of a
// static challenge, or at the end of the password.
func TestCodeWithThePassword(t *testing.T) {
	b64 := base64.StdEncoding.EncodeToString
	for name, password := range map[string]func(code string) string{
		"static challenge": func(code string) string { return "SCRV1:" + b64([]byte("battery staple")) + ":" + b64([]byte(code)) },
		"at the end":       func(code string) string { return "battery staple" + code },
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, people(t))
			w.o.Now = func() time.Time { return start }
			good := password(onetime.At([]byte("12345678901234567890"), start))
			if v := w.check(client("", "cleo", good)); said(v) != "in as cleo, remembered" {
				t.Fatalf("%+v", v)
			}
			if v := w.check(client("", "cleo", good)); v.OK {
				t.Error("a code was good twice")
			}
			if v := w.check(client("", "cleo", password("000000"))); v.OK {
				t.Error("a wrong code is good")
			}
		})
	}
}

// crv1 takes a challenge apart.
func crv1(t *testing.T, v auth.Verdict) (id, text string) {
	t.Helper()
	parts := strings.SplitN(v.Reason, ":", 5)
	if v.OK || len(parts) != 5 || parts[0] != "CRV1" {
		t.Fatalf("no challenge: %+v", v)
	}
	return parts[2], parts[4]
}

// TestDynamicChallenge: a client that gave the password alone is asked for the code, and
// answers on its next connection.
func TestDynamicChallenge(t *testing.T) {
	w := newWorld(t, people(t))
	w.o.Now = func() time.Time { return start }
	code := onetime.At([]byte("12345678901234567890"), start)
	id, text := crv1(t, w.check(client("", "cleo", "battery staple")))
	if text != "Code of your authenticator app" {
		t.Errorf("asked %q", text)
	}
	for _, thief := range []*auth.Request{client("", "dora", "CRV1::"+id+"::"+code), client("phone.alice", "cleo", "CRV1::"+id+"::"+code), client("", "cleo", "CRV1::x::"+code)} {
		if v := w.check(thief); v.OK {
			t.Errorf("%s answered another's question", thief.Username)
		}
	}
	again, text := crv1(t, w.check(client("", "cleo", "CRV1::"+id+"::000000")))
	if !strings.HasPrefix(text, "Wrong code") {
		t.Errorf("asked %q", text)
	}
	if v := w.check(client("", "cleo", "CRV1::"+id+"::"+code)); v.OK {
		t.Error("a question was answered twice")
	}
	if v := w.check(client("", "cleo", "CRV1::"+again+"::"+code)); said(v) != "in as cleo, remembered" {
		t.Errorf("%+v", v)
	}
	id, _ = crv1(t, w.check(client("", "cleo", "battery staple")))
	w.o.Now = func() time.Time { return start.Add(waitingTime) }
	if v := w.check(client("", "cleo", "CRV1::"+id+"::"+onetime.At([]byte("12345678901234567890"), start.Add(waitingTime)))); v.OK {
		t.Error("a question of five minutes ago was answered")
	}
}

// TestQuestionOnTheConnection: a client that can be asked meanwhile is (CR_TEXT).
func TestQuestionOnTheConnection(t *testing.T) {
	w := newWorld(t, people(t))
	code := onetime.At([]byte("12345678901234567890"), time.Now())
	for _, c := range []struct{ answer, want string }{
		{base64.StdEncoding.EncodeToString([]byte(code)), "in as cleo, remembered"},
		{code + "!", "the answer cannot be read: expected base64"},
	} {
		answers := make(chan string, 1)
		r := client("", "cleo", "battery staple", able("webauth", "crtext"))
		r.Answers = answers
		v := w.Check(t.Context(), r, func(p auth.Pending) {
			if p.Extra != "CR_TEXT:R:Code of your authenticator app" {
				t.Errorf("%+v", p)
			}
			answers <- c.answer
		})
		if said(v) != c.want {
			t.Errorf("%+v, want %s", v, c.want)
		}
	}
}

// TestEnrolment: who needs codes and has no app for them is shown a key, the same until a
// code was right.
func TestEnrolment(t *testing.T) {
	w := newWorld(t, people(t))
	w.o.Now = func() time.Time { return start }
	_, first := crv1(t, w.check(client("", "dora", "dora's words")))
	id, text := crv1(t, w.check(client("", "dora", "dora's words")))
	secret := w.user("dora").TOTP.Secret
	if first != text || !strings.Contains(text, onetime.Groups(onetime.Text(secret), " ")) {
		t.Errorf("shown %q, then %q", first, text)
	}
	id, _ = crv1(t, w.check(client("", "dora", "CRV1::"+id+"::000000")))
	if u := w.user("dora"); u.TOTP.Confirmed {
		t.Error("a wrong code confirmed")
	}
	if v := w.check(client("", "dora", "CRV1::"+id+"::"+onetime.At(secret, start))); said(v) != "in as dora, remembered" {
		t.Errorf("%+v", v)
	}
	if u := w.user("dora"); !u.TOTP.Confirmed {
		t.Error("not confirmed")
	}
	if _, text := crv1(t, w.check(client("", "dora", "dora's words"))); text != "Code of your authenticator app" {
		t.Errorf("shown again: %q", text)
	}
}

// TestRecoveryCode: one is good in place of a code, once.
func TestRecoveryCode(t *testing.T) {
	records := people(t)
	var random strings.Builder
	for i := range 100 {
		random.WriteByte(byte(i))
	}
	codes, hashes, err := onetime.NewRecovery(strings.NewReader(random.String()))
	if err != nil {
		t.Fatal(err)
	}
	cleo := records["users/cleo"].(users.User)
	cleo.Recovery = hashes[:3]
	records["users/cleo"] = cleo
	w := newWorld(t, records)
	id, _ := crv1(t, w.check(client("", "cleo", "battery staple")))
	if v := w.check(client("", "cleo", "CRV1::"+id+"::"+codes[0])); said(v) != "in as cleo, remembered" {
		t.Errorf("%+v", v)
	}
	for _, behind := range []string{codes[1], strings.ToUpper(strings.ReplaceAll(codes[2], "-", ""))} {
		if v := w.check(client("", "cleo", "battery staple"+behind)); said(v) != "in as cleo, remembered" {
			t.Errorf("%s behind the password: %+v", behind, v)
		}
		if v := w.check(client("", "cleo", "battery staple"+behind)); v.OK {
			t.Errorf("%s behind the password was good twice", behind)
		}
	}
	if left := w.user("cleo").Recovery; len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	id, _ = crv1(t, w.check(client("", "cleo", "battery staple")))
	if v := w.check(client("", "cleo", "CRV1::"+id+"::"+codes[0])); v.OK {
		t.Error("a recovery code was good twice")
	}
}

// TestTokens: a token stands for a login only as long as its user may come in, and until
// the password is changed.
func TestTokens(t *testing.T) {
	records := people(t)
	alice := records["users/alice"].(users.User)
	emil := records["users/emil"].(users.User)
	good := noteOf(users.Way{users.Password}, &alice)
	before := alice
	before.SignedOut = start
	w := newWorld(t, records)
	for _, c := range []struct {
		name, cn, user string
		note           []byte
		want           string
	}{
		{"good", "phone.alice", "alice", good, "in as alice, remembered"},
		{"of before the password was changed", "phone.alice", "alice", noteOf(users.Way{users.Password}, &before), expired},
		{"of a server without users", "phone.alice", "alice", nil, expired},
		{"of a login that showed less", "phone.alice", "alice", noteOf(nil, &alice), expired},
		{"without the certificate", "", "alice", good, expired},
		{"disabled", "phone.emil", "emil", noteOf(users.Way{users.Password}, &emil), "user emil is disabled"},
		{"removed", "", "nobody", good, expired},
		{"without a name", "", "", good, expired},
		{"with another's certificate", "laptop.bert", "alice", good, "the certificate is that of device laptop of bert, and not of alice"},
	} {
		r := client(c.cn, c.user, "SESS_ID_AT_x", func(r *auth.Request) { r.Token = &auth.Token{Began: start, Note: c.note} })
		if got := said(w.check(r)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// TestHashIsMadeAnew: a password whose hash takes less work than one of today gets one.
func TestHashIsMadeAnew(t *testing.T) {
	w := newWorld(t, people(t))
	w.sources[0].Source.(*Local).params.Passes = 2
	before := w.user("alice").Password
	for range 2 {
		if v := w.check(client("phone.alice", "alice", "correct horse")); !v.OK {
			t.Fatalf("%+v", v)
		}
	}
	if after := w.user("alice").Password; after == before || !strings.Contains(after, "t=2") {
		t.Errorf("%s became %s", before, after)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("CRV1::0123::456")
	f.Add("SCRV1:YQ==:MQ==")
	f.Fuzz(func(t *testing.T, text string) {
		id, answer, ok := parseAnswer(text)
		if ok && "CRV1::"+id+"::"+answer != text {
			t.Errorf("%q: %q %q", text, id, answer)
		}
		if password, code := split(text); code == "" && password != text && !strings.HasPrefix(text, "SCRV1:") {
			t.Errorf("%q: %q", text, password)
		}
	})
}

// TestDeviceWithoutRecord: a device whose record is gone does not come in as a client
// without a user, also where there is no user at all.
func TestDeviceWithoutRecord(t *testing.T) {
	for name, records := range map[string]map[string]any{"others": people(t), "nobody": nil} {
		w := newWorld(t, records)
		device := func(r *auth.Request) { r.Device = true }
		if v := w.check(client("old.gone", "", "", device)); v.OK || v.Err != nil {
			t.Errorf("%s: %+v", name, v)
		}
		if v := w.check(client("old.gone", "alice", "", device, func(r *auth.Request) { r.Token = new(auth.Token) })); v.OK {
			t.Errorf("%s, with a token: %+v", name, v)
		}
		if v := w.check(client("plain", "", "")); !v.OK {
			t.Errorf("%s, a client without a user: %+v", name, v)
		}
	}
	w := newWorld(t, people(t))
	if v := w.check(client("laptop.bert", "", "", func(r *auth.Request) { r.Device = true })); !v.OK {
		t.Errorf("a device that is known: %+v", v)
	}
}
