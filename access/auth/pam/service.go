package pam

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"culvert/access/hooks"
)

// helper is the name of the program that asks libpam.
const helper = "culvert-auth-pam"

// libexec are the directories where packages put the helper, from that of the program
// or from the root.
var libexec = []string{".", "../libexec/culvert", "../lib/culvert", "/usr/local/libexec/culvert", "/usr/libexec/culvert", "/usr/lib/culvert"}

// Find returns the path of the helper program. The error says where it was looked for,
// and where it is from.
func Find() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", fmt.Errorf("plugin auth-pam: this program cannot find itself, to look beside it for %s: %w", helper, err)
	}
	return findFrom(filepath.Dir(self), libexec)
}

func findFrom(dir string, places []string) (string, error) {
	var tried []string
	for _, place := range places {
		if !filepath.IsAbs(place) {
			place = filepath.Join(dir, place)
		}
		path := filepath.Join(place, helper)
		if info, err := os.Stat(path); err == nil && info.Mode().IsRegular() {
			return path, nil
		}
		tried = append(tried, place)
	}
	return "", fmt.Errorf("plugin auth-pam: there is no %s, the program that asks PAM, in any of %s; it comes with the package culvert-auth-pam, and `make pam` builds it where a C compiler and libpam's headers are (libpam0g-dev, pam-devel)",
		helper, strings.Join(tried, ", "))
}

// Asker asks a service of PAM about a login, for a source: the network that the client is
// in. It may take its time, until ctx ends. An error says that PAM could not be asked.
type Asker interface {
	Ask(ctx context.Context, source netip.Prefix, l Login) (Answer, error)
}

// Service asks a service of PAM, by the helper program. Make it with NewService. It is
// safe for concurrent use.
type Service struct {
	name    string
	prompts []string
	program *hooks.Program
}

// Options say how PAM is asked.
type Options struct {
	// Helper is the helper program's path.
	Helper string
	// Log gets what PAM's modules print.
	Log *slog.Logger
	// Slots bound how many logins are asked about at a time.
	Slots *hooks.Slots
}

// NewService returns what asks a service; prompts are Request's. It fails if there is no
// program to run, or PAM has no such service.
func NewService(name string, prompts []string, o Options) (*Service, error) {
	if err := checkService(name, serviceDirs); err != nil {
		return nil, err
	}
	if _, err := NewRequest(name, prompts, Login{}).Append(nil); err != nil {
		return nil, fmt.Errorf("plugin auth-pam: the service %s and its answers: %w", name, err)
	}
	program, err := hooks.NewProgram("plugin", []string{o.Helper, name}, hooks.Options{Log: o.Log, Slots: o.Slots})
	if err != nil {
		return nil, err
	}
	return &Service{name: name, prompts: prompts, program: program}, nil
}

// serviceDirs are where libpam looks for a service, by its name in small letters.
var serviceDirs = []string{"/etc/pam.d", "/usr/etc/pam.d", "/usr/lib/pam.d", "/usr/local/etc/pam.d"}

// fallback is the service that takes the place of one that is not there.
const fallback = "other"

// checkService fails if libpam would find neither a service nor what takes its place:
// it then lets everybody in. Where no directory is, there may be a pam.conf.
func checkService(name string, dirs []string) error {
	there := false
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			continue
		}
		there = true
		for _, name := range []string{strings.ToLower(name), fallback} {
			if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
				return nil
			}
		}
	}
	if !there {
		return nil
	}
	return fmt.Errorf("plugin auth-pam: PAM has no service %q, and none with the name other that would take its place; make a file %s", name, filepath.Join(dirs[0], strings.ToLower(name)))
}

// maxTime is how long PAM may take about one login: a module may wait for a code, or for
// the user's phone.
const maxTime = 3 * time.Minute

// Ask implements Asker.
func (s *Service) Ask(ctx context.Context, source netip.Prefix, l Login) (Answer, error) {
	question, err := NewRequest(s.name, s.prompts, l).Append(nil)
	if err != nil {
		return Answer{}, fmt.Errorf("plugin auth-pam: what the client sent cannot be asked about: %w", err)
	}
	defer clear(question)
	ctx, cancel := context.WithTimeout(ctx, maxTime)
	defer cancel()
	text, status, err := s.program.Ask(ctx, source, new(hooks.Env), question, MaxFrame)
	if err != nil {
		return Answer{}, fmt.Errorf("%w; a module of PAM may have crashed, or taken too long", err)
	}
	if status != 0 {
		return Answer{}, fmt.Errorf("plugin auth-pam: %s ended with status %d before it answered; look above for what it printed: a module of the PAM service %q may have crashed", helper, status, s.name)
	}
	answer, err := ParseAnswer(text)
	if err != nil {
		return Answer{}, fmt.Errorf("plugin auth-pam: the answer of %s: %w", helper, err)
	}
	return answer, nil
}

// errSilent is why nobody is asked about a client that gave no name: without one, a
// module might take whom it likes.
var errSilent = errors.New("plugin auth-pam: the client gave no user name")
