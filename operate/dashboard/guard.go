package dashboard

import (
	"encoding/json"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"strings"

	"culvert/operate/manage/api"
	"culvert/operate/web"
)

// Kinds of faults besides those of the API.
var (
	wrongHost    = api.Kind{Status: http.StatusMisdirectedRequest, Code: "wrong-host", Doc: "the dashboard is asked for by a name that is not its own", Mend: "use the address that dashboard-url or dashboard-listen names"}
	crossSite    = api.Kind{Status: http.StatusForbidden, Code: "cross-site", Doc: "a page of another site asks", Mend: "open the dashboard itself"}
	wrongSignIn  = api.Kind{Status: http.StatusUnauthorized, Code: "wrong-sign-in", Doc: "what was shown to sign in is not good, or is not taken at the moment", Mend: "try again"}
	notAdmitted  = api.Kind{Status: http.StatusForbidden, Code: "not-admitted", Doc: "who signs in may not use the dashboard", Mend: "ask an administrator for a group that dashboard-admit names"}
	goneLink     = api.Kind{Status: http.StatusUnauthorized, Code: "gone-link", Doc: "the link was used, has ended, or never was", Mend: "make another: culvert dashboard"}
	wrongPasskey = api.Kind{Status: http.StatusUnauthorized, Code: "wrong-passkey", Doc: "the passkey is not known, or is not good", Mend: "use another passkey, or sign in by another way and add it again"}
	noPasskeys   = api.Kind{Status: http.StatusConflict, Code: "no-passkeys", Doc: "this dashboard can have no passkeys", Mend: "serve the dashboard by HTTPS under a name (dashboard-url)"}
	startAgain   = api.Kind{Status: http.StatusUnauthorized, Code: "start-again", Doc: "the sign-in was begun too long ago, or not here", Mend: "begin again"}
)

// policy is the Content-Security-Policy: nothing but the dashboard's own files.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; font-src 'self'; manifest-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"

// secure sets what each answer has. Nothing has a browser ask for HTTPS from now on
// (Strict-Transport-Security): that would hold for all ports of the host.
func secure(h http.Header) {
	web.Secure(h)
	h.Set("Content-Security-Policy", policy)
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=(), serial=(), publickey-credentials-get=(self), publickey-credentials-create=(self), clipboard-write=(self)")
}

// hostOnly is a host as names are compared: without port, brackets and the last dot, in
// small letters.
func hostOnly(host string) string {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	return strings.ToLower(strings.TrimSuffix(strings.Trim(host, "[]"), "."))
}

// sameSite fails for what a page of another site asks, and for a body that a form of one
// could send.
func (d *Dashboard) sameSite(r *http.Request) *api.Error {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "", "same-origin", "none":
	default:
		return crossSite.Error("a page of another site asks for this", "open the dashboard itself: "+d.o.URL.String())
	}
	if d.origins.Check(r) != nil {
		return crossSite.Error("a page of another site asks for this", "open the dashboard itself: "+d.o.URL.String())
	}
	if r.ContentLength == 0 && len(r.TransferEncoding) == 0 {
		return nil
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/json" {
		return api.WrongType.Error("the body is not said to be JSON", "send Content-Type: application/json")
	}
	return nil
}

// problem answers with a fault.
func problem(w http.ResponseWriter, e *api.Error) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(e.Status)
	json.NewEncoder(w).Encode(e)
}

// remoteOf is where a request comes from.
func remoteOf(r *http.Request) netip.AddrPort {
	at, _ := netip.ParseAddrPort(r.RemoteAddr)
	return netip.AddrPortFrom(at.Addr().Unmap(), at.Port())
}
