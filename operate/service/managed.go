package service

import (
	"context"

	"culvert/config"
	"culvert/operate/management"
	"culvert/role/client"
	"culvert/role/profile"
)

// beforehand has management readers decide what a role needs before it is made: when it
// begins, the password of the private key, and the certificate. ctx ends the wait.
func beforehand(ctx context.Context, c *config.Config, m *management.Interface) error {
	if m == nil {
		return nil
	}
	if _, err := m.Hold(ctx, 0); err != nil {
		return err
	}
	if c.Management.QueryPasswords {
		if err := profile.UnlockBy(ctx, c, m.Desk()); err != nil {
			return err
		}
	}
	return profile.FetchCertificate(ctx, c, m.Desk())
}

// managing is what management readers decide for a client.
func managing(c *config.Config, m *management.Interface) client.Manager {
	if m == nil {
		return client.Manager{}
	}
	d := m.Desk()
	return client.Manager{Asker: asker(c, m), Holder: d, Choose: d, Keys: d, Tell: d}
}

// asker is who asks management readers for passwords; nil where the terminal does.
func asker(c *config.Config, m *management.Interface) profile.Asker {
	if m == nil || !c.Management.QueryPasswords {
		return nil
	}
	return m.Desk()
}

// holder is who holds connections; nil: nobody.
func holder(m *management.Interface) profile.Holder {
	if m == nil {
		return nil
	}
	return m.Desk()
}
