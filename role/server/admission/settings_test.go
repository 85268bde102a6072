package admission

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"culvert/access"
	"culvert/config"
)

// filesOf is a client-config-dir with files.
func filesOf(t *testing.T, exclusive bool, texts map[string]string) files {
	t.Helper()
	dir := t.TempDir()
	for name, text := range texts {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := &config.Config{
		Adapter: config.Adapter{Topology: config.TopologySubnet},
		Server: config.Server{Network: netip.MustParsePrefix("10.8.0.0/24"), NetworkIPv6: netip.MustParsePrefix("fd00:8::/64"),
			ClientConfigDir: dir, CCDExclusive: exclusive, MaxRoutesPerClient: 256},
	}
	return files{c, newOwnAddresses(c)}
}

// settingsOf is what the files have of a client.
func (f files) settingsOf(t *testing.T, name string) (*config.PerClient, error) {
	t.Helper()
	s := new(config.PerClient)
	err := f.Decide(t.Context(), &access.Applicant{Identity: access.Identity{Name: name}}, s)
	return s, err
}

// TestMaxRoutesPerClient keeps a client out with more networks behind it than
// are allowed, unless its own file allows more.
func TestMaxRoutesPerClient(t *testing.T) {
	const two = "iroute 10.1.0.0 255.255.0.0\niroute-ipv6 fd00:1::/64\n"
	f := filesOf(t, false, map[string]string{"two": two, "allowed": two + "max-routes-per-client 2\n", "one": "iroute 10.1.0.0 255.255.0.0\n"})
	f.cfg.Server.MaxRoutesPerClient = 1
	for name, want := range map[string]bool{"two": false, "allowed": true, "one": true} {
		if _, err := f.settingsOf(t, name); (err == nil) != want {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestFiles(t *testing.T) {
	texts := map[string]string{"anna": "push-reset\n", "off": "disable\n", "bad": "disalbe\n", "DEFAULT": "push-remove route\n"}
	for _, test := range []struct {
		name      string
		exclusive bool
		in        bool
		reset     bool
		removes   int
	}{
		{"anna", false, true, true, 0},
		{"nobody", false, true, false, 1}, // DEFAULT
		{"nobody", true, true, false, 1},
		{"../anna", false, true, false, 1},
		{"off", false, false, false, 0},
		{"bad", false, false, false, 0},
	} {
		own, err := filesOf(t, test.exclusive, texts).settingsOf(t, test.name)
		if in := err == nil; in != test.in || in && (own.PushReset != test.reset || len(own.PushRemove) != test.removes) {
			t.Errorf("%q: %+v, %v", test.name, own, err)
		}
	}
	if _, err := filesOf(t, true, nil).settingsOf(t, "nobody"); err == nil {
		t.Error("ccd-exclusive let in a client without a file")
	}
	if _, err := filesOf(t, false, nil).settingsOf(t, "nobody"); err != nil {
		t.Error(err)
	}
}

// TestSettingsErrorSaysWhetherSomethingIsWrong: a fault is, `disable` is not.
func TestSettingsErrorSaysWhetherSomethingIsWrong(t *testing.T) {
	f := filesOf(t, true, map[string]string{"off": "disable\n", "bad": "disalbe\n"})
	for name, wrong := range map[string]bool{"off": false, "bad": true, "nobody": false} {
		var e *SettingsError
		if _, err := f.settingsOf(t, name); !errors.As(err, &e) || (e.Err != nil) != wrong || e.Error() == "" {
			t.Errorf("%s: %v", name, e)
		}
	}
}
