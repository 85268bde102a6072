package config

import "fmt"

// checkHooks checks the programs for this host's own adapter. OpenVPN 2.5 to 2.7 end when they may not
// run up: a server at once, and a client when it is connected. They go on without the others. The
// command of the plugin down-root is not subject to script-security.
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
	for name, command := range leftOut {
		c.notRun(name, command)
	}
	for _, t := range c.touches {
		if t.Unbound {
			c.note(t.Pos, fmt.Sprintf("%s: down-root runs its command with the rights of the start, so as root where that is root's, although script-security is %d; as with OpenVPN", t.name, c.Process.ScriptSecurity))
		}
	}
}

// leftOut are the programs of Hooks that are not run where script-security does not allow
// them.
var leftOut = map[string]func(*Config) *[]string{
	"dns-updown":     func(c *Config) *[]string { return &c.Hooks.DNSUpdown },
	"down":           func(c *Config) *[]string { return &c.Hooks.Down },
	"route-pre-down": func(c *Config) *[]string { return &c.Hooks.RoutePreDown },
	"route-up":       func(c *Config) *[]string { return &c.Hooks.RouteUp },
	"ipchange":       func(c *Config) *[]string { return &c.Hooks.IPChange },
}

// notRun takes a program away that script-security does not allow, and that nobody's way
// in depends on, also from the settings of <connection> blocks.
func (c check) notRun(name string, command func(*Config) *[]string) {
	named := *command(c.Config) != nil
	for all := range withBlocks(c.Config) {
		*command(all) = nil
	}
	untouchAll(c.Config, name)
	if named {
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
