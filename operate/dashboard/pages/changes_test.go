//go:build interop

package pages

import (
	"strings"
	"testing"

	"culvert/operate/dashboard/pages/browsertest"
)

// reopen opens the pages anew as somebody of another scope.
func reopen(t *testing.T, bed *bed, b *browsertest.Browser, scope string) {
	t.Helper()
	process := string(bed.answers["/v1/process"])
	other := strings.Replace(process, `"administer"`, `"`+scope+`"`, 1)
	if other == process {
		t.Fatal("the bed's process does not say what may be done")
	}
	bed.set("/v1/process", other)
	b.Open(bed.URL + "/?" + scope) // anew: who is signed in is asked for once
	b.WaitText("laptop.alice")
}

// TestOperate: who may operate is offered to disable and enable people and devices, and nothing
// else of them.
func TestOperate(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	b.WaitText("laptop.alice")
	reopen(t, bed, b, "operate")
	to(b, "#/person/alice", "Their passkeys for the dashboard")
	text := browsertest.Eval[string](b, "document.getElementById('main').innerText")
	for _, button := range []string{"Change", "Set password", "Add a device", "New profile", "Revoke", "Remove", "one-time codes", "recovery codes"} {
		if strings.Contains(text, button) {
			t.Errorf("who may operate is offered %q", button)
		}
	}
	b.Layout("server-person-operate")
	b.Click("Disable: laptop.alice")
	b.Click("Disable")
	bed.wantAsked(t, `PATCH /v1/devices/laptop.alice {"disabled":true}`)
	b.Wait("!document.querySelector('dialog')")
	b.Click("Disable")
	b.WaitText("sessions end at once")
	b.Click("Disable")
	bed.wantAsked(t, `PATCH /v1/users/alice {"disabled":true}`)
	b.Wait("!document.querySelector('dialog')")
	bed.set("/v1/users/alice", `{"name":"alice","state":"disabled","disabled":true,"groups":[],"devices":0}`)
	to(b, "#/people", "Alice Example")
	to(b, "#/person/alice", "disabled")
	b.Click("Enable")
	bed.wantAsked(t, `PATCH /v1/users/alice {"disabled":false}`)
	b.Clean(bed.URL)
}

// TestNoPolicy: where there is no policy, the page says what holds then, and tries texts.
func TestNoPolicy(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	bed.set("/v1/policy", `{"status":409,"code":"unsupported","detail":"the server has no policy","mend":"add the line policy FILE to server.conf"}`)
	bed.set("POST /v1/policy/check", `{"faults":["the text:1: nobody is called bobb"],"answers":[{"question":"q","yes":false,"why":"no rule allows it"}]}`)
	to(b, "#/policy", "There is no policy")
	b.Check("server-no-policy")
	b.Fill("Question", "can bob reach 10.1.2.3:443?")
	b.Fill("Another text", "allow user bobb to any")
	b.Click("Ask")
	bed.wantAsked(t, `POST /v1/policy/check {"questions":["can bob reach 10.1.2.3:443"],"text":"allow user bobb to any"}`)
	b.WaitText("nobody is called bobb")
	b.WaitText("No no rule allows it")
	b.Layout("server-policy-fault")
}

// TestOtherPolicy: another text is tried in place of the server's, when it is another one.
func TestOtherPolicy(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	bed.set("POST /v1/policy/check", `{"faults":[],"answers":[{"question":"q","yes":true,"why":"the text:1: allow all to any"}]}`)
	to(b, "#/policy", "allow group staff")
	b.Fill("Question", "can bob reach 10.1.2.3:443?")
	b.Click("Try another text")
	b.Click("Ask")
	bed.wantAsked(t, `POST /v1/policy/check {"questions":["can bob reach 10.1.2.3:443"]}`)
	b.WaitText("Yes the text:1")
	b.Fill("Another text", "allow all to any")
	b.Click("Ask")
	bed.wantAsked(t, `POST /v1/policy/check {"questions":["can bob reach 10.1.2.3:443"],"text":"allow all to any"}`)
	b.Wait("!document.querySelector('[aria-current=true]')")
	b.Layout("server-policy-other")
}

// TestLevels: a subsystem gets a level of its own, and loses it again.
func TestLevels(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	to(b, "#/logs", "as all others (info)")
	choose := func(level string) {
		t.Helper()
		browsertest.Eval[bool](b, `((e) => { e.value = `+quoted(level)+`; e.dispatchEvent(new Event('change')); return e.value === `+quoted(level)+`; })([...document.querySelectorAll('label')].find((l) => l.textContent === 'server').control)`)
	}
	bed.set("PUT /v1/logs/levels", `{"verb":3,"levels":[{"subsystem":"api","level":"info","own":false,"about":""},{"subsystem":"server","level":"info","own":false,"about":""}]}`)
	choose("default")
	bed.wantAsked(t, `PUT /v1/logs/levels {"levels":{"server":"default"}}`)
	b.Wait(`[...document.querySelectorAll('label')].find((l) => l.textContent === 'server').control.selectedOptions[0].textContent === 'as all others (info)'`)
	choose("error")
	bed.wantAsked(t, `PUT /v1/logs/levels {"levels":{"server":"error"}}`)
}

// TestHealthAgain: what the doctor finds is asked for again while it is looked at. A minute is
// over at once here.
func TestHealthAgain(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "server.json")
	b.WaitText("this host does not forward IPv4 packets")
	browsertest.Eval[bool](b, `((real) => { window.setTimeout = (f, wait, ...more) => real(f, wait === 60000 ? 50 : wait, ...more); return true; })(setTimeout)`)
	to(b, "#/people", "Alice Example")
	to(b, "#/now", "this host does not forward IPv4 packets")
	bed.set("/v1/health", `{"status":409,"code":"unsupported","detail":"nobody can look","mend":""}`)
	b.WaitText("nobody can look")
	bed.set("/v1/health", `{"outcome":"well","checks":[]}`)
	b.WaitText("All is well")
	b.WaitNoText("nobody can look")
}

// TestDelays: what servers' delays are is drawn, each as long as it is beside the others.
func TestDelays(t *testing.T) {
	t.Parallel()
	bed, b := begin(t, "client.json")
	bed.set("/v1/servers", `{"servers":[{"server":"near","delay_ms":20,"jitter_ms":5,"score_ms":25,"samples":9,"chosen":true},{"server":"far","delay_ms":80,"jitter_ms":10,"score_ms":99,"samples":9},{"server":"silent","delay_ms":0,"samples":0}]}`)
	to(b, "#/servers", "silent")
	widths := browsertest.Eval[map[string]string](b, `Object.fromEntries([...document.querySelectorAll('tbody tr')].map((r) => [r.querySelector('th bdi').textContent,
		[r.querySelector('.delay .part')?.getAttribute('width'), ...[...r.querySelectorAll('.delay line')].map((l) => l.getAttribute('x1') + '-' + l.getAttribute('x2'))].join(' ')]))`)
	for server, want := range map[string]string{"near": "20% 15%-25% 15%-15% 25%-25%", "far": "80% 70%-90% 70%-70% 90%-90%", "silent": ""} {
		if widths[server] != want {
			t.Errorf("%s is drawn as %q, want %q", server, widths[server], want)
		}
	}
}
