package config

// Sources are where a server's users are known, besides its own store.
type Sources struct {
	// Asked are the directories that know names and passwords, in the order in which they
	// are asked.
	Asked []SignInSource
	// RADIUSName is how this server calls itself to RADIUS servers (NAS-Identifier); "" for
	// the host's name.
	RADIUSName string
}

// SignInSource is a directory. One of LDAP, RADIUS and PAM is set.
type SignInSource struct {
	Pos Pos
	// LDAP is a configuration file as that of the plugin auth-ldap.
	LDAP *File
	// RADIUS are servers, of which each is asked when the ones before did not answer.
	RADIUS []RADIUSServer
	// PAM is the name of a service, and Prompts are pairs: how a question begins, and its answer.
	PAM     string
	Prompts []string
}

// Kind is ldap, radius or pam.
func (s *SignInSource) Kind() string {
	switch {
	case s.LDAP != nil:
		return "ldap"
	case len(s.RADIUS) > 0:
		return "radius"
	}
	return "pam"
}

// RADIUSServer is one server, and the file of the secret that it shares with this one.
type RADIUSServer struct {
	Address string // host:port
	Secret  *File
}

// files are the files that are read with the configuration: all hold secrets.
func (s *Sources) files() (all []secretFile) {
	for _, one := range s.Asked {
		if one.LDAP != nil {
			all = append(all, secretFile{"sign-in-ldap", one.LDAP})
		}
		for _, server := range one.RADIUS {
			all = append(all, secretFile{"sign-in-radius", server.Secret})
		}
	}
	return all
}

// Any reports whether somebody's sign-in is checked.
func (s *Sources) Any() bool { return len(s.Asked) > 0 }
