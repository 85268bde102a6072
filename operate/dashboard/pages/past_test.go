//go:build interop

package pages

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/operate/backend"
	"culvert/operate/dashboard/pages/browsertest"
)

const overNow = `{"status":404,"code":"not-found","detail":"there is no session of this number now","mend":"GET /v1/status has those there are"}`

// TestSessionEnds: the page of a session says when and why it ended, by the event that says so,
// goes on showing its life, offers nothing more to do, and leads to the history.
func TestSessionEnds(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	var is struct{ Session struct{ Since time.Time } }
	if err := json.Unmarshal(bed.answers["/v1/sessions/1"], &is); err != nil {
		t.Fatal(err)
	}
	past := fmt.Sprintf(`{"sessions":[{"id":"later","device":"laptop.alice","begin":%q},{"id":"this one","device":"laptop.alice","begin":%q}]}`,
		time.Now().UTC().Format(time.RFC3339Nano), is.Session.Since.Add(300*time.Millisecond).Format(time.RFC3339Nano))
	bed.set("/v1/history/sessions?name=laptop.alice&limit=20", past)
	to(b, "#/session/1", "Comes in")
	b.WaitText("Disconnect")
	b.StopPolling()
	bed.happen(backend.Event{Kind: backend.Left, Number: new(uint64(2)), Reason: "another one"})
	bed.happen(backend.Event{Kind: backend.CutOff, Number: new(uint64(1)), Reason: "disabled"})
	bed.set("/v1/sessions/1", overNow)
	bed.happen(backend.Event{Kind: backend.Left, Number: new(uint64(1)), Reason: "it was sent away", BytesIn: 7_000_000, BytesOut: 1})
	b.WaitText("This session ended on")
	b.WaitText("it was sent away")
	b.GoOnPolling() // what is asked from now on says that there is none
	main := func() string { return browsertest.Eval[string](b, "document.getElementById('main').innerText") }
	for _, want := range []string{"Comes in", "Sent away", "Left", "7 MB received", "Why it ended", "Certificate"} {
		if !strings.Contains(main(), want) {
			t.Errorf("no %q in\n%s", want, main())
		}
	}
	b.Wait("document.querySelector('.notice a')")
	if got := browsertest.Eval[string](b, "document.querySelector('.notice a').getAttribute('href')"); got != "#/past/this%20one" {
		t.Errorf("the history is at %s", got)
	}
	b.Check("server-session-ended")
	for _, bad := range []string{"Disconnect", "no session of this number", "GET /v1", "another one"} {
		if strings.Contains(main(), bad) {
			t.Errorf("%q in\n%s", bad, main())
		}
	}
	b.Clean(bed.URL)
}

// TestSessionGone: where its end was missed, or it was over before it was asked for, the page
// says so, too.
func TestSessionGone(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	to(b, "#/session/1", "Comes in")
	b.WaitText("Disconnect")
	bed.set("/v1/history/sessions", `{"sessions":[]}`)
	bed.set("/v1/sessions/1", overNow)
	bed.happen(backend.Event{Kind: backend.Missed, Count: 3})
	b.WaitText("This session has ended.")
	b.WaitText("Comes in")
	b.WaitNoText("Disconnect")
	b.Wait("document.querySelector('.notice a').getAttribute('href') === '#/history'")
	bed.set("/v1/sessions/77", overNow)
	to(b, "#/session/77", "There is no such session now")
	b.WaitNoText("GET /v1")
	b.Layout("server-session-none")
	if got := browsertest.Eval[string](b, "document.getElementById('main').innerText"); strings.Contains(got, "Disconnect") || strings.Contains(got, "handshake") {
		t.Errorf("of nobody's session:\n%s", got)
	}
}

// sessions are as many sessions of the history as there are numbers from one to another, which
// count up as they began earlier.
func sessions(from, to int, device, user string) string {
	var all []string
	for n := from; n <= to; n++ {
		began := time.Now().Add(-time.Duration(n) * time.Hour).UTC().Format(time.RFC3339)
		all = append(all, fmt.Sprintf(`{"id":"id%d","device":%q,"user":%q,"begin":%q,"end":%[4]q,"bytes_in":1,"bytes_out":1,"why":"reason %[1]d."}`, n, device, user, began))
	}
	return strings.Join(all, ",")
}

// TestHistoryGoesOn: of more sessions than one answer has it is said that there are more, and they
// are shown when they are asked for. A name finds devices and people, without gaps between them.
func TestHistoryGoesOn(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	const path = "/v1/history/sessions"
	bed.set(path, `{"after":"id100","sessions":[`+sessions(1, 100, "laptop.alice", "alice")+`]}`)
	bed.set(path+"?after=id100", `{"sessions":[`+sessions(101, 130, "laptop.alice", "alice")+`]}`)
	to(b, "#/history", "reason 100.")
	b.WaitText("The latest 100; there are more")
	b.Layout("server-history-more")
	b.Click("Show more")
	b.WaitText("reason 130.")
	b.WaitNoText("there are more")
	b.Wait("!document.querySelector('.under button:not([hidden])')")

	// A device called bob, lately and long ago, and a person of the name between.
	bed.set(path+"?name=bob", `{"after":"id3","sessions":[`+sessions(1, 3, "bob", "")+`]}`)
	bed.set(path+"?name=bob&after=id3", `{"sessions":[`+sessions(20, 20, "bob", "")+`]}`)
	bed.set(path+"?user=bob", `{"sessions":[`+sessions(2, 2, "phone.x", "bob")+`,`+sessions(10, 10, "phone.x", "bob")+`]}`)
	b.Fill("Person or device", "bob")
	b.Click("Show")
	b.WaitText("The latest 3; there are more")
	b.WaitNoText("reason 10.")
	b.Click("Show more")
	b.WaitText("reason 20.")
	b.WaitText("reason 10.")
	bed.set(path+"?name=carol", `{"sessions":[]}`)
	bed.set(path+"?user=carol", `{"sessions":[`+sessions(5, 5, "phone.carol", "carol")+`]}`)
	b.Fill("Person or device", "carol")
	b.Click("Show")
	b.WaitText("phone.carol")
	b.WaitNoText("reason 20.")
	b.Clean(bed.URL)
}
