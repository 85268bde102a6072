//go:build interop

package pages

import (
	"strings"
	"testing"

	"culvert/operate/dashboard/pages/browsertest"
)

// TestOthersSignIn: whoever administers sets up an app for codes of another person, whose QR
// code says the key and whose recovery codes are shown once, has new codes made, and removes
// the app and a passkey.
func TestOthersSignIn(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	const url = "otpauth://totp/vpn:bob?secret=GEZDGNBVGY3TQOJQ"
	bed.set("POST /v1/users/bob/totp", `{"key":"GEZD GNBV","url":"`+url+`","qr":"`+qrOf(t, url)+`"}`)
	to(b, "#/person/bob", "phone.bob")
	b.WaitText("No passkeys.")
	b.Click("Set up one-time codes")
	b.WaitText("once the app")
	b.Click("Make a key")
	bed.wantAsked(t, `POST /v1/users/bob/totp {"step":"begin"}`)
	b.Wait("document.querySelector('.qr img')?.naturalWidth > 0")
	b.Check("server-code")
	if got := b.ReadQR(".qr img"); got != url {
		t.Errorf("the QR code says %q", got)
	}
	bed.set("POST /v1/users/bob/totp", `{"status":422,"code":"invalid","detail":"that is not the code","mend":"look at the clocks"}`)
	b.Fill("Code", "000000")
	b.Click("Confirm")
	b.WaitText("that is not the code")
	bed.set("POST /v1/users/bob/totp", `{"recovery":["aaaa-bbbb","cccc-dddd"]}`)
	b.Fill("Code", "123456")
	b.Click("Confirm")
	bed.wantAsked(t, `POST /v1/users/bob/totp {"step":"confirm","code":"123456"}`)
	b.WaitText("cccc-dddd")
	b.Check("server-recovery")
	b.Click("Close")
	b.WaitNoText("cccc-dddd")

	to(b, "#/person/alice", "laptop.alice")
	bed.set("POST /v1/users/alice/totp", `{"recovery":["eeee-ffff"]}`)
	b.Click("New recovery codes")
	b.Click("Make new ones")
	bed.wantAsked(t, `POST /v1/users/alice/totp {"step":"recovery"}`)
	b.WaitText("eeee-ffff")
	// The page is made anew when the dialog has closed, which closes dialogs that are open then.
	browsertest.Eval[bool](b, "(document.querySelector('#main .facts').setAttribute('data-former', ''), true)")
	b.Click("Close")
	b.Wait("document.querySelector('#main .facts:not([data-former])')")
	b.Click("Another app for codes")
	b.WaitText("no longer good at once")
	b.Click("Cancel")
	b.Click("Remove: phone")
	b.WaitText("phone does not sign alice in any more")
	b.Click("Remove")
	bed.wantAsked(t, "DELETE /v1/users/alice/passkeys/0123456789abcdef0123456789abcdef")
	b.Wait("!document.querySelector('dialog')")
	b.Click("Remove one-time codes")
	b.Click("Remove")
	bed.wantAsked(t, `POST /v1/users/alice/totp {"step":"remove"}`)
	b.Clean(bed.URL)
}

// TestMembers: people are put into a group and taken out of it, by whoever administers alone.
func TestMembers(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	to(b, "#/groups", "certificate+password")
	b.Click("staff")
	b.WaitText("Alice Example")
	b.WaitNoText("carol")
	b.Click("Take out: alice")
	b.WaitText("alice is in staff no more")
	b.Click("Take out")
	bed.wantAsked(t, `PATCH /v1/groups/staff {"remove":["alice"]}`)
	b.Wait("!document.querySelector('dialog')")
	b.Click("Put people in")
	b.Fill("Put in", "carol dave")
	b.Click("Add")
	bed.wantAsked(t, `PATCH /v1/groups/staff {"add":["carol","dave"]}`)
	b.Wait("!document.querySelector('dialog')")

	process := string(bed.answers["/v1/process"])
	looking := strings.Replace(process, `"administer"`, `"read"`, 1)
	if looking == process {
		t.Fatal("the bed's process does not say what may be done")
	}
	bed.set("/v1/process", looking)
	b.Open(bed.URL + "/?looking") // anew: who is signed in is asked for once
	b.WaitText("laptop.alice")
	for hash, shown := range map[string]string{"#/group/staff": "Alice Example", "#/person/alice": "Their passkeys for the dashboard"} {
		to(b, hash, shown)
		text := browsertest.Eval[string](b, "document.getElementById('main').innerText")
		for _, button := range []string{"Take out", "Put people in", "one-time codes", "Remove"} {
			if strings.Contains(text, button) {
				t.Errorf("who may only look is offered %q at %s", button, hash)
			}
		}
	}
	b.Clean(bed.URL)
}
