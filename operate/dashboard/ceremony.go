package dashboard

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-webauthn/webauthn/protocol"
	"github.com/go-webauthn/webauthn/webauthn"

	"culvert/access/audit"
	"culvert/access/passkeys"
	"culvert/operate/manage/api"
	"culvert/session"
)

// relyingParty is what makes and checks passkeys for a dashboard at a URL; nil where that has
// no name: passkeys are of names.
func relyingParty(at *url.URL) (*webauthn.WebAuthn, error) {
	if _, err := netip.ParseAddr(at.Hostname()); err == nil {
		return nil, nil
	}
	limit := webauthn.TimeoutConfig{Enforce: true, Timeout: stepTime, TimeoutUVD: stepTime}
	return webauthn.New(&webauthn.Config{
		RPID: at.Hostname(), RPDisplayName: "Culvert at " + at.Hostname(), RPOrigins: []string{at.Scheme + "://" + at.Host},
		AttestationPreference: protocol.PreferNoAttestation,
		AuthenticatorSelection: protocol.AuthenticatorSelection{
			ResidentKey: protocol.ResidentKeyRequirementRequired, RequireResidentKey: protocol.ResidentKeyRequired(),
			UserVerification: protocol.VerificationRequired,
		},
		Timeouts: webauthn.TimeoutsConfig{Login: limit, Registration: limit},
	})
}

// owner is a person as the library asks for them.
type owner struct {
	who  person
	keys []webauthn.Credential
}

// WebAuthnID implements webauthn.User: what says to authenticators whose a passkey is. It
// says nothing to others, and is another one where another user gets the name.
func (o owner) WebAuthnID() []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "culvert: the owner of a passkey\x00%s\x00%s", o.who.user, o.who.created.UTC().Format(time.RFC3339Nano)))
	return sum[:]
}

// WebAuthnName implements webauthn.User.
func (o owner) WebAuthnName() string {
	if o.who.user == "" {
		return "operator"
	}
	return o.who.user
}

// WebAuthnDisplayName implements webauthn.User.
func (o owner) WebAuthnDisplayName() string { return o.WebAuthnName() }

// WebAuthnCredentials implements webauthn.User.
func (o owner) WebAuthnCredentials() []webauthn.Credential { return o.keys }

// errNoPasskeys is answered where there are none.
var errNoPasskeys = noPasskeys.Error("this dashboard has no passkeys", "they need a dashboard of a server at a host name: write dashboard-url https://NAME:PORT")

// tooManyPasskeys is a kind of faults.
var tooManyPasskeys = api.Kind{Status: 409, Code: "too-many-passkeys", Doc: "no more passkeys are kept", Mend: "remove one first"}

// beginPasskey answers POST /auth/passkey/begin.
func (d *Dashboard) beginPasskey(e *exchange) (any, error) {
	if d.passkeys == nil {
		return nil, errNoPasskeys
	}
	options, data, err := d.passkeys.BeginDiscoverableLogin(webauthn.WithUserVerification(protocol.VerificationRequired))
	if err != nil {
		return nil, err
	}
	t := d.waiting.put(&waiting{passkey: data, from: session.Source(e.remote.Addr())}, d.o.Now())
	d.cookies.set(e.w, d.cookies.stepName, t.String())
	return options, nil
}

// byPasskey answers POST /auth/passkey/finish.
func (d *Dashboard) byPasskey(e *exchange) (any, error) {
	var in struct {
		Credential json.RawMessage `json:"credential"`
	}
	if err := e.read(&in); err != nil {
		return nil, err
	}
	w := d.waiting.take(d.cookies.step(e.r), d.o.Now())
	if w == nil || w.passkey == nil || d.passkeys == nil {
		return nil, startAgain.Error("no sign-in waits for a passkey", "try again")
	}
	who, err := d.checkPasskey(e, w.passkey, in.Credential)
	var refused *refusedPasskey
	if errors.As(err, &refused) {
		d.o.Log.Info("a passkey does not sign in to the dashboard", "from", e.remote, "because", refused.because)
		d.note(e, audit.Entry{What: audit.Refused, Login: true, User: refused.user, Reason: "dashboard: " + refused.because})
		return nil, wrongPasskey.Error("this passkey does not sign in here", "sign in another way, and enrol it anew")
	}
	if err != nil {
		return nil, err
	}
	return d.enter(e, who, "by a passkey")
}

// refusedPasskey is why a passkey is not taken.
type refusedPasskey struct{ user, because string }

func (r *refusedPasskey) Error() string { return r.because }

// checkPasskey returns who shows a passkey.
func (d *Dashboard) checkPasskey(e *exchange, data *webauthn.SessionData, credential []byte) (who person, err error) {
	shown, err := protocol.ParseCredentialRequestResponseBytes(credential)
	if err != nil {
		return who, &refusedPasskey{because: "what the browser sent of a passkey cannot be read"}
	}
	ctx := e.r.Context()
	p, at, err := d.keys.find(ctx, shown.RawID)
	switch {
	case err != nil:
		return who, err
	case p == nil:
		return who, &refusedPasskey{because: "a passkey that is not enrolled here"}
	case d.keys.orphaned(p):
		return who, &refusedPasskey{p.User, "a passkey of a user who was removed"}
	}
	if p.User == "" {
		who = operator("", byPasskey)
	} else {
		who = personOf(d.o.People.User(p.User), byPasskey)
	}
	of := func([]byte, []byte) (webauthn.User, error) {
		return owner{who, []webauthn.Credential{asCredential(p)}}, nil
	}
	c, err := d.passkeys.ValidateDiscoverableLogin(of, *data, shown)
	if err != nil {
		return who, &refusedPasskey{p.User, "a passkey whose proof is not good: " + err.Error()}
	}
	if c.Authenticator.CloneWarning {
		return who, &refusedPasskey{p.User, "passkey " + p.Name + " counts fewer signatures than before: it may have been copied"}
	}
	p.Count, p.Flags, p.Used = c.Authenticator.SignCount, c.Flags.MsgpByte(), d.o.Now().UTC()
	return who, d.keys.used(ctx, p, at)
}

// beginEnrolment answers POST /auth/passkeys/begin.
func (d *Dashboard) beginEnrolment(e *exchange) (any, error) {
	if d.passkeys == nil {
		return nil, errNoPasskeys
	}
	own, err := d.keys.of(e.r.Context(), e.session.who)
	if err != nil {
		return nil, err
	}
	o := owner{who: e.session.who}
	for _, p := range own {
		o.keys = append(o.keys, asCredential(p))
	}
	options, data, err := d.passkeys.BeginRegistration(o, webauthn.WithExclusions(webauthn.Credentials(o.keys).CredentialDescriptors()))
	if err != nil {
		return nil, err
	}
	d.sessions.setEnrolling(e.session, data)
	return options, nil
}

// enrol answers POST /auth/passkeys/finish.
func (d *Dashboard) enrol(e *exchange) (any, error) {
	var in struct {
		Name       string          `json:"name"`
		Credential json.RawMessage `json:"credential"`
	}
	if err := e.read(&in); err != nil {
		return nil, err
	}
	data := d.sessions.takeEnrolling(e.session)
	if data == nil || d.passkeys == nil {
		return nil, startAgain.Error("no passkey waits to be enrolled", "try again")
	}
	bad := func(err error) error {
		d.o.Log.Info("a passkey is not enrolled", "user", e.session.who.name, "error", err)
		return wrongPasskey.Error("this passkey cannot be enrolled", "try again, or another device")
	}
	shown, err := protocol.ParseCredentialCreationResponseBytes(in.Credential)
	if err != nil {
		return nil, bad(err)
	}
	c, err := d.passkeys.CreateCredential(owner{who: e.session.who}, *data, shown)
	if err != nil {
		return nil, bad(err)
	}
	p := &passkeys.Passkey{
		User: e.session.who.user, Since: e.session.who.created, Name: label(in.Name), Created: d.o.Now().UTC().Truncate(time.Second),
		ID: c.ID, PublicKey: c.PublicKey, Count: c.Authenticator.SignCount, AAGUID: c.Authenticator.AAGUID, Flags: c.Flags.MsgpByte(),
	}
	for _, t := range c.Transport {
		p.Transports = append(p.Transports, string(t))
	}
	if err := d.keys.add(e.r.Context(), p); err != nil {
		return nil, err
	}
	d.note(e, audit.Entry{What: audit.Changed, By: e.session.who.name, Reason: "dashboard: passkey " + p.Name + " was enrolled"})
	return shownOf(p), nil
}

// listPasskeys answers GET /auth/passkeys.
func (d *Dashboard) listPasskeys(e *exchange) (any, error) {
	own, err := d.keys.of(e.r.Context(), e.session.who)
	if err != nil {
		return nil, err
	}
	all := make([]Passkey, 0, len(own))
	for _, p := range own {
		all = append(all, shownOf(p))
	}
	return map[string][]Passkey{"passkeys": all}, nil
}

// removePasskey answers DELETE /auth/passkeys/{id}.
func (d *Dashboard) removePasskey(e *exchange) (any, error) {
	name, ok, err := passkeys.Drop(e.r.Context(), d.o.Store, e.session.who.user, e.session.who.created, e.r.PathValue("id"))
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, api.NotFound.Error("you have no such passkey", "GET /auth/passkeys has those that you have")
	}
	d.note(e, audit.Entry{What: audit.Changed, By: e.session.who.name, Reason: "dashboard: passkey " + name + " was removed"})
	return nil, nil
}
