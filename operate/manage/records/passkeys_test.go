package records

import (
	"testing"
	"time"

	"culvert/access/passkeys"
	"culvert/access/users"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
	"culvert/store"
)

// TestPasskeys: an administrator removes a passkey of another one, who is signed out by that;
// whoever may only look sees them, and nobody sees what proves that one was used.
func TestPasskeys(t *testing.T) {
	o := newOffice(t)
	for _, name := range []string{"alice", "bob"} {
		o.ask(200, "POST", "/v1/users", `{"name":"`+name+`"}`)
	}
	book := users.NewBook(o.store, time.Now)
	before, _, err := book.User(t.Context(), "alice")
	if err != nil {
		t.Fatal(err)
	}
	p := passkeys.Passkey{User: "alice", Since: before.Created, Name: "phone", Created: time.Now(), ID: []byte{1}, PublicKey: []byte{2}}
	value, err := store.Encode(passkeys.Version, p)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.store.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: passkeys.Key(p.ID), Value: value}}}); err != nil {
		t.Fatal(err)
	}
	at := "/passkeys/" + passkeys.Digest(p.ID)
	o.scope = api.Read
	all := o.ask(200, "GET", "/v1/users/alice/passkeys", "")["passkeys"].([]any)
	if len(all) != 1 || all[0].(map[string]any)["name"] != "phone" || "/passkeys/"+all[0].(map[string]any)["id"].(string) != at || all[0].(map[string]any)["public_key"] != nil || all[0].(map[string]any)["used"] != nil {
		t.Errorf("%v", all)
	}
	o.scope = api.Operate
	o.ask(403, "DELETE", "/v1/users/alice"+at, "")
	o.scope = api.Administer
	if e := o.ask(404, "DELETE", "/v1/users/bob"+at, ""); e["code"] != "unknown-passkey" || e["mend"] == nil {
		t.Errorf("%v", e)
	}
	if e := o.ask(404, "GET", "/v1/users/erin/passkeys", ""); e["code"] != registrar.UnknownUser {
		t.Errorf("%v", e)
	}
	o.ask(204, "DELETE", "/v1/users/alice"+at, "")
	o.ask(404, "DELETE", "/v1/users/alice"+at, "")
	if all := o.ask(200, "GET", "/v1/users/alice/passkeys", "")["passkeys"].([]any); len(all) != 0 {
		t.Errorf("%v", all)
	}
	if after, _, err := book.User(t.Context(), "alice"); err != nil || after.SignedOut.Equal(before.SignedOut) {
		t.Errorf("alice stays signed in: %v, %v", after, err)
	}
	found := false
	for _, e := range o.ask(200, "GET", "/v1/audit?what=changed", "")["entries"].([]any) {
		found = found || e.(map[string]any)["command"] == "DELETE /v1/users/alice"+at
	}
	if !found {
		t.Error("the audit log does not say who removed it")
	}
}
