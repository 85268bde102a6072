package swarm

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/conffile"
	"culvert/role/profile"
)

// LoadProfiles reads the profile at a path, or those of a directory: all its
// *.ovpn and *.conf files. They are as Options.Profiles wants them; each is
// parsed when it is called.
func LoadProfiles(path string) (list []func() (*config.Config, error), err error) {
	const expected = "a profile, such as laptop.ovpn, or a directory of them"
	info, err := os.Stat(path)
	if err != nil {
		return nil, conffile.Unread(err, path, expected)
	}
	names := []string{path}
	if info.IsDir() {
		if names, err = profileNames(path); err != nil {
			return nil, err
		}
	}
	for _, name := range names {
		text, err := process.ReadFile(name)
		if err != nil {
			return nil, conffile.Unread(err, name, expected)
		}
		list = append(list, func() (*config.Config, error) {
			c, err := config.ParseFile(name, text, process.ReadFile)
			if err == nil {
				err = errors.Join(profile.RunsUnasked(c), profile.SendsUnasked(c, name, true))
			}
			return c, err
		})
	}
	return list, nil
}

func profileNames(dir string) (names []string, err error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), ".ovpn") || strings.HasSuffix(e.Name(), ".conf") {
			names = append(names, filepath.Join(dir, e.Name()))
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no *.ovpn or *.conf file", dir)
	}
	return names, nil
}
