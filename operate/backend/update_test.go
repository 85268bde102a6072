package backend

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"culvert/session/wire"
)

func TestSplitOptions(t *testing.T) {
	got := SplitOptions([]string{"-route, route 10.1.0.0 255.255.0.0", "?tun-mtu 1400"})
	if want := []string{"-route", "route 10.1.0.0 255.255.0.0", "?tun-mtu 1400"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

func TestCheckUpdate(t *testing.T) {
	options := []string{"-route"}
	for _, c := range []struct {
		u    Update
		want string // "" for none
	}{
		{Update{All: true, Options: options}, ""},
		{Update{Names: []string{"anna"}, Options: options}, ""},
		{Update{PeerIDs: []wire.PeerID{0}, Options: options}, ""},
		{Update{Options: options}, "no client given"},
		{Update{All: true}, "no option given"},
		{Update{All: true, Options: []string{"-route", "nosuch 1"}}, "nosuch cannot change"},
	} {
		if err := c.u.Check(); c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: %v; expected %q", c.u, err, c.want)
		}
	}
}

func TestUpdatedErr(t *testing.T) {
	a := []string{"a"}
	for _, c := range []struct {
		u    Updated
		want string
	}{
		{Updated{Told: a}, "<nil>"},
		{Updated{Told: a, Unable: a}, "<nil>"},
		{Updated{Told: a, Missing: a}, "some of the named clients are not connected"},
		{Updated{Unable: a}, "no client could change"},
		{Updated{}, "no client is connected"},
	} {
		if got := fmt.Sprint(c.u.Err()); got != c.want {
			t.Errorf("%+v: %s; expected %s", c.u, got, c.want)
		}
	}
}

func TestUpdatedText(t *testing.T) {
	u := Updated{Told: []string{"a\x1b", "b"}, Unable: []string{"c"}}
	if got, want := string(u.Append(nil)), "told 2: a\\x1b, b\ntake no changes while connected (PUSH_UPDATE), only when they connect again 1: c\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
	if got := string(new(Updated).Append(nil)); got != "told 0\n" {
		t.Errorf("%q", got)
	}
	u = Updated{}
	for i := range 25 {
		u.Missing = append(u.Missing, fmt.Sprint(i))
	}
	if got := string(u.Append(nil)); !strings.HasSuffix(got, "18, 19 and 5 more\n") {
		t.Errorf("%q", got)
	}
}
