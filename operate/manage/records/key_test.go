package records

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"culvert/operate/manage/records/registrar"
	"culvert/store"
)

// TestNoKey: where the authority's key is not there, nothing is added, and the error says
// which command to run where it is.
func TestNoKey(t *testing.T) {
	o := newOffice(t)
	o.ask(200, "POST", "/v1/users", `{"name":"alice"}`)
	key := filepath.Join(o.dir, "ca.key")
	if err := os.Rename(key, key+".away"); err != nil {
		t.Fatal(err)
	}
	e := o.ask(503, "POST", "/v1/devices", `{"user":"alice","name":"phone"}`)
	if mend, _ := e["mend"].(string); e["code"] != registrar.NoKey || !strings.Contains(mend, "culvert device add phone --user alice") {
		t.Errorf("%v", e)
	}
	if d := o.ask(200, "GET", "/v1/devices", ""); len(d["devices"].([]any)) != 0 {
		t.Errorf("%v", d)
	}
	if err := os.Rename(key+".away", key); err != nil {
		t.Fatal(err)
	}
	o.ask(200, "POST", "/v1/devices", `{"user":"alice","name":"phone"}`)
}

// TestUnreadableRecords: a record that cannot be read is named, and holds up no others; it can
// be removed.
func TestUnreadableRecords(t *testing.T) {
	o := newOffice(t)
	o.ask(200, "POST", "/v1/users", `{"name":"alice"}`)
	o.ask(200, "POST", "/v1/users", `{"name":"bob"}`)
	if _, err := o.store.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: "users/alice", Value: []byte(`{"v":99,"r":{}}`)}}}); err != nil {
		t.Fatal(err)
	}
	page := o.ask(200, "GET", "/v1/users", "")
	if len(page["users"].([]any)) != 1 || len(page["unreadable"].([]any)) != 1 {
		t.Errorf("%v", page)
	}
	if e := o.ask(409, "PATCH", "/v1/users/alice", `{"disabled":true}`); e["code"] != registrar.Unreadable {
		t.Errorf("%v", e)
	}
	o.ask(200, "DELETE", "/v1/users/alice", "")
	o.ask(200, "POST", "/v1/users", `{"name":"alice"}`)
}
