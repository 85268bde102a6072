package records

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"slices"
	"testing"
	"time"

	"culvert/config"
	"culvert/operate/manage/api"
	"culvert/operate/manage/records/registrar"
)

// Do has an office asked by a Client, and notes the operation.
func (o *office) Do(ctx context.Context, method, path string, body any) (io.ReadCloser, error) {
	text := []byte{}
	if body != nil {
		var err error
		if text, err = json.Marshal(body); err != nil {
			return nil, err
		}
	}
	w := httptest.NewRecorder()
	r := httptest.NewRequestWithContext(api.As(ctx, api.Caller{Name: "anna", Scope: o.scope, Via: "socket"}), method, path, bytes.NewReader(text))
	o.asked = append(o.asked, method+" "+r.URL.Path)
	o.api.Handler().ServeHTTP(w, r)
	if w.Code >= 300 {
		refusal := new(api.Error)
		if err := json.Unmarshal(w.Body.Bytes(), refusal); err != nil {
			return nil, err
		}
		return nil, refusal
	}
	return io.NopCloser(w.Body), nil
}

// TestClient: each operation of the store has a method of the client, whose answer is what
// the server has. What is absent of a change stays, and null clears.
func TestClient(t *testing.T) {
	o := newOffice(t)
	o.cfg.Server.Web = config.Web{Listen: netip.MustParseAddrPort("0.0.0.0:8443"), URL: "https://vpn.example.org:8443"}
	c, ctx := Client{o}, t.Context()
	var refusal *api.Error
	until := time.Now().Add(48 * time.Hour).UTC().Truncate(time.Second)

	g, err := c.AddGroup(ctx, NewGroup{"staff", SetGroup{MaxDevices: To(3)}})
	if err != nil || g.Name != "staff" || *g.MaxDevices != 3 {
		t.Fatal(g, err)
	}
	u, err := c.AddUser(ctx, NewUser{Name: "alice", SetUser: SetUser{FullName: To("Alice"), Expires: To(until)}, Password: "four words in a row"})
	if err != nil || u.FullName != "Alice" || !u.Expires.Equal(until) || !u.Password {
		t.Fatal(u, err)
	}
	if u, err = c.SetUser(ctx, "alice", SetUser{Expires: Patch[time.Time]{Set: true}, Email: To("a@example.org")}); err != nil || u.FullName != "Alice" || !u.Expires.IsZero() || u.Email == "" {
		t.Error(u, err)
	}
	if g, err = c.SetGroup(ctx, "staff", ChangeGroup{Add: []string{"alice"}}); err != nil || *g.MaxDevices != 3 {
		t.Error(g, err)
	}
	if all, err := c.Users(ctx, Find{Group: "staff", Limit: 1}); err != nil || len(all.Users) != 1 || all.Next != "" {
		t.Error(all, err)
	}
	if all, err := c.Groups(ctx); err != nil || len(all.Groups) != 1 {
		t.Error(all, err)
	}
	if g, err = c.Group(ctx, "staff"); err != nil || g.Name != "staff" {
		t.Error(g, err)
	}
	if err := c.SetPassword(ctx, "alice", "four other words there"); err != nil {
		t.Error(err)
	}
	if err := c.SetPassword(ctx, "alice", ""); err != nil {
		t.Error(err)
	}
	if e, err := c.Enrol(ctx, "alice", EnrolmentStep{Step: "begin"}); err != nil || e.Key == "" {
		t.Error(e, err)
	}
	if keys, err := c.Keyring("alice").List(ctx); err != nil || len(keys.Passkeys) != 0 {
		t.Error(keys, err)
	}
	if err := c.Keyring("alice").Remove(ctx, "none at?all"); !errors.As(err, &refusal) || refusal.Code != unknownPasskey.Code {
		t.Error(err)
	}

	p, err := c.AddDevice(ctx, NewDevice{User: "alice", Name: "phone", Link: "24h"})
	if err != nil || p.CommonName != "phone.alice" || p.Link == "" || p.Profile != "" {
		t.Fatal(p, err)
	}
	if d, err := c.SetDevice(ctx, "phone.alice", SetDevice{Disabled: To(true)}); err != nil || d.State != "disabled" {
		t.Error(d, err)
	}
	if d, err := c.SetDevice(ctx, "phone.alice", SetDevice{Disabled: To(false)}); err != nil || d.State != "active" {
		t.Error(d, err)
	}
	if d, err := c.Device(ctx, "phone.alice"); err != nil || d.User != "alice" {
		t.Error(d, err)
	}
	if all, err := c.Devices(ctx, FindDevices{User: "alice"}); err != nil || len(all.Devices) != 1 {
		t.Error(all, err)
	}
	if u, err = c.User(ctx, "alice"); err != nil || len(u.Owns) != 1 || u.Password {
		t.Error(u, err)
	}
	if p, err = c.RenewDevice(ctx, "phone.alice", Renew{RevokeOld: true}); err != nil || p.Profile == "" || len(p.Revoked.Serials) != 1 {
		t.Error(p, err)
	}
	if r, err := c.Revoke(ctx, "phone.alice"); err != nil || r.Already {
		t.Error(r, err)
	}
	if ends, err := c.Certificates(ctx, FindCertificates{State: "revoked"}); err != nil || len(ends.Clients) != 1 {
		t.Error(ends, err)
	}
	if _, err := c.RemoveDevice(ctx, "phone.alice"); err != nil {
		t.Error(err)
	}
	if _, err := c.RemoveUser(ctx, "alice"); err != nil {
		t.Error(err)
	}
	if err := c.RemoveGroup(ctx, "staff"); err != nil {
		t.Error(err)
	}

	if page, err := c.Audit(ctx, FindAudit{What: "changed", Limit: 2, Since: time.Now().Add(-time.Hour)}); err != nil || len(page.Entries) != 2 {
		t.Error(page, err)
	}
	if h, err := c.Health(ctx); err != nil || h.Outcome != "well" {
		t.Error(h, err)
	}
	if p, err := c.Policy(ctx); err != nil || p.Rules != 1 {
		t.Error(p, err)
	}
	if a, err := c.CheckPolicy(ctx, Ask{Questions: []string{"what?"}}); err != nil || len(a.Answers) != 1 || a.Answers[0].Fault == "" {
		t.Error(a, err)
	}
	for _, op := range o.api.Ops() {
		if op.Path == api.DocumentPath {
			continue
		}
		one := regexp.MustCompile("^" + op.Method + " " + regexp.MustCompile(`\{\w+\}`).ReplaceAllString(op.Path, "[^/]+") + "$")
		if !slices.ContainsFunc(o.asked, one.MatchString) {
			t.Errorf("no method of the client asks for %s %s", op.Method, op.Path)
		}
	}
	_, err = c.User(ctx, "al ice?x=1")
	if !errors.As(err, &refusal) || refusal.Code != registrar.UnknownUser {
		t.Errorf("a name with signs of an address: %v", err)
	}
}
