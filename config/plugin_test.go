package config

import (
	"io/fs"
	"reflect"
	"strings"
	"testing"
)

// TestLoginPlugins: a single argument is cut into words as OpenVPN cuts it; several stand
// as they are.
func TestLoginPlugins(t *testing.T) {
	list := []string{"login", "USERNAME", "pin code", "OTP"}
	for args, want := range map[string]LoginPlugin{
		`openvpn-plugin-auth-pam.so openvpn`:                                   {Service: "openvpn", Prompts: []string{}},
		`/usr/lib/openvpn/openvpn-plugin-auth-pam.so "openvpn"`:                {Service: "openvpn", Prompts: []string{}},
		`./openvpn-auth-pam.so "openvpn login USERNAME 'pin code' OTP"`:        {Service: "openvpn", Prompts: list},
		`openvpn-plugin-auth-pam.so 'openvpn login USERNAME "pin code" OTP'`:   {Service: "openvpn", Prompts: list},
		`openvpn-plugin-auth-pam.so "openvpn login USERNAME \"pin code\" OTP"`: {Service: "openvpn", Prompts: list},
		`openvpn-plugin-auth-pam.so openvpn login USERNAME "pin code" OTP`:     {Service: "openvpn", Prompts: list},
		`openvpn-auth-ldap.so "auth-ldap.conf"`:                                {LDAP: &File{Name: "auth-ldap.conf", Text: []byte("x")}},
		`/usr/lib/openvpn/openvpn-auth-ldap.so "auth-ldap.conf cn"`:            {LDAP: &File{Name: "auth-ldap.conf", Text: []byte("x")}},
	} {
		c := pluginConfig(t, "plugin "+args)
		if len(c.Login.Plugins) != 1 {
			t.Fatalf("%s: %+v", args, c.Login.Plugins)
		}
		got := c.Login.Plugins[0]
		if got.Pos.Line == 0 {
			t.Errorf("%s: no line", args)
		}
		got.Pos = Pos{}
		if got.LDAP != nil {
			got.LDAP.Pos = Pos{}
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, want %+v", args, got, want)
		}
	}
}

// TestPluginChecksPasswords: with a plugin that does, no certificate is needed, and names
// and tokens mean something.
func TestPluginChecksPasswords(t *testing.T) {
	const more = "\nverify-client-cert none\nusername-as-common-name\nauth-gen-token"
	c := pluginConfig(t, "plugin openvpn-plugin-auth-pam.so openvpn"+more)
	if c.Login.GenToken == nil || !c.Login.UsernameAsCommonName {
		t.Errorf("%+v", c.Login)
	}
	if touched := c.Touches(); len(touched) != 0 {
		t.Errorf("it runs %v", touched)
	}
	files := c.Secrets()
	c = pluginConfig(t, "plugin openvpn-auth-ldap.so auth-ldap.conf")
	if len(c.Secrets()) != len(files)+1 {
		t.Errorf("the file with a password for LDAP is no secret: %v", c.Secrets())
	}
}

func pluginConfig(t *testing.T, lines string) *Config {
	t.Helper()
	text := "server 10.8.0.0 255.255.255.0\ndev tun\ntopology subnet\n<ca>\n-----BEGIN CERTIFICATE-----\n</ca>\n<cert>\n-----BEGIN CERTIFICATE-----\n</cert>\n<key>\n-----BEGIN PRIVATE KEY-----\n</key>\n" + lines + "\n"
	c, err := ParseFile("x.conf", []byte(text), func(name string) ([]byte, error) {
		if strings.HasSuffix(name, "auth-ldap.conf") {
			return []byte("x"), nil
		}
		return nil, fs.ErrNotExist
	})
	if err != nil {
		t.Fatalf("%s: %v", lines, err)
	}
	return c
}
