package config

// Secret is a file of a configuration that only its owner should read.
type Secret struct {
	Directive string
	Path      string // with `cd`
	Pos       Pos
}

type secretFile struct {
	directive string
	file      *File
}

// Secrets returns the files that hold keys and passwords, each once.
func (c *Config) Secrets() (all []Secret) {
	seen := map[string]bool{}
	for c := range withBlocks(c) {
		files := []secretFile{
			{"key", c.Trust.Key}, {"pkcs12", c.Trust.PKCS12}, {"askpass", c.Trust.AskPass}, {"auth-user-pass", c.Login.UserPass}, {"auth-gen-token-secret", c.Login.GenTokenSecret}, {"oidc-client", c.Login.OIDC.Secret},
			{"tls-auth", c.Trust.TLSAuth}, {"tls-crypt", c.Trust.TLSCrypt}, {"tls-crypt-v2", c.Trust.TLSCryptV2}, {"secret", c.Trust.Secret},
		}
		for _, p := range c.Login.Plugins {
			files = append(files, secretFile{"plugin", p.LDAP})
		}
		files = append(files, c.Sources.files()...)
		files = append(files, c.Records.files()...)
		for _, s := range files {
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
