package setup

import (
	"errors"
	"fmt"
	"os"
	"time"

	"culvert/host/process"
)

// Resign has the authority of a server's directory sign the revocation list anew, with
// the same clients on it, so that it is in force for as long as the authority. It
// returns the name of a copy of the list as it was.
func Resign(dir string, now time.Time) (before string, err error) {
	fail := func(err error) (string, error) {
		return "", fmt.Errorf("sign the revocation list: %w", denied(err))
	}
	s, err := loadServer(dir)
	if err != nil {
		return fail(err)
	}
	place := listPlace(dir)
	unlock, err := lockFile(place.path, time.Now)
	if err != nil {
		return fail(err)
	}
	defer unlock()
	list, err := place.load()
	if err == nil && list == nil {
		err = fmt.Errorf("%s does not exist; put it back from your copy of %s", place.path, dir)
	}
	if err != nil {
		return fail(err)
	}
	old, err := process.ReadFile(place.path)
	if err != nil {
		return fail(err)
	}
	text, err := s.authority.Revoke(now, list)
	if err != nil {
		return fail(err)
	}
	before = place.path + ".before"
	if err := errors.Join(os.WriteFile(before, old, publicFile), fill(file{place.path, text, publicFile})); err != nil {
		return fail(err)
	}
	return before, nil
}
