package service

import (
	"strings"

	"culvert/access/audit"
	"culvert/access/oidc"
	"culvert/config"
	"culvert/operate/accounts"
)

// browsing returns where a server's people sign in by a browser; nil: nowhere.
func browsing(c *config.Config, r roles, a *accounts.Accounts, note func(audit.Entry)) *oidc.Source {
	o := c.Login.OIDC
	if o.Issuer == "" {
		return nil
	}
	secret := ""
	if o.Secret != nil {
		secret, _ = o.Secret.TwoLines()
	}
	return oidc.New(oidc.Options{
		Issuer: o.Issuer, ClientID: o.Client, ClientSecret: strings.TrimSpace(secret), Scopes: o.Scopes,
		UserClaim: o.UserClaim, UserDomain: o.UserDomain, GroupsClaim: o.GroupsClaim, AdmitAny: o.AdmitAny, Admit: o.Admit,
		Known: func(name string) bool {
			u := a.Directory.View().User(name)
			return u != nil && !u.Came
		},
		Base: c.Server.Web.URL, Log: r.log, Dial: dialer(c),
		Refused: func(f oidc.Refusal) { note(accounts.EntryOfPage(f)) },
	})
}
