package service

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"

	"culvert/access/auth"
	"culvert/access/auth/ldap"
	"culvert/access/auth/pam"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/host/privsep"
	"culvert/host/process"
	"culvert/role/profile"
)

// loginsAtOnce is how many logins each plugin checks at a time, at most.
const loginsAtOnce = 32

// loginSlots bound how many logins a plugin checks at a time.
func loginSlots() *hooks.Slots { return hooks.NewSlots(min(loginsAtOnce, profile.ProgramsAtOnce())) }

// logins are who checks the logins of a server's clients besides its programs.
type logins struct {
	plugins []auth.Checker
	sources []auth.Source
	stop    func() // ends what came with them
}

// newLogins returns who checks logins; stop is set also where there is an error.
func newLogins(r roles, c *config.Config) (l logins, err error) {
	resident, stop, err := residentFor(r, c)
	l.stop = stop
	if err != nil {
		return l, err
	}
	if l.plugins, err = r.plugins(c, resident); err != nil {
		return l, err
	}
	sources, done, err := newSources(r, c, resident)
	l.sources, l.stop = sources, inTurn(done, stop)
	return l, err
}

// residentFor returns the program that stays to ask PAM, nil where each login can have its own.
func residentFor(r roles, c *config.Config) (resident *pam.Resident, stop func(), err error) {
	services := pamServices(c)
	if len(services) == 0 || r.worker != nil || r.jail.Empty() {
		return nil, func() {}, nil
	}
	// No task is left for a process that keeps root's rights.
	if resident, err = newResident(services, r.tasks.all.Mend, r.log); err != nil {
		return nil, func() {}, fmt.Errorf("%v: %w", askers(c)[0].Pos, err)
	}
	r.log.Info("few tasks are allowed, so one program keeps root's rights to ask PAM, about one login after another", "limit", r.tasks.all, "mend", r.tasks.all.Mend)
	return resident, resident.Close, nil
}

// plugins do the work of the plugins that check the logins of a server's clients.
func (r roles) plugins(c *config.Config, resident *pam.Resident) (all []auth.Checker, err error) {
	for i, p := range c.Login.Plugins {
		if p.LDAP != nil {
			checker, err := newLDAP(c, p, r.log)
			if err != nil {
				return nil, fmt.Errorf("%v: plugin auth-ldap: %w", p.Pos, err)
			}
			all = append(all, checker)
			continue
		}
		asker, err := r.newAsker(p, i, resident)
		if err != nil {
			return nil, fmt.Errorf("%v: %w", p.Pos, err)
		}
		all = append(all, &pam.Checker{Asker: asker, Service: p.Service, Prompts: len(p.Prompts) > 0, Log: r.log})
	}
	return all, nil
}

// newAsker returns what asks PAM for a plugin, by its place in the configuration; resident
// is the program that stays to do it, nil for none.
func (r roles) newAsker(p config.LoginPlugin, place int, resident *pam.Resident) (pam.Asker, error) {
	if resident != nil {
		return resident.Service(p.Service, p.Prompts)
	}
	own, err := newPAM(p, r.log)
	if err != nil {
		return nil, err
	}
	if r.worker != nil { // it will not have the rights that PAM's modules need
		return keptPAM{r.worker, place}, nil
	}
	if !process.Privileged() {
		r.log.Warn("PAM is asked with the rights of this user, who is not root: modules that read /etc/shadow know only this user's password", "service", p.Service)
	}
	return own, nil
}

// pamServices are the PAM services that a configuration asks.
func pamServices(c *config.Config) (names []string) {
	for _, p := range askers(c) {
		if p.Service != "" {
			names = append(names, p.Service)
		}
	}
	return names
}

// newResident starts the program that asks PAM services while this process is not root.
func newResident(services []string, mend string, log *slog.Logger) (*pam.Resident, error) {
	path, err := findPAM()
	if err != nil {
		return nil, err
	}
	return pam.NewResident(pam.ResidentOptions{Helper: path, Services: services, Log: log, Mend: mend})
}

// newLDAP returns what asks LDAP from this process.
func newLDAP(c *config.Config, p config.LoginPlugin, log *slog.Logger) (auth.Checker, error) {
	asks, err := ldap.Parse(p.LDAP.Name, p.LDAP.Text)
	if err != nil {
		return nil, err
	}
	asks.Note(p.LDAP.Name, log)
	return ldap.New(asks, askingLDAP(c, log))
}

// findPAM returns the path of the program that asks PAM.
func findPAM() (string, error) {
	path, err := pam.Find()
	if err != nil {
		return "", err
	}
	return path, process.Trusted(path)
}

// newPAM returns what asks PAM from this process.
func newPAM(p config.LoginPlugin, log *slog.Logger) (*pam.Service, error) {
	path, err := findPAM()
	if err != nil {
		return nil, err
	}
	return pam.NewService(p.Service, p.Prompts, pam.Options{Helper: path, Log: log, Slots: loginSlots()})
}

// keptPAM has the keeper ask PAM, with root's rights.
type keptPAM struct {
	keeper *privsep.Worker
	plugin int // in the configuration
}

// Ask implements pam.Asker.
func (k keptPAM) Ask(ctx context.Context, source netip.Prefix, l pam.Login) (pam.Answer, error) {
	return k.keeper.AskPAM(ctx, k.plugin, source, l)
}

// keptLogins are the PAM services of the configuration that was read last, which a keeper
// asks for its worker, by the places of askers; nil for what asks no PAM, and for one
// that cannot be asked, which the worker says.
func (l *life) keptLogins() []pam.Asker {
	var all []pam.Asker
	for _, p := range askers(l.config.Load()) {
		var asker pam.Asker
		if p.Service != "" {
			if own, err := newPAM(p, l.log.Logger); err == nil {
				asker = own
			}
		}
		all = append(all, asker)
	}
	return all
}
