package config

import "fmt"

// checkHooks checks the programs for this host's own adapter. OpenVPN ends when it may not run
// up or down, and does without ipchange and route-up.
func checkHooks(c check) {
	if c.isServer() {
		for _, name := range []string{"ipchange", "up-delay"} {
			if c.has(name) {
				c.problem(name, "not for a server, which has many peers", "remove the line; client-connect is run when a client comes")
			}
		}
	}
	if c.Process.ScriptSecurity >= scriptsAllowed {
		return
	}
	for _, needed := range []string{"up", "down", "route-pre-down", "dns-updown", "plugin"} {
		if c.Hooks.Commands()[needed] != nil {
			c.problem(needed, fmt.Sprintf("script-security %d does not allow programs", c.Process.ScriptSecurity), "add the line: script-security 2")
		}
	}
	for name, command := range map[string]*[]string{"route-up": &c.Hooks.RouteUp, "ipchange": &c.Hooks.IPChange} {
		if *command != nil {
			*command = nil
			c.note(c.at(name), fmt.Sprintf("%s: not run, since script-security %d does not allow programs; add the line: script-security 2", name, c.Process.ScriptSecurity))
		}
	}
}

// scriptsAllowed is the level of script-security that programs need.
const scriptsAllowed = 2
