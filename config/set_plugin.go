package config

import (
	"fmt"
	"path"
	"slices"
	"strings"
)

// plugins are the plugins that this program does the work of, by the last part of their
// paths. OpenVPN's module files are never loaded.
var plugins = map[string]func(b *builder, d *call) error{
	"openvpn-plugin-down-root.so": setDownRoot,
	"openvpn-down-root.so":        setDownRoot,
	"openvpn-plugin-auth-pam.so":  setAuthPAM,
	"openvpn-auth-pam.so":         setAuthPAM,
	"openvpn-auth-ldap.so":        setAuthLDAP,
}

// setPlugin takes a plugin that this program does the work of, and refuses any other:
// one that is skipped may be what keeps others out.
func setPlugin(b *builder, d *call) error {
	if set := plugins[path.Base(d.args[0])]; set != nil {
		return set(b, d)
	}
	return d.fault(d.args[0], "plugins are never loaded, and skipping one that checks passwords would let anybody in", pluginMend(path.Base(d.args[0])))
}

// pluginMend says what to use in place of a plugin.
func pluginMend(name string) string {
	switch {
	case strings.Contains(name, "radius"):
		return "to check passwords by RADIUS, use: sign-in-radius HOST SECRET-FILE"
	case strings.Contains(name, "ldap"):
		return "to check passwords by LDAP, use: sign-in-ldap FILE, with the file of the plugin openvpn-auth-ldap.so"
	case strings.Contains(name, "auth"), strings.Contains(name, "pam"):
		return "to check passwords, use sign-in-pam SERVICE, sign-in-ldap FILE or sign-in-radius HOST SECRET-FILE; or auth-user-pass-verify with a program that asks whatever knows them"
	}
	return "to check passwords, use sign-in-pam, sign-in-ldap, sign-in-radius or auth-user-pass-verify; for what the plugin does otherwise, up, client-connect and other programs"
}

// pluginWords are a plugin's arguments: a single one is cut into words, and several
// stand as they are.
func (d *call) pluginWords() ([]string, error) {
	if len(d.args) != 2 {
		return d.args[1:], nil
	}
	words, _, problem := splitWords(d.args[1])
	if problem != nil {
		return nil, d.fault("", problem.reason, problem.mend)
	}
	return words, nil
}

// setAuthPAM takes the plugin auth-pam: PAM's service, and pairs of how a question of
// PAM begins and what answers it (README.auth-pam). The answers may be secret.
func setAuthPAM(b *builder, d *call) error {
	words, err := d.pluginWords()
	if len(words) > 0 {
		words = slices.Clone(words)
		if file, found := strings.CutPrefix(words[0], "/etc/pam.d/"); found {
			words[0] = strings.ToLower(file) // as libpam reads the path of a service
		}
	}
	switch {
	case err != nil:
		return err
	case len(words) == 0 || words[0] == "" || strings.Contains(words[0], "/"):
		return d.fault(d.args[0], "expected the name of a PAM service, which is that of a file in /etc/pam.d", "write it behind the plugin, such as: plugin "+path.Base(d.args[0])+" openvpn")
	case len(words)%2 == 0:
		return d.fault(d.args[0], fmt.Sprintf("expected pairs behind the PAM service %s, each a question's beginning and its answer; there are %d words", quote(words[0]), len(words)-1),
			`write them as in: "openvpn login USERNAME password PASSWORD", with quotes around what has blanks`)
	}
	b.untouch(d) // what is run is no program of the configuration's
	b.Login.Plugins = append(b.Login.Plugins, LoginPlugin{Pos: d.Pos, Service: words[0], Prompts: words[1:]})
	return nil
}

// setAuthLDAP takes the plugin auth-ldap: its configuration file. What people write
// behind it means nothing to the plugin.
func setAuthLDAP(b *builder, d *call) error {
	words, err := d.pluginWords()
	switch {
	case err != nil:
		return err
	case len(words) == 0 || words[0] == "":
		return d.fault(d.args[0], "expected its configuration file", "write its path behind the plugin")
	case len(words) > 1:
		d.remark(fmt.Sprintf("what stands behind the file %s has no effect: this plugin takes nothing else", quote(words[0])))
	}
	b.untouch(d)
	b.Login.Plugins = append(b.Login.Plugins, LoginPlugin{Pos: d.Pos, LDAP: &File{Name: words[0], Pos: d.Pos}})
	return nil
}

// setDownRoot takes the command of the plugin down-root: all its arguments, which are
// cut into words as one line.
func setDownRoot(b *builder, d *call) error {
	if len(d.args) < 2 {
		return d.fault(d.args[0], "expected the command to run when the tunnel is down", "write it behind the plugin, or remove the line")
	}
	line := &call{Pos: d.Pos, name: d.name, args: []string{strings.Join(d.args[1:], " ")}}
	words, err := line.command(0)
	if err != nil {
		return err
	}
	if isDNSHelper(words[0]) {
		d.remark("not run, since DNS is set without a program")
		b.untouch(d)
		return nil
	}
	b.touches[len(b.touches)-1].Unbound = true
	b.Hooks.DownRoot = words
	return nil
}
