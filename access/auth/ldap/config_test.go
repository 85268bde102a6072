package ldap

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

// example is like the file that Debian's package has as its example.
const example = `<LDAP>
	# LDAP server URL
	URL		ldap://ldap1.example.org
	Timeout		15
	TLSEnable	yes
	FollowReferrals yes
	TLSCACertFile	/usr/local/etc/ssl/ca.pem # a comment
</LDAP>

<Authorization>
	BaseDN		"ou=People,dc=example,dc=com"
	SearchFilter	"(&(uid=%u)(accountStatus=active))"
	RequireGroup	false
	<Group>
		BaseDN		"ou=Groups,dc=example,dc=com"
		SearchFilter	"(|(cn=developers)(cn=artists))"
		MemberAttribute	uniqueMember
	</Group>
</Authorization>`

func TestParse(t *testing.T) {
	c, err := Parse("x.conf", []byte(example))
	if err != nil {
		t.Fatal(err)
	}
	want := &Config{URLs: []string{"ldap://ldap1.example.org"}, Timeout: 15 * time.Second, StartTLS: true, CAFile: "/usr/local/etc/ssl/ca.pem",
		BaseDN: "ou=People,dc=example,dc=com", Filter: "(&(uid=%u)(accountStatus=active))",
		Groups: []Group{{BaseDN: "ou=Groups,dc=example,dc=com", Filter: "(|(cn=developers)(cn=artists))", Member: "uniqueMember"}},
		Notes: []Note{{6, "FollowReferrals: has no effect: a referral leads to a server that this file does not name, and the password would go to the server of URL all the same; name the server that has the users in URL"},
			{13, "RequireGroup: says no, so that groups have no effect"}}}
	if !reflect.DeepEqual(c, want) {
		t.Errorf("got\n%+v\nwant\n%+v", c, want)
	}
}

// TestForms are other ways to write what the file may say.
func TestForms(t *testing.T) {
	c, err := Parse("x.conf", []byte(strings.ReplaceAll(`<ldap>
url "ldaps://a.example:6636 ldapi://%2Frun%2Fslapd%2Fldapi"
BindDN "cn=a b,dc=x"
PASSWORD s#cret"
Timeout 0
TLSCertFile c
TLSKeyFile k
TLSCipherSuite ALL:!ADH:@STRENGTH
tlsenable 0
</ldap>
<AUTHORIZATION>
BaseDN dc=x
SearchFilter "(|(uid=%u)
 (mail=%u))"
RequireGroup TRUE
PasswordIsCR 1
<Group>
BaseDN dc=x
SearchFilter (cn=*)
MemberAttribute member:1.2.840.113556.1.4.1941:
RFC2307bis false
UseCompareOperation no
</Group>
</AUTHORIZATION>
`, "s#cret\"", "s#cret")))
	if err != nil {
		t.Fatal(err)
	}
	if c.Password != "s#cret" || c.Filter != "(|(uid=%u)(mail=%u))" || !c.RequireGroup || !c.ChallengeResponse || c.Timeout != defaultTimeout ||
		!reflect.DeepEqual(c.URLs, []string{"ldaps://a.example:6636", "ldapi://%2Frun%2Fslapd%2Fldapi"}) ||
		!reflect.DeepEqual(c.Groups, []Group{{BaseDN: "dc=x", Filter: "(cn=*)", Member: "member:1.2.840.113556.1.4.1941:", ByName: true, Search: true}}) {
		t.Errorf("got %+v", c)
	}
}

// TestFaults: what is wrong is said with its place.
func TestFaults(t *testing.T) {
	for _, test := range []struct{ from, to, want string }{
		{"<LDAP>", "<BadSection>", `x.conf:1: <BadSection>: is no section; expected <LDAP>`},
		{"<LDAP>", "<LDAP Fred>", `x.conf:1: <LDAP>: the section may have no name`},
		{"</LDAP>", "</Fred>", `x.conf:8: </Fred>: expected </LDAP>`},
		{"</LDAP>", "", `<Authorization>: may not stand inside of section LDAP; close that first`},
		{"</Authorization>", "", `x.conf:19: Authorization: the section is not closed`},
		{"</LDAP>", "</LDAP> x", `x.conf:8: LDAP: expected one section in the line`},
		{"<LDAP>", "<LDAP", `x.conf:1: LDAP: expected one section in the line`},
		{"	URL		ldap://ldap1.example.org\n", "", `x.conf:7: </LDAP>: section LDAP has no URL`},
		{"ldap://ldap1.example.org", "ldap1.example.org", `x.conf:3: URL: "ldap1.example.org": expected the address of an LDAP server`},
		{"ldap://ldap1.example.org", "ldap://a:b@ldap1", `expected the address`},
		{"ldap://ldap1.example.org", "", `x.conf:3: URL: expected a value`},
		{"URL		", "URL ldap://a\nURL ", `x.conf:4: URL: stands there already`},
		{"Timeout		15", "Timeout soon", `x.conf:4: Timeout: "soon": expected seconds`},
		{"TLSEnable	yes", "TLSEnable maybe", `x.conf:5: TLSEnable: "maybe": expected yes or no`},
		{"Timeout		15", "Password a b", `x.conf:4: Password: expected one value; one with blanks needs quotes`},
		{"Timeout		15", `Password "a`, `x.conf:4: Password: expected one value; one with blanks needs quotes`},
		{"uniqueMember", `"a`, `MemberAttribute: expected a quote at the end`},
		{"Timeout		15", "Colour red", `x.conf:4: Colour: is no key of section LDAP; expected one of URL,`},
		{"Timeout		15", "=", `x.conf:4: expected a key of letters`},
		{"Timeout		15", "BindDN cn=x", `x.conf:4: BindDN: "cn=x": needs a Password`},
		{"Timeout		15", "BindDN x", `x.conf:4: BindDN: "x": expected the name of an entry`},
		{"Timeout		15", "TLSKeyFile x", `x.conf:4: TLSKeyFile: a certificate of this side needs its key`},
		{"ldap://ldap1", "ldaps://ldap1", `x.conf:5: TLSEnable: "yes": cannot be beside a URL with ldaps`},
		{"RequireGroup	false", "PFTable x", `x.conf:13: PFTable: "x": there is no packet filter`},
		{"uid=%u", "uid=ada", `x.conf:12: SearchFilter: "(&(uid=ada)(accountStatus=active))": expected %u`},
		{"(&(uid=%u)", "((uid=%u)", `x.conf:12: SearchFilter:`},
		{"MemberAttribute	uniqueMember", "", `</Group>: section Group has no MemberAttribute`},
		{"uniqueMember", "(", `MemberAttribute: "(": expected a filter`},
		{"<LDAP>", "Timeout 5\n<LDAP>", `x.conf:1: Timeout: stands outside of a section`},
		{"<LDAP>", "</LDAP>\n<LDAP>", `x.conf:1: </LDAP>: expected no end of a section`},
		{"<LDAP>", "<Group>\n<LDAP>", `<Group>: is no section; expected <LDAP> or <Authorization>; <Group> stands inside`},
	} {
		text := strings.Replace(example, test.from, test.to, 1)
		if text == example {
			t.Fatalf("%q is not in the example", test.from)
		}
		_, err := Parse("x.conf", []byte(text))
		if err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q for %q: %v, want %s", test.to, test.from, err, test.want)
		}
	}
	if _, err := Parse("x.conf", nil); err == nil || !strings.Contains(err.Error(), "there is no section <LDAP>") {
		t.Error(err)
	}
	needsGroup := strings.Replace(example[:strings.Index(example, "	<Group>")], "false", "true", 1) + "</Authorization>"
	if _, err := Parse("x.conf", []byte(needsGroup)); err == nil || !strings.Contains(err.Error(), "x.conf:13: RequireGroup: \"yes\": there is no <Group>") {
		t.Error(err)
	}
}

// TestInTheClear: that passwords cross a network in the clear is said.
func TestInTheClear(t *testing.T) {
	for url, want := range map[string]bool{"ldap://ldap.example.org": true, "ldap://10.0.0.1:3890": true, "ldaps://a ldap://b": true, "ldap://127.0.0.1:3890": false,
		"ldap://[::1]": false, "ldap://localhost/": false, "ldaps://ldap.example.org": false, "ldapi:///run/slapd/ldapi": false} {
		text := strings.NewReplacer("ldap://ldap1.example.org", `"`+url+`"`, "TLSEnable	yes", "TLSEnable	no").Replace(example)
		c, err := Parse("x.conf", []byte(text))
		if err != nil {
			t.Fatal(err)
		}
		said := slices.ContainsFunc(c.Notes, func(n Note) bool { return n.Line == 3 && strings.Contains(n.Text, "in the clear") })
		if said != want {
			t.Errorf("%s: %+v", url, c.Notes)
		}
	}
}

// TestNoSecretInErrors: the password is in no message.
func TestNoSecretInErrors(t *testing.T) {
	for _, line := range []string{"Password hunter2 x", "Password \"hunter2\nTimeout 5", "Password hunter2\nPassword hunter2", "Password hunter2\nTLSEnable x",
		"URL ldap://cn=x:hunter2@ldap.example.org", "URL ldap://hunter2%@x"} {
		_, err := Parse("x.conf", []byte(strings.Replace(example, "Timeout		15", line, 1)))
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%q: %v", line, err)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(example))
	f.Add([]byte("<LDAP>\nURL \"ldap://a\nb\"\n</LDAP>#x"))
	f.Fuzz(func(t *testing.T, text []byte) {
		c, err := Parse("x.conf", text)
		var fault *Error
		switch {
		case err != nil && !errors.As(err, &fault):
			t.Errorf("an error of another kind: %v", err)
		case err != nil && (fault.Line < 1 || fault.Line > 1+strings.Count(string(text), "\n")):
			t.Errorf("line %d: %v", fault.Line, err)
		case err == nil && (len(c.URLs) == 0 || c.BaseDN == "" || !strings.Contains(c.Filter, userWord) || c.Timeout <= 0 || c.RequireGroup && len(c.Groups) == 0):
			t.Errorf("taken: %+v", c)
		}
	})
}
