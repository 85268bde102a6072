//go:build interop

package dashboard

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"

	"culvert/operate/dashboard/pages"
	"culvert/operate/dashboard/pages/browsertest"
	"culvert/operate/manage/api"
)

// TestProviderInBrowser: a browser goes to the provider, which is another site, and comes back,
// with its rules for cookies and the pages' policy.
func TestProviderInBrowser(t *testing.T) {
	t.Parallel()
	var board http.Handler
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { board.ServeHTTP(w, r) }))
	t.Cleanup(s.Close)
	at, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	w := newProvided(t, func(o *Options) {
		o.URL, o.Pages = at, pages.FS()
		o.API = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/v1/process" {
				problem(w, errNoSuchPath)
				return
			}
			c, _ := api.CallerOf(r.Context())
			fmt.Fprintf(w, `{"name":"vpn","role":"server","features":[],"me":{"name":%q,"scope":%q,"via":"dashboard"}}`, c.Name, c.Scope)
		})
	})
	board = w
	w.as("gina")
	b := browsertest.Start(t, browsertest.Options{Insecure: true})
	b.Open(s.URL + "/")
	b.WaitText("Sign in with " + w.o.People.Provider.Host())
	b.Click("Sign in with " + w.o.People.Provider.Host())
	b.WaitText("The password that this server keeps for gina")
	b.Fill("Password", "gina's words")
	b.Click("Sign in")
	b.Wait(`document.querySelector('.who')?.textContent.includes('gina')`)
	if got := browsertest.Eval[string](b, "location.href"); got != s.URL+"/#/now" {
		t.Error(got)
	}
	browsertest.Eval[bool](b, `fetch('/auth/out', { method: 'POST' }).then(() => true)`)
	w.as("erna")
	b.Open(s.URL + "/")
	b.WaitText("Sign in with")
	b.Click("Sign in with " + w.o.People.Provider.Host())
	b.WaitText("a group that dashboard-admit names")
	b.WaitText("Sign in with") // again
}
