package reach

import (
	"context"
	"errors"
	"fmt"

	"culvert/config"
	"culvert/link"
	"culvert/role/profile"
)

// ofHTTP and ofSOCKS name a proxy whose login is kept.
func ofHTTP(p *config.HTTPProxy) string   { return "HTTP proxy " + p.Host }
func ofSOCKS(p *config.SOCKSProxy) string { return "SOCKS proxy " + p.Host }

// askBefore has the Asker asked for the login of a SOCKS proxy, which wants it before
// it says anything.
func (d *Dialer) askBefore(ctx context.Context, t Target) error {
	p := t.Settings.Link.SOCKSProxy
	if d.Asker == nil || p == nil || !p.Ask || p.UserPass != nil {
		return nil
	}
	if _, known := d.logins[ofSOCKS(p)]; known {
		return nil
	}
	return d.askFor(ctx, profile.RealmSOCKSProxy, ofSOCKS(p))
}

// askAfter has the Asker asked for the login of an HTTP proxy that refused to go on
// without, or with the one it got. again reports that there is a new one.
func (d *Dialer) askAfter(ctx context.Context, t Target, refused error) (again bool, err error) {
	c := t.Settings.Link
	if d.Asker == nil || !errors.Is(refused, link.ErrProxyAuth) {
		return false, nil
	}
	switch {
	case c.HTTPProxy != nil && c.HTTPProxy.Ask && c.HTTPProxyUserPass == nil:
		what := ofHTTP(c.HTTPProxy)
		if _, known := d.logins[what]; known {
			delete(d.logins, what)
			d.Asker.Refused(profile.RealmHTTPProxy, "")
		}
		err := d.askFor(ctx, profile.RealmHTTPProxy, what)
		return err == nil, err
	case c.SOCKSProxy != nil && c.SOCKSProxy.Ask && c.SOCKSProxy.UserPass == nil:
		// It is asked for at the next try. As with OpenVPN, nobody is told before.
		delete(d.logins, ofSOCKS(c.SOCKSProxy))
	}
	return false, nil
}

func (d *Dialer) askFor(ctx context.Context, r profile.Realm, what string) error {
	a, err := d.Asker.Ask(ctx, profile.Question{Realm: r, Username: true, Password: true})
	if err != nil {
		return fmt.Errorf("%s: %w", what, err)
	}
	d.keep(what, [2]string{a.Username, a.Password})
	return nil
}
