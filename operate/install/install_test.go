package install

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/access/pki"
	"culvert/config"
	"culvert/operate/setup"
)

// host is a machine that notes what systemctl is asked for.
type host struct {
	Options
	asked  []string
	refuse string // the verb that fails
}

// newHost makes a machine, and a profile on it that names its keys by files beside it.
func newHost(t *testing.T) *host {
	t.Helper()
	dir, now := t.TempDir(), time.Now()
	if _, err := setup.Init(setup.InitOptions{Dir: filepath.Join(dir, "vpn"), Host: "192.0.2.1", Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	profile := filepath.Join(dir, "laptop.ovpn")
	if _, err := setup.AddClient(setup.ClientOptions{Dir: filepath.Join(dir, "vpn"), Name: "laptop", Out: profile, Now: now, Rand: rand.Reader}); err != nil {
		t.Fatal(err)
	}
	h := &host{Options: Options{Name: "office", Profile: profile, Start: true, Program: "/usr/bin/culvert", Root: filepath.Join(dir, "root"), Home: "/home/anna", Config: filepath.Join(dir, "config")}}
	h.Run = func(_ context.Context, argv ...string) error {
		h.asked = append(h.asked, strings.Join(argv, " "))
		if h.refuse != "" && slices.Contains(argv, h.refuse) {
			return errors.New("no")
		}
		return nil
	}
	return h
}

// files are all below root and config.
func (h *host) files() (list []string) {
	for _, dir := range []string{h.Root, h.Config} {
		_ = filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				list = append(list, strings.TrimPrefix(strings.TrimPrefix(path, h.Root), h.Config))
			}
			return nil
		})
	}
	return list
}

// contained is selfContained of a profile that is parsed for it.
func contained(name, text, home string, read func(string) ([]byte, error)) ([]byte, error) {
	var files []string
	c, err := config.ParseFile(name, []byte(text), func(file string) ([]byte, error) {
		files = append(files, file)
		return read(file)
	})
	if err != nil {
		return nil, err
	}
	return selfContained(c, []byte(text), files, home, read)
}

func check(t *testing.T, what string, got any, want string) {
	t.Helper()
	if fmt.Sprint(got) != want {
		t.Errorf("%s: %v, want %s", what, got, want)
	}
}

func TestInstall(t *testing.T) {
	h := newHost(t)
	if _, err := Install(t.Context(), h.Options); err != nil {
		t.Fatal(err)
	}
	check(t, "files", h.files(), "[/etc/openvpn/client/office.conf /etc/systemd/system/culvert-client@.service]")
	check(t, "asked", h.asked, "[systemctl daemon-reload systemctl enable --now culvert-client@office.service]")
	info, err := os.Stat(h.conf())
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("profile: %v %v", info.Mode(), err)
	}
	unit, _ := os.ReadFile(filepath.Join(h.Root, "/etc/systemd/system", template))
	if !strings.Contains(string(unit), "ExecStart=/usr/bin/culvert --suppress-timestamps --name %i --config %i.conf\n") {
		t.Errorf("unit:\n%s", unit)
	}

	if _, err := Install(t.Context(), h.Options); err == nil || !strings.Contains(err.Error(), "already") {
		t.Errorf("twice: %v", err)
	}
	h.asked = nil
	if _, err := Remove(t.Context(), h.Options); err != nil {
		t.Fatal(err)
	}
	check(t, "files", h.files(), "[/etc/systemd/system/culvert-client@.service]")
	check(t, "asked", h.asked, "[systemctl disable --now culvert-client@office.service systemctl daemon-reload]")
	if _, err := Remove(t.Context(), h.Options); err == nil {
		t.Error("removed twice")
	}
}

func TestInstallForUser(t *testing.T) {
	h := newHost(t)
	h.User, h.Start, h.SOCKS, h.Program = true, false, "127.0.0.1:1088", "/home/anna/my programs/cul%vert"
	if _, err := Install(t.Context(), h.Options); err != nil {
		t.Fatal(err)
	}
	check(t, "files", h.files(), "[/culvert/office.conf /systemd/user/culvert-office.service]")
	check(t, "asked", h.asked, "[systemctl --user daemon-reload systemctl --user enable culvert-office.service]")
	unit, _ := os.ReadFile(h.userUnit())
	want := `ExecStart="/home/anna/my programs/cul%%vert" connect ` + h.conf() + " --userspace --name office --socks 127.0.0.1:1088\n"
	if !strings.Contains(string(unit), want) {
		t.Errorf("unit lacks %s:\n%s", want, unit)
	}
}

// TestNothingIsLeft: what fails leaves no file and no unit.
func TestNothingIsLeft(t *testing.T) {
	for _, refuse := range []string{"daemon-reload", "enable"} {
		h := newHost(t)
		h.refuse = refuse
		if _, err := Install(t.Context(), h.Options); err == nil {
			t.Errorf("%s failed, and Install did not", refuse)
		}
		check(t, refuse, h.files(), "[]")
	}
	h := newHost(t)
	h.Program = "/home/anna/bin/culvert"
	if _, err := Install(t.Context(), h.Options); err == nil || !strings.Contains(err.Error(), "/usr/local/bin") {
		t.Errorf("a program at home: %v", err)
	}
	check(t, "a program at home", h.files(), "[]")
}

// TestNoDirectoriesAreLeft: those that were made go again, and one that was there stays.
func TestNoDirectoriesAreLeft(t *testing.T) {
	h := newHost(t)
	h.User, h.refuse = true, "daemon-reload"
	if err := os.Mkdir(h.Config, 0o755); err != nil {
		t.Fatal(err)
	}
	_, err := Install(t.Context(), h.Options)
	for _, want := range []string{"enable-linger", "connect " + h.Profile + " --userspace"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %q", err, want)
		}
	}
	if left, err := os.ReadDir(h.Config); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestRefused: profiles that no service can use, and names that none can have.
func TestRefused(t *testing.T) {
	key, err := os.ReadFile("testdata/encrypted.key")
	if err != nil {
		t.Fatal(err)
	}
	if !pki.KeyEncrypted(key) {
		t.Fatal("the key of this test has no password")
	}
	for what, c := range map[string]struct{ add, name, want string }{
		"a name with a path":  {"", "../office", "cannot be the name"},
		"an option as a name": {"", "-f", "cannot be the name"},
		"a password":          {"auth-user-pass\n", "office", "auth-user-pass FILE"},
		"a code":              {"auth-user-pass x\nstatic-challenge code 1\n", "office", "static-challenge"},
		"a program":           {"script-security 2\nup /bin/x\n", "office", "--allow-scripts"},
		"a file beside it":    {"config other.conf\n", "office", "other.conf"},
		"a key to unlock":     {"<key>\n" + string(key) + "</key>\n", "office", "askpass FILE"},
	} {
		h := newHost(t)
		profile, _ := os.ReadFile(h.Profile)
		h.Name = c.name
		if err := os.WriteFile(h.Profile, append(profile, c.add...), 0o600); err != nil {
			t.Fatal(err)
		}
		t.Chdir(filepath.Dir(h.Profile))
		for name, text := range map[string]string{"other.conf": "verb 3\n", "x": "anna\nsecret\n"} {
			if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Install(t.Context(), h.Options); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", what, err, c.want)
		}
		check(t, what, h.files(), "[]")
	}
}

// block is the text of a block of a profile.
func block(t *testing.T, profile []byte, name string) string {
	t.Helper()
	_, rest, _ := strings.Cut(string(profile), "<"+name+">\n")
	text, _, found := strings.Cut(rest, "</"+name+">")
	if !found {
		t.Fatalf("no <%s> in the profile", name)
	}
	return text
}

// TestSelfContained: files that a service would not find come into the profile.
func TestSelfContained(t *testing.T) {
	profile, err := os.ReadFile(newHost(t).Profile)
	if err != nil {
		t.Fatal(err)
	}
	ca, cert, key := block(t, profile, "ca"), block(t, profile, "cert"), block(t, profile, "key")
	static := "-----BEGIN OpenVPN Static key V1-----\n" + strings.Repeat(strings.Repeat("0a", 16)+"\n", 16) + "-----END OpenVPN Static key V1-----\n"
	files := map[string]string{"ca.crt": ca, "/home/anna/ta.key": static, "/etc/ssl/mine.crt": cert, "/root/mine.key": key, "/data/anna/ca.crt": ca}
	read := func(name string) ([]byte, error) {
		text, found := files[name]
		if !found {
			return nil, fmt.Errorf("%s: %w", name, os.ErrNotExist)
		}
		return []byte(text), nil
	}
	text := "client\nremote a\nca ca.crt # ours\ntls-auth /home/anna/ta.key 1\ncert /etc/ssl/mine.crt\nkey /root/mine.key\nverb 3"
	got, err := contained("x.ovpn", text, "/data/anna", read)
	want := "client\nremote a\n<ca>\n" + ca + "</ca>\n<tls-auth>\n" + static + "</tls-auth>\nkey-direction 1\ncert /etc/ssl/mine.crt\n<key>\n" + key + "</key>\nverb 3"
	if err != nil || string(got) != want {
		t.Errorf("%v\n%s\nwant:\n%s", err, got, want)
	}
	const keys = "ca ca.crt\ncert /etc/ssl/mine.crt\nkey /root/mine.key\n"
	for what, text := range map[string]string{
		"in a block": "client\nproto tcp\n<connection>\nremote a\nhttp-proxy p 1 login.txt\n</connection>\n" + keys,
		"of a home":  "client\nremote a\naskpass /data/anna/pass\n" + keys,
	} {
		files["login.txt"], files["/data/anna/pass"] = "a\nb\n", "secret\n"
		if got, err := contained("x.ovpn", text, "/data/anna", read); err == nil || !strings.Contains(err.Error(), "whole path") {
			t.Errorf("a file %s: %v\n%s", what, err, got)
		}
	}
	m := mover{config: new(config.Config), read: func(string) ([]byte, error) { return []byte{0, 1, 2}, nil }, moved: map[string]bool{}}
	if got, err := m.block(config.Line{Name: "pkcs12", Args: []string{"a.p12"}}); err != nil || got != "<pkcs12>\nAAEC\n</pkcs12>\n" {
		t.Errorf("pkcs12: %q, %v", got, err)
	}
}

// TestNoSmuggling: a file that a profile names brings no lines into the copy that the service
// reads, and nobody is asked about less than what is installed.
func TestNoSmuggling(t *testing.T) {
	h := newHost(t)
	profile, err := os.ReadFile(h.Profile)
	if err != nil {
		t.Fatal(err)
	}
	ca := block(t, profile, "ca")
	t.Chdir(filepath.Dir(h.Profile))
	for _, end := range []string{"</ca>\n", "  </ca>\n", "\t</ca>\r\n"} {
		smuggled := ca + end + "script-security 2\nup /tmp/evil\n<ca>\n" + ca
		if err := os.WriteFile("ca.crt", []byte(smuggled), 0o600); err != nil {
			t.Fatal(err)
		}
		text := strings.Replace(string(profile), "<ca>\n"+ca+"</ca>", "ca ca.crt", 1)
		if err := os.WriteFile(h.Profile, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Install(t.Context(), h.Options); err == nil || !strings.Contains(err.Error(), "ca.crt") {
			t.Errorf("with %q: %v", end, err)
		}
		check(t, end, h.files(), "[]")
	}
}

// TestRemoveKeepsOthers: a profile that Install did not make stays.
func TestRemoveKeepsOthers(t *testing.T) {
	h := newHost(t)
	if err := os.MkdirAll(filepath.Dir(h.conf()), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(h.conf(), []byte("client\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Remove(t.Context(), h.Options); err == nil || !strings.Contains(err.Error(), "not made by culvert install") {
		t.Error(err)
	}
	check(t, "files", h.files(), "[/etc/openvpn/client/office.conf]")
	check(t, "asked", h.asked, "[]")
}

// TestMissing: who removes a service that is not there is told which are.
func TestMissing(t *testing.T) {
	h := newHost(t)
	other := h.Options
	other.Name = "none"
	if _, err := Remove(t.Context(), other); err == nil || !strings.Contains(err.Error(), "culvert install has made none here") {
		t.Error(err)
	}
	if _, err := Install(t.Context(), h.Options); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(h.Root, "/etc/openvpn/client/theirs.conf"), []byte("client\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Remove(t.Context(), other); err == nil || !strings.Contains(err.Error(), "there are: office") || strings.Contains(err.Error(), "theirs") {
		t.Error(err)
	}
}
