package service

import (
	"context"

	"culvert/access/audit"
	"culvert/access/auth"
	"culvert/access/oidc"
	"culvert/access/signin"
	"culvert/config"
	"culvert/operate/accounts"
	"culvert/role/server"
	"culvert/store"
	"culvert/store/memory"
)

// acquainted is a server with the people of its store.
type acquainted struct {
	*accounts.Accounts              // nil: it knows nobody
	browser            *oidc.Source // where they sign in by a browser; nil: nowhere
}

// join has a server ask the people of its store, and directories after them. note takes
// lines of the audit log.
func (r roles) join(c *config.Config, o *server.Options, directories []auth.Source, note func(audit.Entry)) (acquainted, error) {
	var people store.Store
	switch {
	case r.people != nil:
		people = r.people
	case len(directories) == 0 && c.Login.OIDC.Issuer == "":
		return acquainted{}, nil
	default:
		r.log.Warn("this server has no store, so it forgets when it ends who signed in, and asks them again; serve it with --dir to keep users, and to disable them here")
		var err error
		if people, err = r.passing.next(); err != nil {
			return acquainted{}, err
		}
	}
	a, err := accounts.Open(context.Background(), people, r.log)
	if err != nil {
		return acquainted{}, err
	}
	know, others := acquainted{a, browsing(c, r, a, note)}, accounts.Directories{Sources: directories}
	if know.browser != nil {
		others.Browser = know.browser
	}
	return know, a.Join(o, others, c.Server.DuplicateCN)
}

// passing is what servers without a directory have in place of their stores, one after the
// other in this process.
type passing struct{ last store.Store }

// next returns the store of the next server: people are forgotten, and who guesses is not.
func (p *passing) next() (store.Store, error) {
	next := memory.New()
	if p.last != nil {
		if err := signin.Carry(context.Background(), p.last, next); err != nil {
			return nil, err
		}
	}
	p.last = next
	return next, nil
}

// happened takes an event of the server.
func (a acquainted) happened(e server.Event) {
	if a.Accounts != nil {
		a.Happened(e)
	}
}

// follow has a server review its clients when the people change, until stop is called.
func (a acquainted) follow(s accounts.Server) (stop func()) {
	if a.Accounts == nil {
		return func() {}
	}
	ctx, end := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		a.Run(ctx, s)
	}()
	return func() {
		end()
		<-done
	}
}

// eachOf returns a reader that passes an event on to several, in turn.
func eachOf(readers ...func(server.Event)) func(server.Event) {
	return func(e server.Event) {
		for _, read := range readers {
			read(e)
		}
	}
}
