package check

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"culvert/access/auth/ldap"
	"culvert/config"
	"culvert/internal/printable"
)

// servedPlugin reports whether a line is a plugin that checks logins, whose work is done
// here.
func servedPlugin(c *config.Config, l config.Line) bool {
	return slices.ContainsFunc(c.Login.Plugins, func(p config.LoginPlugin) bool { return p.Pos == l.Pos })
}

// pluginWays says what plugins ask of who logs in.
func pluginWays(c *config.Config) (ways []string) {
	for _, p := range c.Login.Plugins {
		if p.LDAP == nil {
			way := "a user name and password that the PAM service " + printable.Name(p.Service) + " takes"
			if len(p.Prompts) > 0 {
				way += ", whose questions the plugin's line answers"
			}
			ways = append(ways, way)
			continue
		}
		asks, err := ldap.Parse(p.LDAP.Name, p.LDAP.Text)
		if err != nil {
			continue // ldapFiles says what is wrong
		}
		way := "a user name and password that the LDAP server at " + printable.Name(strings.Join(asks.URLs, " or ")) + " takes"
		if asks.RequireGroup {
			way += fmt.Sprintf(", of a member of one of the groups in %s", printable.Name(p.LDAP.Name))
		}
		ways = append(ways, way)
	}
	return ways
}

// ldapFiles looks at the configuration files of the plugin auth-ldap.
func ldapFiles(c *config.Config) (all []Finding) {
	for _, p := range c.Login.Plugins {
		if p.LDAP == nil {
			continue
		}
		asks, err := ldap.Parse(p.LDAP.Name, p.LDAP.Text)
		var fault *ldap.Error
		switch {
		case errors.As(err, &fault):
			what := fault.Key
			if fault.Value != "" {
				what = strings.TrimSpace(fmt.Sprintf("%s %q", fault.Key, printable.Name(fault.Value)))
			}
			if what != "" {
				what += ": "
			}
			all = append(all, Finding{File: p.LDAP.Name, Line: fault.Line, Severity: Err, Kind: Fault, Text: what + fault.Reason, Instead: fault.Mend})
			continue
		case err != nil:
			all = append(all, Finding{File: p.LDAP.Name, Severity: Err, Kind: Fault, Text: err.Error()})
			continue
		}
		for _, note := range asks.Notes {
			text, mend, _ := strings.Cut(note.Text, "; ")
			found := Finding{File: p.LDAP.Name, Line: note.Line, Severity: Note, Kind: NoEffect, Text: text, Instead: mend}
			if strings.HasPrefix(text, "URL:") {
				found.Severity, found.Kind = Warn, Insecure
			}
			all = append(all, found)
		}
	}
	return all
}
