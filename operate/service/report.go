package service

import (
	"errors"

	"culvert/config"
	"culvert/host/process"
)

// tell makes known that all is set up, by way of the keeper if there is one.
func (l *life) tell() error {
	if l.worker != nil {
		return l.worker.Ready()
	}
	return l.isUp()
}

// isUp makes this process known, once nothing keeps it from being at work: one
// that finds its port taken has to leave the other's file alone.
func (l *life) isUp() error {
	if err := process.PIDFile.Move(*l.pidFile.Load()); err != nil {
		return err
	}
	l.background.Report(nil)
	return nil
}

// understood is what was understood of a configuration with faults.
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

// lastWords logs why this process ends where only the log might be read. A
// worker's are its keeper's.
func (l *life) lastWords(c *config.Config, err error) {
	if l.worker != nil {
		return
	}
	if l.log == nil && l.consent.needed() {
		return // its log may be what the user would not have written
	}
	if l.log == nil {
		l.log = l.newLog(c, false)
	}
	l.log.lastWords(err)
}
