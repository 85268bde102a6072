package signin

import (
	"testing"

	"culvert/access/users"
)

func ways(t *testing.T, text string) []users.Way {
	t.Helper()
	w, err := users.ParseWays(text)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestRequired: each group that says something has to be met.
func TestRequired(t *testing.T) {
	for _, c := range []struct{ first, second, want string }{
		{"", "", "certificate"},
		{"password", "", "password"},
		{"", "browser,password", "browser,password"},
		{"password", "code", "password+code"},
		{"password,browser", "certificate", "password+certificate,browser+certificate"},
		{"certificate+password", "password", "certificate+password"},
	} {
		groups := []*users.Group{{Require: ways(t, c.first)}, {Require: ways(t, c.second)}}
		if got := users.FormatWays(required(groups, users.Way{users.Certificate})); got != c.want {
			t.Errorf("%q and %q: %s, want %s", c.first, c.second, got, c.want)
		}
	}
	many := ways(t, "password,code,browser,certificate,password+code,password+browser,code+browser,certificate+code,certificate+browser")
	if got := required([]*users.Group{{Require: many}, {Require: many}, {Require: many}}, nil); len(got) > maxCombined {
		t.Errorf("%d combinations", len(got))
	}
}

func TestChoose(t *testing.T) {
	for _, c := range []struct {
		ways string
		shown
		want string // or what it lacks
	}{
		{"certificate+password,browser", shown{certificate: true, password: true, browser: true}, "certificate+password"},
		{"browser,certificate+password", shown{certificate: true, password: true, browser: true}, "certificate+password"},
		{"certificate+password,browser", shown{certificate: true, browser: true}, "browser"},
		{"certificate,password", shown{certificate: true}, "certificate"},
		{"certificate,password", shown{password: true}, "password"},
		{"certificate+password", shown{password: true}, "this needs the profile of one of your own devices"},
		{"certificate+password", shown{certificate: true}, "a user name and a password are needed here"},
		{"browser", shown{certificate: true, password: true}, "this needs " + browserClient},
		{"certificate+code,password", shown{}, "a user name and a password, or the profile of one of your own devices, are needed here"},
		{"certificate+code,browser", shown{password: true}, "this needs the profile of one of your own devices, or " + browserClient},
	} {
		w, why := choose(ways(t, c.ways), c.shown)
		if got := w.String() + why; got != c.want {
			t.Errorf("%s with %+v: %q, want %q", c.ways, c.shown, got, c.want)
		}
	}
}
