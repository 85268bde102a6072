package scutil

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func TestSet(t *testing.T) {
	servers := []netip.Addr{netip.MustParseAddr("10.8.0.1"), netip.MustParseAddr("fd00::1")}
	for _, c := range []struct {
		d    DNS
		want string
	}{
		{DNS{Servers: servers, Search: []string{"example.org", "b.example"}},
			"d.init\nd.add ServerAddresses * 10.8.0.1 fd00::1\nd.add SearchDomains * example.org b.example\n" +
				"d.add SupplementalMatchDomains * \"\"\nset State:/Network/Service/culvert-utun4/DNS\n"},
		{DNS{Servers: servers[:1], Domains: []string{"corp.example"}},
			"d.init\nd.add ServerAddresses * 10.8.0.1\nd.add SupplementalMatchDomains * corp.example\nset State:/Network/Service/culvert-utun4/DNS\n"},
		{DNS{Search: []string{"a.example"}},
			"d.init\nd.add SearchDomains * a.example\nset State:/Network/Service/culvert-utun4/DNS\n"},
	} {
		if got, err := Set("utun4", c.d); got != c.want || err != nil {
			t.Errorf("%v:\n%s, want\n%s", err, got, c.want)
		}
	}
}

// A name that a server pushed is no way into a script that root runs.
func TestNoOtherCommands(t *testing.T) {
	for _, name := range []string{"", "a b", "a\nset State:/x", `"`, "a\x00", "é.example", "a*"} {
		for _, d := range []DNS{{Search: []string{name}}, {Domains: []string{"ok.example", name}}} {
			if script, err := Set("utun4", d); err == nil {
				t.Errorf("%q: %s", name, script)
			}
		}
	}
}

func TestAnswer(t *testing.T) {
	if err := Answer([]byte("\n")); err != nil {
		t.Error(err)
	}
	if err := Answer([]byte("  No such key\n")); !errors.Is(err, ErrGone) {
		t.Error(err)
	}
	if err := Answer([]byte("  Permission denied\n")); err == nil || errors.Is(err, ErrGone) {
		t.Error(err)
	}
}

// FuzzSet: whatever a server pushes, the script has the lines it should have.
func FuzzSet(f *testing.F) {
	f.Add("corp.example", "a\nremove x")
	f.Fuzz(func(t *testing.T, search, domain string) {
		script, err := Set("utun4", DNS{Servers: []netip.Addr{netip.MustParseAddr("10.8.0.1")}, Search: []string{search}, Domains: []string{domain}})
		if err != nil {
			return
		}
		want := "d.init\nd.add ServerAddresses * 10.8.0.1\nd.add SearchDomains * " + search +
			"\nd.add SupplementalMatchDomains * " + domain + "\nset State:/Network/Service/culvert-utun4/DNS\n"
		if script != want || len(strings.Fields(script)) != 15 {
			t.Errorf("%q", script)
		}
	})
}
