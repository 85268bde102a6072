package service

import (
	"log/slog"
	"strings"
	"testing"

	"culvert/config"
)

// TestPlugins: what a plugin cannot do its work with is said at the start, with its line.
func TestPlugins(t *testing.T) {
	r := roles{log: slog.New(slog.DiscardHandler)}
	pos := config.Pos{File: "x.conf", Line: 7}
	for _, test := range []struct {
		plugin config.LoginPlugin
		want   string
	}{
		{config.LoginPlugin{Pos: pos, LDAP: &config.File{Name: "ldap.conf", Text: []byte("<LDAP>\nx")}}, "x.conf:7: plugin auth-ldap: ldap.conf:2: x: is no key"},
		{config.LoginPlugin{Pos: pos, LDAP: &config.File{Name: "ldap.conf", Text: []byte("<LDAP>\nURL ldap://x\nTLSCACertFile /nowhere\n</LDAP>\n<Authorization>\nBaseDN dc=x\nSearchFilter (uid=%u)\n</Authorization>\n")}}, "x.conf:7: plugin auth-ldap: TLSCACertFile: open /nowhere"},
	} {
		all, err := r.plugins(&config.Config{Login: config.Login{Plugins: []config.LoginPlugin{test.plugin}}}, nil)
		if len(all) > 0 || err == nil || !strings.HasPrefix(err.Error(), test.want) {
			t.Errorf("%v, %v, want %s", all, err, test.want)
		}
	}
}
