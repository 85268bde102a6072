package admission

import (
	"context"
	"slices"
	"strings"
	"testing"

	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/config"
)

// asked notes that it was asked, and lets in.
type asked struct {
	name string
	all  *[]string
}

func (a asked) Check(context.Context, *auth.Request, func(auth.Pending)) auth.Verdict {
	*a.all = append(*a.all, a.name)
	return auth.Verdict{OK: true}
}

// TestPluginsAreAsked: before others, and never skipped: a configuration whose plugins
// nobody does the work of is refused.
func TestPluginsAreAsked(t *testing.T) {
	c := &config.Config{Login: config.Login{Plugins: []config.LoginPlugin{{Pos: config.Pos{File: "x.conf", Line: 7}, Service: "openvpn"}}}}
	if _, err := newLogin(c, Options{}, hooks.Options{}); err == nil || !strings.HasPrefix(err.Error(), "x.conf:7: plugin: nothing here does") {
		t.Error(err)
	}
	var all []string
	l, err := newLogin(c, Options{Plugins: []auth.Checker{asked{"plugin", &all}}, Checkers: []auth.Checker{asked{"management", &all}}}, hooks.Options{})
	if err != nil {
		t.Fatal(err)
	}
	if _, refusal := l.check(t.Context(), &auth.Request{}, nil); refusal != nil || !slices.Equal(all, []string{"plugin", "management"}) {
		t.Errorf("asked %q, %v", all, refusal)
	}
}
