package config

// Secret is a file of a configuration that nobody but its owner should read.
type Secret struct {
	Directive string
	Path      string // with `cd`
	Pos       Pos
}

// Secrets are the files that hold keys and passwords, each once.
func (c *Config) Secrets() (all []Secret) {
	seen := map[string]bool{}
	configs := []*Config{c}
	for _, r := range c.Remotes {
		if r.Settings != nil {
			configs = append(configs, r.Settings)
		}
	}
	for _, c := range configs {
		for _, s := range []struct {
			directive string
			file      *File
		}{
			{"key", c.Key}, {"pkcs12", c.PKCS12}, {"askpass", c.AskPass}, {"auth-user-pass", c.AuthUserPass}, {"auth-gen-token-secret", c.AuthGenTokenSecret},
			{"tls-auth", c.TLSAuth}, {"tls-crypt", c.TLSCrypt}, {"tls-crypt-v2", c.TLSCryptV2}, {"secret", c.Secret},
		} {
			if s.file == nil || s.file.Inline || s.file.Name == "" {
				continue
			}
			path := c.Path(s.file.Name)
			if !seen[path] {
				seen[path] = true
				all = append(all, Secret{s.directive, path, s.file.Pos})
			}
		}
	}
	return all
}
