package install

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"culvert/config"
	"culvert/host/process"
)

// secretive is a machine with a profile that has a line more, and a secret in the folder of
// somebody's home.
func secretive(t *testing.T, line string) (h *host, secret string) {
	t.Helper()
	h = newHost(t)
	dir := filepath.Dir(h.Profile)
	secret = filepath.Join(dir, "alice", ".secrets", "creds")
	downloads := filepath.Join(dir, "dl")
	for _, d := range []string{filepath.Dir(secret), downloads} {
		if err := os.MkdirAll(d, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(secret, []byte("alice\nhunter2\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(downloads, "link")); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(h.Profile)
	if err != nil {
		t.Fatal(err)
	}
	h.Profile, h.Home = filepath.Join(downloads, "x.ovpn"), filepath.Join(dir, "alice")
	text = append(text, strings.ReplaceAll(line, "SECRET", secret)+"\n"...)
	if err := os.WriteFile(h.Profile, text, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Chdir(downloads)
	return h, secret
}

// TestNoSecretUnasked: what a file holds that is not beside the profile does not come into
// the copy, from which it is sent, before the user allows that; with their consent, it does.
func TestNoSecretUnasked(t *testing.T) {
	for what, line := range map[string]string{
		"a login":         "auth-user-pass SECRET",
		"a relative path": "auth-user-pass ../alice/.secrets/creds",
		"a link":          "auth-user-pass link",
		"cd":              "cd ../alice/.secrets\nauth-user-pass creds",
		"a proxy's login": "proto tcp-client\nhttp-proxy 192.0.2.9 3128\nhttp-proxy-user-pass SECRET",
	} {
		for _, answer := range []string{"n", "nobody", "y"} {
			t.Run(what+", "+answer, func(t *testing.T) {
				h, secret := secretive(t, line)
				var asked []string
				if answer != "nobody" {
					h.Ask = func(question string, _ bool) (string, error) {
						asked = append(asked, question)
						return answer, nil
					}
				}
				reads := 0
				h.read = func(name string) ([]byte, error) {
					if at, _ := filepath.EvalSymlinks(name); at == secret {
						reads++
					}
					return process.ReadFile(name)
				}
				_, err := Install(t.Context(), h.Options)
				if reads > 1 {
					t.Errorf("the secret was read %d times: once as the profile is understood, and no more", reads)
				}
				if answer == "y" {
					text, _ := os.ReadFile(h.conf())
					if err != nil || len(asked) != 1 || !strings.Contains(string(text), "hunter2") {
						t.Errorf("%v; asked %q; installed:\n%s", err, asked, text)
					}
					return
				}
				if err == nil || answer == "n" && len(asked) != 1 || answer == "nobody" && !strings.Contains(err.Error(), "--allow-scripts") {
					t.Errorf("%v; asked %q", err, asked)
				}
				check(t, "files", h.files(), "[]")
				check(t, "systemctl", h.asked, "[]")
			})
		}
	}
}

// TestBesideIsNotAsked: a file beside the profile was put there to be sent. A user's service
// that would be asked about a file which is not beside the copy has it allowed.
func TestBesideIsNotAsked(t *testing.T) {
	h, _ := secretive(t, "auth-user-pass login.txt")
	if err := os.WriteFile("login.txt", []byte("a\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Install(t.Context(), h.Options); err != nil {
		t.Error(err)
	}
	for allowed, file := range map[bool]string{false: "login.txt", true: "/etc/vpn/login.txt"} {
		h, _ := secretive(t, "auth-user-pass "+file)
		h.User, h.AllowScripts = true, false
		h.Ask = func(string, bool) (string, error) { return "y", nil }
		h.read = func(name string) ([]byte, error) {
			if strings.HasSuffix(name, "login.txt") {
				return []byte("a\nb\n"), nil
			}
			return process.ReadFile(name)
		}
		if _, err := Install(t.Context(), h.Options); err != nil {
			t.Fatal(err)
		}
		unit, _ := os.ReadFile(h.userUnit())
		if strings.Contains(string(unit), "--allow-scripts") != allowed {
			t.Errorf("%s: unit:\n%s", file, unit)
		}
	}
}

// TestCopyIsJudged: a line of the copy that uses this machine, and is not the profile's, is
// found, and those that have moved are not.
func TestCopyIsJudged(t *testing.T) {
	const text = "client\nremote a\nscript-security 2\nup /bin/up\nuser nobody\n"
	h := newHost(t)
	keys, err := os.ReadFile(h.Profile)
	if err != nil {
		t.Fatal(err)
	}
	keys = slices.Concat([]byte("<ca>\n"+block(t, keys, "ca")+"</ca>\n<cert>\n"+block(t, keys, "cert")+"</cert>\n<key>\n"+block(t, keys, "key")), []byte("</key>\n"))
	parse := func(text string) *config.Config {
		t.Helper()
		c, err := config.ParseFile("x.ovpn", slices.Concat([]byte(text), keys), nil)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	for want, copied := range map[string]string{
		"":                                  "# a line more\n" + text,
		"down /bin/down (runs a program)":   text + "down /bin/down\n",
		"log /var/log/x (writes to a file)": text + "log /var/log/x\n",
		"user root":                         strings.Replace(text, "nobody", "root", 1),
	} {
		if got := unasked(parse(copied), parse(text)); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
