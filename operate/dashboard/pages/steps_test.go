//go:build interop

package pages

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"image/png"
	"strings"
	"testing"

	"github.com/boombuler/barcode"
	"github.com/boombuler/barcode/qr"
	"github.com/chromedp/chromedp/kb"

	"culvert/operate/backend"
	"culvert/operate/dashboard/pages/browsertest"
)

// TestPeople: a person and a device are added, the QR code that is shown says the link, what
// cannot be undone is asked about first, and a fault is shown with what mends it.
func TestPeople(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	to(b, "#/people", "Alice Example")
	b.Click("Add a person")
	b.Fill("Name", "alice")
	b.Check("server-add-person")
	bed.set("POST /v1/users", `{"status":409,"code":"exists","detail":"user alice exists already","mend":"choose another name"}`)
	b.Click("Add")
	b.WaitText("user alice exists already")
	b.WaitText("choose another name")
	bed.set("POST /v1/users", `{"name":"erin"}`)
	bed.set("/v1/users/erin", `{"name":"erin","state":"active","groups":[],"devices":0}`)
	b.Fill("Name", "erin")
	b.Fill("Groups", "staff")
	b.Click("Add")
	bed.wantAsked(t, `POST /v1/users {"name":"erin","groups":["staff"]}`)
	b.WaitText("No devices yet")

	const link = "https://vpn.example.org:8443/get/abc"
	bed.set("POST /v1/devices", `{"common_name":"phone.erin","link":"`+link+`","connect_link":"openvpn://import-profile/https://vpn.example.org:8443/profile/abc","qr":"`+qrOf(t, link)+`","profile":"client\n"}`)
	b.Click("Add a device")
	b.Fill("Device", "phone")
	b.Click("Add")
	bed.wantAsked(t, `POST /v1/devices {"user":"erin","name":"phone","link":"24h"}`)
	b.WaitText("The profile is ready")
	b.Wait("document.querySelector('.qr img').naturalWidth > 0")
	b.Check("server-handed")
	if got := b.ReadQR(".qr img"); got != link {
		t.Errorf("the QR code says %q", got)
	}
	if got := browsertest.Eval[string](b, "document.querySelector('[data-link=\"handed.link\"]').value"); got != link {
		t.Errorf("the link is %q", got)
	}
	b.Click("Close")

	to(b, "#/person/alice", "laptop.alice")
	b.Click("Disable: laptop.alice")
	b.WaitText("cannot connect any more, and its session ends at once")
	b.Check("server-confirm")
	b.Press(kb.Escape)
	b.Wait("!document.querySelector('dialog')")
	b.Click("Disable: laptop.alice")
	b.Click("Disable")
	bed.wantAsked(t, `PATCH /v1/devices/laptop.alice {"disabled":true}`)
	b.Click("Revoke: laptop.alice")
	b.WaitText("This cannot be taken back")
	b.Click("Revoke")
	bed.wantAsked(t, `POST /v1/revoke {"name":"laptop.alice"}`)
	b.Wait("!document.querySelector('dialog')")
	b.Click("Remove")
	b.WaitText("alice is removed with their devices (2)")
	b.Click("Remove")
	bed.wantAsked(t, "DELETE /v1/users/alice")
	b.WaitText("Add a person")

	to(b, "#/policy", "allow group staff")
	bed.set("POST /v1/policy/check", `{"answers":[{"yes":true,"why":"policy:2: allow group staff to 10.0.0.0/8:443","line":2}]}`)
	b.Fill("Question", "can alice reach 10.1.2.3:443?")
	b.Press(kb.Enter)
	b.WaitText("Yes policy:2")
	b.Wait("document.querySelector('[aria-current=true]').id === 'line-2'")
	b.Check("server-policy-answer")
	b.Clean(bed.URL)
}

// qrOf is a QR code as the address of a picture.
func qrOf(t *testing.T, text string) string {
	t.Helper()
	code, err := qr.Encode(text, qr.M, qr.Auto)
	if err == nil {
		code, err = barcode.Scale(code, 290, 290)
	}
	var b bytes.Buffer
	if err == nil {
		err = png.Encode(&b, code)
	}
	if err != nil {
		t.Fatal(err)
	}
	return "data:image/png;base64," + base64.StdEncoding.EncodeToString(b.Bytes())
}

// TestKeyboard: all is reached with the keyboard alone, the focus is where people expect it,
// and comes back from a dialog.
func TestKeyboard(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	b.WaitText("laptop.alice")
	if got := b.Tab(); got != "Skip to content" {
		t.Errorf("the first is %q", got)
	}
	b.Press(kb.Enter)
	b.Wait("document.activeElement.id === 'main'")
	for b.Focus() != "Received" {
		b.Tab()
	}
	b.Press(kb.Enter)
	b.Wait("document.querySelector('[aria-sort=descending]').textContent.startsWith('Received')")
	for !strings.HasPrefix(b.Focus(), "Disconnect ") {
		b.Tab()
	}
	name := b.Focus()
	b.Press(kb.Enter)
	b.WaitText("Disconnect this session?")
	for range 5 { // the focus does not leave the dialog for the page
		b.Tab()
		b.Wait("document.activeElement === document.body || document.querySelector('dialog').contains(document.activeElement)")
	}
	b.Press(kb.Escape)
	b.Wait("!document.querySelector('dialog')")
	if got := b.Focus(); got != name {
		t.Errorf("after the dialog the focus is at %q, want %q", got, name)
	}
	browsertest.Eval[bool](b, "(document.querySelector('nav a[data-page=people]').focus(), true)")
	b.Press(kb.Enter)
	b.WaitText("Alice Example")
	if got := b.Focus(); got != "People and devices" {
		t.Errorf("on a new page the focus is at %q", got)
	}
	b.Resize(browsertest.Sizes[0])
	browsertest.Eval[bool](b, "(document.getElementById('menu').focus(), true)")
	b.Press(kb.Enter)
	b.Wait("document.getElementById('menu').getAttribute('aria-expanded') === 'true' && document.querySelector('nav a').checkVisibility()")
	b.Layout("the menu on a phone")
	b.Axe("the menu on a phone")
	b.Clean(bed.URL)
}

// TestStream: what happens is shown when it happens, of whatever kind it is; a connection that is
// lost is said to be, and goes on after the last event that came.
func TestStream(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	b.WaitText("laptop.alice")
	b.Wait("document.querySelector('path.line')")
	before := browsertest.Eval[string](b, "document.querySelector('path.line').getAttribute('d')")
	b.Wait("document.querySelector('path.line').getAttribute('d') !== " + quoted(before))

	b.StopPolling()
	var status map[string]any
	json.Unmarshal(bed.answers["/v1/status"], &status)
	all := status["peers"].([]any)
	shows := func(e backend.Event, name string) {
		t.Helper()
		status["peers"] = append(all[:2:2], map[string]any{"number": 99, "name": name, "remote": "udp 203.0.113.77:1", "bytes_in": 1, "bytes_out": 1})
		text, _ := json.Marshal(status)
		bed.set("/v1/status", string(text))
		bed.happen(e)
		b.WaitText(name)
	}
	shows(backend.Event{Kind: backend.Up, Number: new(uint64(99))}, "new.erin")
	shows(backend.Event{Kind: "of-a-later-version", Number: new(uint64(99))}, "newer.erin")
	shows(backend.Event{Kind: backend.Missed, Count: 3}, "newest.erin")
	b.Fill("Search", "erin 203.0")
	b.WaitText("1 of 3 match")
	b.WaitNoText("laptop.alice")

	b.Wait("!document.querySelector('.lost:not([hidden])')")
	bed.cut()
	b.WaitText("Connection lost")
	shows(backend.Event{Kind: backend.Up}, "last.erin") // before it is there again, or after
	b.Wait("document.querySelector('.lost').hidden")
	bed.mu.Lock()
	resumed := bed.resumed[len(bed.resumed)-1]
	bed.mu.Unlock()
	if !strings.HasPrefix(resumed, bed.kept.Epoch()+"-") {
		t.Errorf("the stream goes on after %q, want an event of %s", resumed, bed.kept.Epoch())
	}
}

func quoted(text string) string {
	b, _ := json.Marshal(text)
	return string(b)
}

// TestSignIn: who is not signed in sees the sign-in, gives a password and a code, and is in.
func TestSignIn(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	b.WaitText("laptop.alice")
	to(b, "#/account", "Sign out")
	bed.set("/auth/state", `{"signed_in":true,"can_enrol":true,"ways":["password","passkey","oidc"],"provider":"sso.example.org"}`)
	b.Click("Sign out")
	b.WaitText("Sign in with a passkey")
	b.WaitText("Sign in with sso.example.org")
	b.Check("signin")
	bed.set("POST /auth/password", `{"status":401,"code":"wrong-sign-in","detail":"wrong user name or password"}`)
	b.Fill("Name", "alice")
	b.Fill("Password", "wrong")
	b.Press(kb.Enter)
	b.WaitText("wrong user name or password")
	bed.set("POST /auth/password", `{"needs":"code","text":"The code of your app","echo":true}`)
	b.Fill("Password", "right")
	b.Press(kb.Enter)
	b.WaitText("The code of your app")
	b.Check("signin-code")
	b.Fill("Code", "123456")
	b.Press(kb.Enter)
	bed.wantAsked(t, `POST /auth/code {"code":"123456"}`)
	b.WaitText("Your passkeys")
	b.Click("Account: root")
	b.Open(bed.URL + "/#link=tok%2Fen")
	b.Wait("true")
	browsertest.Eval[bool](b, "(location.reload(), true)")
	bed.wantAsked(t, `POST /auth/link {"token":"tok/en"}`)
	b.WaitText("laptop.alice")
	if got := browsertest.Eval[string](b, "location.href"); strings.Contains(got, "tok") {
		t.Errorf("the token stays in %s", got)
	}
	b.Clean(bed.URL)
}
