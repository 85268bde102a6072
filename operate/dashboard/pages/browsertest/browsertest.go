// Package browsertest has a browser for tests: Debian's chromium without a window, which
// reaches nothing but loopback, and what every page of ours must pass in it: axe-core finds
// no violation, no text lies over another, nothing is wider than the window, nothing was
// asked elsewhere, and the console is empty.
package browsertest

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/webauthn"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// axe is axe-core 4.14.1, as npm has it; axe/SHA256 is its hash.
//
//go:embed axe/axe.min.js
var axe string

//go:embed layout.js
var layout string

// Patience is how long anything is waited for. The machine may be busy.
const Patience = 60 * time.Second

// Options are what a browser is started with.
type Options struct {
	// Program starts chromium, with the flags that it is given; "": chromium itself.
	Program string
	// Pictures is the folder for screenshots.
	Pictures string
	// Insecure takes any certificate.
	Insecure bool
}

// Browser is a browser with one tab.
type Browser struct {
	t        testing.TB
	ctx      context.Context
	pictures string

	mu     sync.Mutex
	asked  []string // addresses of requests
	faults []string // of the console
}

// Start starts a browser, which ends with the test.
func Start(t testing.TB, o Options) *Browser {
	t.Helper()
	flags := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("no-proxy-server", true), chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("lang", "en-GB"), chromedp.UserDataDir(t.TempDir()))
	if os.Getuid() == 0 {
		flags = append(flags, chromedp.NoSandbox)
	}
	if o.Program != "" {
		flags = append(flags, chromedp.ExecPath(o.Program))
	}
	if o.Insecure {
		flags = append(flags, chromedp.IgnoreCertErrors)
	}
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), flags...)
	t.Cleanup(cancel)
	b := &Browser{t: t, pictures: o.Pictures}
	b.ctx, cancel = chromedp.NewContext(ctx, chromedp.WithListener(b.listen))
	t.Cleanup(cancel)
	if err := chromedp.Do(b.ctx); err != nil {
		t.Fatalf("chromium: %v", err)
	}
	for _, err := range []error{
		second(chromedp.Call(b.ctx, network.Enable, network.EnableParams{})),
		second(chromedp.Call(b.ctx, log.Enable, struct{}{})),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	return b
}

func second[T any](_ T, err error) error { return err }

// listen notes what the tab does.
func (b *Browser) listen(event any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		b.asked = append(b.asked, e.Request.URL)
	case *runtime.EventExceptionThrown:
		b.faults = append(b.faults, fmt.Sprintf("exception: %s", asJSON(e.ExceptionDetails)))
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" || e.Type == "assert" {
			b.faults = append(b.faults, "console: "+asJSON(e.Args))
		}
	case *log.EventEntryAdded:
		// Faults of the network are answers that pages show.
		if e.Entry.Source != "network" && (e.Entry.Level == "error" || e.Entry.Level == "warning") {
			b.faults = append(b.faults, fmt.Sprintf("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL))
		}
	}
}

func asJSON(v any) string {
	text, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(text)
}

// Do runs actions, or ends the test.
func (b *Browser) Do(steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatal(err)
	}
}

// Authenticator gives the browser a device with passkeys, whose user is there and agrees.
func (b *Browser) Authenticator() {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, webauthn.Enable, webauthn.EnableParams{})
	if err == nil {
		_, err = chromedp.Call(b.ctx, webauthn.AddVirtualAuthenticator, webauthn.AddVirtualAuthenticatorParams{Options: &webauthn.VirtualAuthenticatorOptions{
			Protocol: "ctap2", Transport: "internal", HasResidentKey: true, HasUserVerification: true, IsUserVerified: true, AutomaticPresenceSimulation: true,
		}})
	}
	if err != nil {
		b.t.Fatal(err)
	}
}

// Open loads an address.
func (b *Browser) Open(address string) {
	b.t.Helper()
	b.Do(chromedp.Navigate(address))
}

// Eval evaluates JavaScript, waits if it is a promise, and returns its value.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	v, err := eval[T](b, expression)
	if err != nil {
		b.t.Fatalf("%.200s: %v", expression, err)
	}
	return v
}

func eval[T any](b *Browser, expression string) (T, error) {
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
}

// Wait waits until a condition holds. While the browser goes from one page to another it has none.
func (b *Browser) Wait(condition string) {
	b.t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		holds, err := eval[bool](b, "Boolean("+condition+")")
		if err == nil && holds {
			return
		}
		if time.Now().After(deadline) {
			b.Picture("waiting")
			b.t.Fatalf("waited in vain for %s (%v); the page says:\n%s", condition, err, Eval[string](b, "document.body.innerText"))
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// WaitText waits until the page, or its open dialog, has a text.
func (b *Browser) WaitText(text string) {
	b.t.Helper()
	b.Wait("(document.querySelector('dialog[open]') || document.body)?.innerText.includes(" + asJSON(text) + ")")
}

// WaitNoText waits until the page has a text no more.
func (b *Browser) WaitNoText(text string) {
	b.t.Helper()
	b.Wait("!document.body.innerText.includes(" + asJSON(text) + ")")
}

// find is an expression for what can be clicked by what it is called, in the open dialog if
// there is one.
func find(name string) string {
	return `[...(document.querySelector('dialog[open]') || document).querySelectorAll('button, a, summary, label')].find((e) => e.checkVisibility() && (e.getAttribute('aria-label') || e.textContent).trim() === ` + asJSON(name) + `)`
}

// Click clicks a button or a link, by what it is called.
func (b *Browser) Click(name string) {
	b.t.Helper()
	b.Wait(find(name))
	at := Eval[[]float64](b, `((e) => { e.scrollIntoView({ block: 'center' }); const r = e.getBoundingClientRect(); return [r.x + r.width / 2, r.y + r.height / 2]; })(`+find(name)+`)`)
	b.Do(chromedp.MouseClickXY(at[0], at[1]))
}

// Fill types into a field, by its label.
func (b *Browser) Fill(label, text string) {
	b.t.Helper()
	input := `[...(document.querySelector('dialog[open]') || document).querySelectorAll('label')].find((l) => l.textContent === ` + asJSON(label) + `)`
	b.Wait(input)
	Eval[bool](b, `((e) => { e.focus(); if (e.select) e.select(); return true; })(`+input+`.control)`)
	b.Do(chromedp.KeyEvent(text))
}

// Tab moves the focus on, as the key does, and returns what has it then.
func (b *Browser) Tab() string {
	b.t.Helper()
	b.Do(chromedp.KeyEvent(kb.Tab))
	return b.Focus()
}

// Press presses a key of chromedp's package kb.
func (b *Browser) Press(key string) {
	b.t.Helper()
	b.Do(chromedp.KeyEvent(key))
}

// Focus is what has the focus, by what it is called.
func (b *Browser) Focus() string {
	b.t.Helper()
	return Eval[string](b, `((e) => (e.getAttribute('aria-label') || e.labels?.[0]?.textContent || e.textContent).trim())(document.activeElement)`)
}

// Size is the size of a window.
type Size struct{ Width, Height int }

// Sizes are those of a phone, a tablet, a laptop and a large screen.
var Sizes = []Size{{360, 740}, {768, 1024}, {1280, 800}, {1920, 1080}}

// StopPolling ends what a page does by the clock, each second or less often: what is shown from then
// on is shown because of something that happened. GoOnPolling ends that.
func (b *Browser) StopPolling() {
	b.t.Helper()
	Eval[bool](b, `(() => {
		const real = setTimeout;
		window.goOn = () => { window.setTimeout = real; document.dispatchEvent(new Event('visibilitychange')); return true; };
		window.setTimeout = (f, wait, ...more) => (wait >= 1000 ? 0 : real(f, wait, ...more));
		for (let last = real(() => {}, 0); last > 0; last--) clearTimeout(last);
		return true;
	})()`)
}

// GoOnPolling has the page go on as before StopPolling.
func (b *Browser) GoOnPolling() {
	b.t.Helper()
	Eval[bool](b, "window.goOn()")
}

// Resize gives the window a size.
func (b *Browser) Resize(s Size) {
	b.t.Helper()
	b.Do(chromedp.EmulateViewport(int64(s.Width), int64(s.Height)))
}

// Scheme has the system prefer light or dark, and no motion.
func (b *Browser) Scheme(scheme string) {
	b.t.Helper()
	_, err := chromedp.Call(b.ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{
		{Name: "prefers-color-scheme", Value: scheme}, {Name: "prefers-reduced-motion", Value: "reduce"},
	}})
	if err != nil {
		b.t.Fatal(err)
	}
}

// Picture keeps what the whole page looks like, as NAME.png.
func (b *Browser) Picture(name string) {
	b.t.Helper()
	if b.pictures == "" {
		return
	}
	ctx, cancel := context.WithTimeout(b.ctx, Patience)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err == nil {
		err = os.WriteFile(filepath.Join(b.pictures, name+".png"), png, 0o644)
	}
	if err != nil {
		b.t.Error(err)
	}
}

// Check checks what is shown, in all sizes and both schemes, and keeps pictures of it.
func (b *Browser) Check(name string) {
	b.t.Helper()
	for _, scheme := range []string{"light", "dark"} {
		b.Scheme(scheme)
		for _, size := range Sizes {
			b.Resize(size)
			at := fmt.Sprintf("%s-%s-%dx%d", name, scheme, size.Width, size.Height)
			b.Picture(at)
			b.Layout(at)
			if size == Sizes[0] || size == Sizes[2] { // in rows, and in blocks: the others have the same elements and colours
				b.Axe(at)
			}
		}
	}
	b.Scheme("light")
	b.Resize(Size{320, 640})
	b.Layout(name + ", 320 wide")
	b.Resize(Sizes[2])
}

// Layout checks that no text lies over another, and that nothing is wider than the window.
func (b *Browser) Layout(name string) {
	b.t.Helper()
	for _, fault := range Eval[[]string](b, layout) {
		b.t.Errorf("%s: %s", name, fault)
	}
}

// Axe checks that axe-core finds no violation.
func (b *Browser) Axe(name string) {
	b.t.Helper()
	if !Eval[bool](b, "'axe' in window") {
		Eval[bool](b, axe+"; 'axe' in window")
	}
	found := Eval[[]string](b, `axe.run(document, { resultTypes: ['violations'] }).then((r) => r.violations.flatMap((v) => v.nodes.map((n) => v.id + ': ' + n.target.join(' ') + ' ' + n.html.slice(0, 200) + ' ' + (n.failureSummary || ''))))`)
	for _, fault := range found {
		b.t.Errorf("%s: axe: %s", name, fault)
	}
}

// Clean checks that the console is empty, and that nothing but origins were asked.
func (b *Browser) Clean(origins ...string) {
	b.t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, fault := range b.faults {
		b.t.Error(fault)
	}
	b.faults = nil
	if len(b.asked) == 0 {
		b.t.Error("no request was noted")
	}
	for _, address := range b.asked {
		own := strings.HasPrefix(address, "data:") || strings.HasPrefix(address, "blob:")
		for _, origin := range origins {
			own = own || strings.HasPrefix(address, origin+"/")
		}
		if !own {
			b.t.Errorf("the page asked for %s", address)
		}
	}
}
