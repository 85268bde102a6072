package manage

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/backend/backendtest"
	"culvert/operate/manage/api"
)

// explained is a back end with a configuration and routes.
type explained struct {
	*backendtest.Fake
	now, told *config.Config
}

func (e explained) Configuration() (now, told *config.Config) { return e.now, e.told }
func (e explained) Routes() backend.Routes {
	return backend.Routes{Host: true, Routes: []backend.Route{{Leads: backend.Inside, Device: "tun0", Reason: backend.ByOther}}}
}

// TestConfiguration: lines have their places and their meaning, and no secret leaves.
func TestConfiguration(t *testing.T) {
	now, err := config.ParseArgs([]string{"--config", "two.conf", "--verb", "4"}, func(string) ([]byte, error) {
		return []byte("dev tun\nifconfig 10.0.0.1 10.0.0.2\nremote 192.0.2.1\nsetenv PIN s3cr3t\nallow-deprecated-insecure-static-crypto\ncipher AES-256-CBC\n<secret>\n-----BEGIN OpenVPN Static key V1-----\n" +
			strings.Repeat("0123456789abcdef0123456789abcdef\n", 16) + "-----END OpenVPN Static key V1-----\n</secret>\n"), nil
	})
	if err != nil {
		t.Fatal(err)
	}
	told, _, err := config.ParsePushed(now, []string{"ping 9"})
	if err != nil {
		t.Fatal(err)
	}
	c := serve(t, explained{backendtest.New(), now, told})
	got, err := api.Get[Configuration](t.Context(), c, ConfigPath, nil)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, l := range got.Lines {
		text, err := json.Marshal(l)
		if err != nil || l.Help == "" || l.Form == "" {
			t.Errorf("%s: %v", text, err)
		}
		all[l.Directive] = string(text)
	}
	for name, want := range map[string]string{
		"ifconfig": `"arguments":["10.0.0.1","10.0.0.2"],"source":"file","file":"two.conf","line":2,"form":"ifconfig local remote-or-netmask"`,
		"verb":     `"arguments":["4"],"source":"command-line","form"`,
		"ping":     `"arguments":["9"],"source":"server","line":1,`,
		"setenv":   `"arguments":["PIN"],"source":"file","file":"two.conf","line":4,"withheld":true`,
		"secret":   `"arguments":[],"source":"file","file":"two.conf","line":7,"block":true,"withheld":true`,
		"nice":     `"arguments":["0"],"source":"default","form":"nice n","help":"Run at this priority`,
	} {
		if !strings.Contains(all[name], want) {
			t.Errorf("%s: %s, expected %s", name, all[name], want)
		}
	}
	if text, _ := json.Marshal(got); strings.Contains(string(text), "s3cr3t") || strings.Contains(string(text), "0123456789abcdef") {
		t.Errorf("a secret is shown: %s", text)
	}
	routes, err := api.Get[backend.Routes](t.Context(), c, RoutesPath, nil)
	if err != nil || len(routes.Routes) != 1 || routes.Routes[0].Leads != backend.Inside || !routes.Host {
		t.Errorf("%+v, %v", routes, err)
	}
}

// TestNoConfiguration: a process without one says so.
func TestNoConfiguration(t *testing.T) {
	c := serve(t, backendtest.New())
	_, err1 := api.Get[Configuration](t.Context(), c, ConfigPath, nil)
	_, err2 := api.Get[backend.Routes](t.Context(), c, RoutesPath, nil)
	for _, err := range []error{err1, err2} {
		var refusal *api.Error
		if !errors.As(err, &refusal) || refusal.Code != api.Unsupported.Code {
			t.Error(err)
		}
	}
}
