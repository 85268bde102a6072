package users

import "testing"

// TestSetSource: what another source knew is gone; the same one keeps it, and the user counts
// as one who was added.
func TestSetSource(t *testing.T) {
	signed := User{Name: "alice", Source: "oidc", Came: true, Subject: "1", Gone: "left", Password: "hash"}
	for source, want := range map[string]User{
		"oidc": {Source: "oidc", Subject: "1", Gone: "left", Password: "hash"},
		"ldap": {Source: "ldap", SignedOut: then},
		"":     {SignedOut: then},
	} {
		u := signed
		if err := u.SetSource(source, then); err != nil {
			t.Fatal(err)
		}
		if u.Source != want.Source || u.Came || u.Subject != want.Subject || u.Gone != want.Gone || u.Password != want.Password || !u.SignedOut.Equal(want.SignedOut) {
			t.Errorf("to %q: %+v, want %+v", source, u, want)
		}
	}
	if u := signed; u.SetSource("nis", then) == nil || !u.Came {
		t.Error("a source that there is not is taken")
	}
}
