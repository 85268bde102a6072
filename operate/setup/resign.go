package setup

import (
	"errors"
	"fmt"
	"io/fs"
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
	s, err := loadServer(dir, nil)
	if err != nil {
		return fail(err)
	}
	place := listPlace(dir)
	unlock, err := lockFile(place.path, time.Now)
	if err != nil {
		return fail(err)
	}
	defer unlock()
	lists, err := place.load()
	if err == nil && lists == nil {
		err = fmt.Errorf("%s does not exist; put it back from your copy of %s", place.path, dir)
	}
	if err != nil {
		return fail(err)
	}
	old, err := process.ReadFile(place.path)
	if err != nil {
		return fail(err)
	}
	text, err := lists.sign(now, s.authorities(), true, nil)
	if err != nil {
		return fail(err)
	}
	if before, err = keepCopy(place.path, old); err != nil {
		return fail(err)
	}
	if err := fill(file{place.path, text, publicFile}); err != nil {
		return fail(err)
	}
	return before, nil
}

// keepCopy writes what a file was beside it, and leaves earlier copies as they are.
func keepCopy(path string, old []byte) (string, error) {
	for n := 1; ; n++ {
		name := path + ".before"
		if n > 1 {
			name += fmt.Sprintf("-%d", n)
		}
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, publicFile)
		if errors.Is(err, fs.ErrExist) {
			continue
		}
		if err != nil {
			return "", err
		}
		_, err = f.Write(old)
		return name, errors.Join(err, f.Close())
	}
}
