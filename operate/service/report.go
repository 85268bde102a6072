package service

import (
	"errors"

	"culvert/config"
	"culvert/host/process"
)

// tell reports that all is set up, through the keeper if there is one.
func (l *life) tell() error {
	if l.worker != nil {
		return l.worker.Ready()
	}
	return l.isUp()
}

// isUp writes the PID file and reports to whoever waits for this process. It is called
// when the tunnel works: a process that finds its port taken must not overwrite the
// file of the other one.
func (l *life) isUp() error {
	if err := l.writePID(); err != nil {
		return err
	}
	l.background.Report(nil)
	l.manager.Ready()
	return nil
}

// writePID writes the PID file, where there is one.
func (l *life) writePID() error { return process.PIDFile.Move(*l.pidFile.Load()) }

// understood returns what was understood of a configuration with faults.
func understood(c *config.Config, err error) *config.Config {
	var faults *config.FaultsError
	switch {
	case c != nil:
		return c
	case errors.As(err, &faults):
		return faults.Understood
	}
	return new(config.Config)
}

// lastWords logs why this process ends, if only its log might be read. A worker
// leaves that to its keeper.
func (l *life) lastWords(c *config.Config, err error) {
	if l.worker != nil {
		return
	}
	if l.log == nil && l.consent.needed() {
		return // its log may be what the user would not have written
	}
	if l.log == nil {
		l.log = l.newLog(c, false, l.Options)
	}
	l.log.lastWords(err)
}
