package server

import (
	"slices"
	"testing"
)

func TestChanged(t *testing.T) {
	for _, test := range []struct{ before, after, options, later []string }{
		{before: []string{"route 10.1.0.0 255.255.0.0", "ping 10"}, after: []string{"ping 10", "route 10.1.0.0 255.255.0.0"}},
		{before: []string{"route 10.1.0.0 255.255.0.0"}, options: []string{"-route"}},
		{before: []string{"route 10.1.0.0 255.255.0.0"}, after: []string{"route 10.1.0.0 255.255.0.0", "route 10.2.0.0 255.255.0.0"},
			options: []string{"route 10.1.0.0 255.255.0.0", "route 10.2.0.0 255.255.0.0"}},
		{after: []string{"dhcp-option DNS 10.8.0.1", "sndbuf 1000"}, options: []string{"dhcp-option DNS 10.8.0.1"}, later: []string{"sndbuf"}},
		{before: []string{"sndbuf 1000"}, later: []string{"sndbuf"}},
	} {
		options, later := changed(test.before, test.after)
		if !slices.Equal(options, test.options) || !slices.Equal(later, test.later) {
			t.Errorf("%q to %q: %q, later %q", test.before, test.after, options, later)
		}
	}
}
