package service

import (
	"math"
	"testing"

	"culvert/config"
	"culvert/host/privsep"
	"culvert/host/process"
)

// TestIsAlone: a server that gives up root's rights does without a keeper where few tasks are
// allowed and nothing takes root at its end; nobody else does.
func TestIsAlone(t *testing.T) {
	nobody := process.Jail{Identity: process.Identity{UID: 65534, GID: 65534}}
	type situation struct {
		l          life
		c          config.Config
		jail       process.Jail
		thin, root bool
	}
	for want, cases := range map[bool]map[string]func(*situation){
		true: {
			"few tasks":             func(*situation) {},
			"a limit that it meets": func(c *situation) { c.l.tasks.all.Left = keeperThreads + workerThreads + programTasks - 1 },
			"programs for clients":  func(c *situation) { c.c.Server.ClientConnect = []string{"/bin/a"} },
		},
		false: {
			"room for two processes": func(c *situation) { c.l.tasks.all.Left = keeperThreads + workerThreads + programTasks },
			"no limit":               func(c *situation) { c.l.tasks.all.Left = math.MaxInt },
			"a process like others":  func(c *situation) { c.thin = false },
			"a user's process":       func(c *situation) { c.root = false },
			"a worker":               func(c *situation) { c.l.worker = new(privsep.Worker) },
			"a client":               func(c *situation) { c.c.Mode = config.ModeP2P; c.c.Pull = true },
			"one of two hosts":       func(c *situation) { c.c.Mode = config.ModeP2P },
			"a router":               func(c *situation) { c.l.Forward = true },
			"down-root":              func(c *situation) { c.c.Hooks.DownRoot = []string{"/bin/a"} },
			"chroot":                 func(c *situation) { c.jail.Chroot = "/var/empty" },
			"a group alone":          func(c *situation) { c.jail.Identity.UID = -1 },
			"user root":              func(c *situation) { c.jail.Identity.UID = 0 },
			"nothing to give up":     func(c *situation) { c.jail = process.Jail{Identity: process.Identity{UID: -1, GID: -1}} },
		},
	} {
		for what, change := range cases {
			one := situation{c: config.Config{Mode: config.ModeServer}, jail: nobody, thin: true, root: true}
			one.l.tasks.all.Left = 10
			change(&one)
			if got := one.l.isAlone(&one.c, one.jail, one.thin, one.root); got != want {
				t.Errorf("%s: alone %v", what, got)
			}
		}
	}
}
