package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"culvert/access/passkeys"
	"culvert/access/users"
	"culvert/operate/dashboard"
	"culvert/operate/manage/api"
	"culvert/operate/manage/tokens"
	"culvert/operate/people"
)

// admitted is who may come in by a server's dashboard and its API, as its store has it.
type admitted struct {
	tokens    []tokens.Token
	people    *users.Directory
	operators int // passkeys of whoever has all rights on the server
}

// whoIsAdmitted reads the store of the server's directory, and makes none where there is none.
func (s *server) whoIsAdmitted(ctx context.Context) (a admitted, err error) {
	if _, err := os.Stat(filepath.Join(s.Dir, people.File)); errors.Is(err, fs.ErrNotExist) {
		return a, nil
	}
	kept, err := people.Open(s.Dir)
	if err != nil {
		return a, err
	}
	defer kept.Close()
	unread := func(error) {} // who cannot be read is not admitted
	if a.tokens, err = tokens.List(ctx, kept, unread); err != nil {
		return a, err
	}
	if a.people, err = users.Open(ctx, kept, unread); err != nil {
		return a, err
	}
	own, err := passkeys.Of(ctx, kept, "", time.Time{})
	a.operators = len(own)
	return a, err
}

// admissionChecks look at who may come in.
func (s *server) admissionChecks(ctx context.Context) (all []inspection) {
	store := share(ctx, s.whoIsAdmitted)
	look := func(judge func(*notes, admitted)) func(context.Context, *notes) {
		return func(ctx context.Context, n *notes) {
			if s.Dir == "" {
				n.skip("the server's directory, where that is kept, is not known (--dir D)")
				return
			}
			a, err := store.get(ctx)
			if err != nil {
				n.unknown("%v", err)
				return
			}
			judge(n, a)
		}
	}
	if s.cfg.Server.Dashboard.Yes() {
		all = append(all, inspection{name: "dashboard users", about: "who may sign in to the dashboard", look: look(s.judgeUsers)})
	}
	if s.cfg.Server.API.Yes() {
		all = append(all, inspection{name: "API tokens", about: "whether there are tokens, by which programs ask the API", look: look(s.judgeTokens)})
	}
	return all
}

func (s *server) judgeTokens(n *notes, a admitted) {
	good := 0
	for _, t := range a.tokens {
		if t.Expires == nil || s.Now().Before(*t.Expires) {
			good++
		}
	}
	anew := "culvert token add NAME --scope read --expires 90d --dir " + shell(s.Dir)
	switch {
	case good > 0:
		n.saw("%d tokens", good)
	case len(a.tokens) > 0:
		n.warning("no program can ask the API: all tokens have ended", fmt.Sprintf("%d tokens, the last: %s", len(a.tokens), a.tokens[len(a.tokens)-1].Name), anew)
	default:
		n.warning("no program can ask the API: there are no tokens", "api-listen "+s.cfg.Server.API.Listen.String(), anew)
	}
}

func (s *server) judgeUsers(n *notes, a admitted) {
	dir, admit := shell(s.Dir), s.cfg.Server.Dashboard.Admit
	link := "culvert dashboard --link --dir " + dir
	if a.operators > 0 {
		n.saw("%d passkeys of whoever has all rights on the server", a.operators)
	}
	if len(admit) == 0 {
		if a.operators == 0 {
			n.note("nobody signs in to the dashboard but by a link that is made on the server", "there is no dashboard-admit", link+"; to let users in, add the line: dashboard-admit GROUP administer")
		}
		return
	}
	may, strangers := dashboard.People{Directory: a.people}, len(s.cfg.Sources.Asked) > 0 || s.cfg.Login.OIDC.Issuer != ""
	for _, one := range admit {
		may.Admit = append(may.Admit, dashboard.Admit{Group: one.Group, Scope: api.Scope(one.Scope)})
		if a.people == nil || a.people.View().Group(one.Group) == nil {
			n.warning(fmt.Sprintf("dashboard-admit lets the group %s in, which does not exist", one.Group), "", "culvert group add "+shell(one.Group)+" --dir "+dir)
		}
	}
	by := map[api.Scope]int{}
	if a.people != nil {
		for u := range a.people.View().Users() {
			if scope, err := may.Scope(u, s.Now()); err == nil {
				by[scope]++
			}
		}
	}
	seen := fmt.Sprintf("%d may administer, %d operate, %d read", by[api.Administer], by[api.Operate], by[api.Read])
	switch {
	case len(by) == 0 && !strangers && a.operators == 0:
		n.warning("nobody may use the dashboard: no user is in a group of dashboard-admit and may connect now", seen,
			"culvert user add NAME --group "+shell(admit[0].Group)+" --dir "+dir+"; or, without a user: "+link)
	case by[api.Administer] == 0 && !strangers && a.operators == 0:
		n.note("nobody who signs in to the dashboard may administer", seen, link+"; or add the line: dashboard-admit GROUP administer")
	default:
		n.saw("%s", seen)
	}
}
