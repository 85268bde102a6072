package config

import "fmt"

// checkHooks checks the programs for this host's own adapter. OpenVPN 2.5 to 2.7 end when they may not
// run up: a server at once, and a client when it is connected. They go on without the others. A plugin's
// command is not subject to script-security.
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
	if c.Hooks.Up != nil {
		c.problem("up", fmt.Sprintf("script-security %d does not allow programs", c.Process.ScriptSecurity), "add the line: script-security 2")
	}
	for name, command := range map[string]*[]string{"dns-updown": &c.Hooks.DNSUpdown, "down": &c.Hooks.Down, "route-pre-down": &c.Hooks.RoutePreDown, "route-up": &c.Hooks.RouteUp, "ipchange": &c.Hooks.IPChange} {
		c.notRun(name, command)
	}
}

// notRun takes a program away that script-security does not allow, and that nobody's way
// in depends on.
func (c check) notRun(name string, command *[]string) {
	if *command != nil {
		*command = nil
		c.note(c.at(name), fmt.Sprintf("%s: not run, since script-security %d does not allow programs; add the line: script-security 2", name, c.Process.ScriptSecurity))
	}
}

// The levels of script-security that programs need, and passwords in their environment.
const (
	scriptsAllowed   = 2
	passwordsAllowed = 3
)

// Forbidden says why programs may not be run, and what to do; "": they may be.
func (p Process) Forbidden() string {
	if p.ScriptSecurity >= scriptsAllowed {
		return ""
	}
	return fmt.Sprintf("script-security %d does not allow programs; add the line: script-security 2", p.ScriptSecurity)
}

// PasswordsInEnv reports whether programs may get passwords in their environment.
func (p Process) PasswordsInEnv() bool { return p.ScriptSecurity >= passwordsAllowed }
