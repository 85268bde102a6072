package client

import (
	"encoding/base64"
	"strings"
	"time"

	"culvert/access/pki"
	"culvert/internal/printable"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/session"
)

// certificate takes what the server says of this client's certificate: it offers a new one
// (OFFER), gives it (NEW), or gives none (REFUSED).
func certificate(a *attempt, text string) {
	own := a.settings.Own()
	if a.renewing == nil || own == nil || !a.up {
		return
	}
	verb, rest, _ := strings.Cut(text, ",")
	say := func(text string, err error) { a.emit(event.Remark{Text: text, Err: err}) }
	switch verb {
	case "OFFER":
		request, err := a.renewing.Request(own)
		if err != nil {
			if a.unrenewed != err.Error() { // it offers again, hour by hour
				a.unrenewed = err.Error()
				say("the server would renew this client's certificate, which ends on "+own.Leaf.NotAfter.UTC().Format(time.DateOnly)+", but that cannot be done here", err)
			}
			return
		}
		a.unrenewed = ""
		message := session.CertificateVerb + ",REQUEST," + base64.StdEncoding.EncodeToString(request)
		a.peer.Do(func(time.Time) { a.peer.Session.Send(message) })
	case "NEW":
		der, err := base64.StdEncoding.DecodeString(rest)
		if err != nil {
			say("the server's new certificate for this client cannot be read", err)
			return
		}
		next, err := a.renewing.Take(own, der, time.Now())
		if err != nil {
			say("the server's new certificate for this client is not used", err)
			return
		}
		a.choice.Replace(own, next)
		a.settings.Replace(own, next) // of a configuration from before, if there is another
		say("this client's certificate was renewed, and is in its file; it is shown from the next handshake on, and valid until "+next.Leaf.NotAfter.UTC().Format(time.DateOnly), nil)
	case "REFUSED":
		say("the server does not renew this client's certificate: "+printable.Name(rest), nil)
	}
}

// shownAgain drops the copy of the file of before, once the server has seen its certificate.
func shownAgain(a *attempt, e session.Event) {
	switch e.(type) {
	case session.Established:
		if a.renewing == nil {
			sayEnding(a)
		}
	case session.Rekeyed:
		sayEnding(a) // the server had its time
	default:
		return
	}
	if a.renewing == nil {
		return
	}
	if err := a.renewing.Used(time.Now()); err != nil {
		a.emit(event.Remark{Text: "the copy of the file from before its certificate was renewed cannot be removed", Err: err})
	}
}

// sayEnding says once for each certificate that it ends soon and is not renewed.
func sayEnding(a *attempt) {
	own := a.settings.Own()
	if own == nil || a.endSaid == pki.SerialHex(own.Leaf) {
		return
	}
	if text := profile.Ending(own.Leaf, a.unrenewed, time.Now()); text != "" {
		a.endSaid = pki.SerialHex(own.Leaf)
		a.emit(event.Remark{Text: text})
	}
}
