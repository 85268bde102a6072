package config

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// concealed are the directives with something that is or may be secret. Each one less is a
// question of safety: whoever may look at the settings would read it.
var concealed = map[conceal]string{
	concealBlock:   "key pkcs12 secret tls-auth tls-crypt tls-crypt-v2 auth-user-pass http-proxy-user-pass auth-gen-token-secret",
	concealAll:     "auth-token static-challenge scramble parameter auth-federate",
	concealRest:    "setenv setenv-safe http-proxy-option plugin sign-in-pam genkey",
	concealCommand: "auth-user-pass-verify client-crresponse client-connect client-disconnect learn-address up down route-up route-pre-down ipchange dns-updown tls-verify tls-crypt-v2-verify iproute",
	concealLine:    "push",
}

// TestConcealed: the table conceals these, and nothing that is like them is left out.
func TestConcealed(t *testing.T) {
	want := map[string]conceal{}
	for how, names := range concealed {
		for _, name := range strings.Fields(names) {
			want[name] = how
		}
	}
	for _, row := range Directives() {
		if row.conceal != want[row.Name] {
			t.Errorf("%s conceals %d, expected %d", row.Name, row.conceal, want[row.Name])
		}
		delete(want, row.Name)
		if why := mayBeSecret(&row); why != "" && row.conceal == concealNone && public[row.Name] == "" {
			t.Errorf("%s %s, and conceals nothing: give its row conceal, or say here why it is public", row.Name, why)
		}
	}
	if len(want) > 0 {
		t.Errorf("no rows for %v", slices.Sorted(maps.Keys(want)))
	}
}

// public are directives that look as if they had secrets, each with the reason why not.
var public = map[string]string{
	"ca": "certificates", "cert": "a certificate", "extra-certs": "certificates", "peer-fingerprint": "hashes of certificates", "crl-verify": "a list for everybody",
	"dh": "parameters for everybody", "verify-hash": "a hash of a certificate", "policy": "rules, which GET /v1/policy has",
	"pkcs11-providers": "names of modules", "push-remove": "text of pushed lines that are left out", "echo": "text that is logged in any case",
	"askpass": "the name of a file", "oidc-client": "a name, and the name of a file", "sign-in-radius": "a host, and the name of a file",
	"accounting-radius": "a host, and the name of a file", "sign-in-ldap": "the name of a file", "pull-filter": "text of pushed lines",
	"remote-cert-ku": "numbers", "management": "an address, and the name of a file", "route-only": "a network, name or user", "route-except": "a network, name or user",
	"dhcp-option": "addresses and names", "dns": "addresses and names", "prng": "a digest",
	"log-format": "a word", "mark": "a number", "service": "ignored on this system", "dhcp-internal": "a number",
	"http-proxy": "a host, and the name of a file", "http-proxy-override": "a host, and the name of a file", "socks-proxy": "a host, and the name of a file",
}

// mayBeSecret says why a directive may hold secrets; "": it does not look as if it could.
func mayBeSecret(row *Directive) string {
	switch {
	case row.Inline:
		return "may be a block"
	case row.Touches == TouchRuns:
		return "runs a program"
	case row.Touches == TouchSends:
		return "sends a file"
	}
	for _, word := range []string{"secret", "password", "pass", "token", "argument", "command", "text", "prompt"} {
		if slices.Contains(strings.FieldsFunc(row.Usage, func(r rune) bool { return strings.ContainsRune("[]| .-", r) }), word) {
			return "takes a " + word
		}
	}
	return ""
}

// TestSecretFilesConcealed: what is a secret as a file is one as a block, too.
func TestSecretFilesConcealed(t *testing.T) {
	c := &Config{Trust: Trust{Key: &File{Name: "a"}, PKCS12: &File{Name: "b"}, TLSAuth: &File{Name: "c"}, TLSCrypt: &File{Name: "d"}, TLSCryptV2: &File{Name: "e"}, Secret: &File{Name: "f"}},
		Login: Login{UserPass: &File{Name: "g"}, GenTokenSecret: &File{Name: "h"}}}
	for _, s := range c.Secrets() {
		if row := byName[s.Directive]; row.Inline && row.conceal == concealNone {
			t.Errorf("the block of %s is shown", s.Directive)
		}
	}
}

// TestSettingsHoldNoSecret: of lines with a secret, the rest is shown.
func TestSettingsHoldNoSecret(t *testing.T) {
	const secret = "s3cr3t"
	for text, want := range map[string]string{
		"setenv TOKEN s3cr3t":            "setenv [TOKEN] withheld",
		"setenv opt setenv TOKEN s3cr3t": "setenv [TOKEN] withheld",
		"setenv-safe TOKEN s3cr3t":       "setenv-safe [TOKEN] withheld",
		"proto tcp\nhttp-proxy p 1\nhttp-proxy-option CUSTOM-HEADER X s3cr3t":                   "http-proxy-option [CUSTOM-HEADER] withheld",
		"script-security 2\nup '/bin/up --password s3cr3t'":                                     "up [/bin/up] withheld",
		"script-security 2\nup /bin/up":                                                         "up [/bin/up]",
		"parameter s3cr3t":                                                                      "parameter [] withheld",
		"static-challenge s3cr3t 1\nauth-user-pass":                                             "static-challenge [] withheld",
		"auth-token s3cr3t":                                                                     "auth-token [] withheld",
		"<auth-user-pass>\nada\ns3cr3t\n</auth-user-pass>":                                      "auth-user-pass [] block withheld",
		"proto tcp\nhttp-proxy p 1\n<http-proxy-user-pass>\na\ns3cr3t\n</http-proxy-user-pass>": "http-proxy-user-pass [] block withheld",
		"<connection>\nremote b 1 tcp\nhttp-proxy p 1\nhttp-proxy-option CUSTOM-HEADER X s3cr3t\n</connection>": "http-proxy-option [CUSTOM-HEADER] connection withheld",
	} {
		c, err := ParseFile("x.conf", []byte(clientLines+text+"\n"), readForms)
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		shown := shownSettings(c)
		if strings.Contains(strings.Join(shown, "\n"), secret) || !slices.Contains(shown, want) {
			t.Errorf("%q: no %q in\n%s", text, want, strings.Join(shown, "\n"))
		}
	}
	c, err := ParseFile("x.conf", []byte(serverLines+"push \"auth-token s3cr3t\"\npush setenv-safe A s3cr3t\npush \"route 10.0.0.0 255.0.0.0\"\npush \"unheard s3cr3t\"\n"), readForms)
	if err != nil {
		t.Fatal(err)
	}
	shown := shownSettings(c)
	if slices.Contains(shown, "mode [p2p]") {
		t.Error("a server is said to be in mode p2p by default")
	}
	for _, want := range []string{"push [auth-token] withheld", "push [setenv-safe A] withheld", "push [route 10.0.0.0 255.0.0.0]", "push [unheard] withheld"} {
		if !slices.Contains(shown, want) {
			t.Errorf("no %q in\n%s", want, strings.Join(shown, "\n"))
		}
	}
	if pushedOn, _, err := ParsePushed(c, []string{"auth-token s3cr3t", "setenv-safe A s3cr3t", "ping 10"}); err != nil || strings.Contains(fmt.Sprint(SettingsOf(c, pushedOn)), secret) {
		t.Errorf("%v, %v", err, SettingsOf(c, pushedOn))
	}
}

func shownSettings(c *Config) (all []string) {
	for _, s := range SettingsOf(c, nil) {
		text := fmt.Sprint(s.Name, " ", s.Args)
		for _, mark := range []struct {
			holds bool
			word  string
		}{{s.Block, "block"}, {s.Connection, "connection"}, {s.Withheld, "withheld"}} {
			if mark.holds {
				text += " " + mark.word
			}
		}
		all = append(all, text)
	}
	return all
}

// TestSettings: where each is from, and which line counts.
func TestSettings(t *testing.T) {
	read := func(name string) ([]byte, error) {
		switch name {
		case "a.conf":
			return []byte(clientLines + "verb 3\nconfig b.conf\nping 10\n"), nil
		case "b.conf":
			return []byte("verb 4\n"), nil
		}
		return readForms(name)
	}
	c, err := ParseArgs([]string{"--config", "a.conf", "--mute", "5"}, read)
	if err != nil {
		t.Fatal(err)
	}
	told, _, err := ParsePushed(c, []string{"ping 20", "route 10.9.0.0 255.255.0.0", "nonsense", "up /bin/x"})
	if err != nil {
		t.Fatal(err)
	}
	from := map[string][]string{}
	for _, s := range SettingsOf(c, told) {
		place := s.Pos.String()
		if s.IsDefault() {
			place = "default"
		}
		if s.Replaced {
			place += " replaced"
		}
		from[s.Name] = append(from[s.Name], fmt.Sprint(s.Args, " ", place, " ", s.Takes(c)))
	}
	n := strings.Count(clientLines, "\n")
	for name, want := range map[string][]string{
		"verb":  {fmt.Sprintf("[3] a.conf:%d replaced reload", n+1), "[4] b.conf:1 reload"},
		"ping":  {fmt.Sprintf("[10] a.conf:%d replaced reload", n+3), "[20] pushed:1 server"},
		"route": {"[10.9.0.0 255.255.0.0] pushed:2 server"}, "mute": {"[5] command line reload"},
		"tls-timeout": {"[1] default reload-anew"}, "nice": {"[0] default restart"}, "nonsense": nil, "up": nil, "max-clients": nil,
	} {
		if !slices.Equal(from[name], want) {
			t.Errorf("%s: %q, expected %q", name, from[name], want)
		}
	}
}

// TestDefaultsHold: beside any other line, what is listed as a default holds, and the line
// that says it changes nothing.
func TestDefaultsHold(t *testing.T) {
	for _, base := range []string{clientLines + "ping-restart 120\n", serverLines} { // which a client has in any case
		parse := func(first, last string) (*Config, map[string]string) {
			c, err := ParseFile("x.conf", []byte(first+base+last+"\n"), readForms)
			if err != nil {
				return nil, nil
			}
			return c, leaves(c)
		}
		_, plain := parse("", "")
		sets := map[string][]string{} // by directive
		lines := forms(t)
		for name, args := range lines {
			_, with := parse("", Line{Name: name, Args: args}.String())
			for field, value := range with {
				if value != plain[field] {
					sets[name] = append(sets[name], field)
				}
			}
		}
		for name, args := range lines {
			row := byName[name]
			c, now := parse("", Line{Name: name, Args: args}.String())
			if row.Status != Supported || row.Where&InFile == 0 || c == nil {
				continue // or it takes more lines
			}
			said := ""
			for _, s := range SettingsOf(c, nil) {
				if !s.IsDefault() || inZero[s.Name] != "" {
					continue
				}
				said += Line{Name: s.Name, Args: s.Args}.String() + "\n"
				for _, field := range sets[s.Name] {
					if now[field] != plain[field] {
						t.Errorf("with %s, %s %v is listed as the default, and %s is %s", name, s.Name, s.Args, field, now[field])
					}
				}
			}
			if _, with := parse(said, Line{Name: name, Args: args}.String()); !maps.Equal(now, with) {
				t.Errorf("with %s, what is listed as the default would change something if it were said: %v", name, changedOf(now, with))
			}
		}
	}
}

func changedOf(a, b map[string]string) (fields []string) {
	for field, value := range a {
		if b[field] != value {
			fields = append(fields, field+": "+value+" to "+b[field])
		}
	}
	return fields
}

var lineNumber = regexp.MustCompile(`"Line":[0-9]+`)

// leaves are the values in a configuration that are about no text.
func leaves(c *Config) map[string]string {
	all := map[string]string{}
	var walk func(path string, v reflect.Value)
	walk = func(path string, v reflect.Value) {
		for i := range v.NumField() {
			field, value := v.Type().Field(i), v.Field(i)
			switch {
			case !field.IsExported() || field.Name == "Notes" || field.Name == "Pos":
			case value.Kind() == reflect.Struct && value.NumField() > 0 && value.Type().Field(0).IsExported():
				walk(path+"."+field.Name, value)
			default:
				text, err := json.Marshal(value.Interface())
				all[path+"."+field.Name] = lineNumber.ReplaceAllString(string(text), "") + fmt.Sprint(err)
			}
		}
	}
	walk("", reflect.ValueOf(*c))
	return all
}
