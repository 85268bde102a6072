package ldap

import (
	"testing"

	"github.com/go-ldap/ldap/v3"
)

// TestNames: a user's name is the entry's own, however it is typed.
func TestNames(t *testing.T) {
	for _, test := range []struct {
		filter    string
		holds     map[string][]string
		typed     string
		want      string
		elsewhere bool // the entry does not show it
	}{
		{filter: "(uid=%u)", holds: map[string][]string{"uid": {"ada"}}, typed: "ADA", want: "ada"},
		{filter: "(uid=%u)", holds: map[string][]string{"UID": {"lovelace", "Ada"}}, typed: "ada", want: "Ada"},
		{filter: "(&(objectClass=person)(|(uid=%u)(mail=%u@example.org)))", holds: map[string][]string{"uid": {"x"}, "mail": {"Ada@Example.org"}}, typed: "ada", want: "Ada"},
		{filter: "(sAMAccountName=%u)", holds: map[string][]string{"uid": {"ada"}}, typed: "ada", elsewhere: true},
		{filter: "(uid=%u)", holds: map[string][]string{"uid": {"eve"}}, typed: "ada", elsewhere: true},
		{filter: "(mail=%u@example.org)", holds: map[string][]string{"mail": {"@example.org"}}, typed: "", elsewhere: true},
		{filter: "(uid:caseExactMatch:=%u)", typed: "ada", elsewhere: true},
	} {
		got, ok := namesOf(test.filter).of(ldap.NewEntry("cn=x", test.holds), test.typed)
		if got != test.want || ok == test.elsewhere {
			t.Errorf("%s, %s: %q, %v", test.filter, test.typed, got, ok)
		}
	}
}
