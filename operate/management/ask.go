package management

// asks is what this process waits for readers to answer. The Interface's lock guards
// it.
type asks struct{}

// ofAsks are the commands that answer what a client asks.
func ofAsks() map[string]command {
	return map[string]command{
		"auth-retry":         {run: func(r *reader, _ []string) { r.unsupported("auth-retry") }},
		"forget-passwords":   {run: func(r *reader, _ []string) { r.i.forget(); r.ok("Passwords were forgotten") }},
		"needok":             {least: 2, run: func(r *reader, _ []string) { r.notNeeded("needok-confirmation") }},
		"needstr":            {least: 2, run: func(r *reader, _ []string) { r.notNeeded("needstr-string") }},
		"password":           {least: 2, run: func(r *reader, _ []string) { r.notNeeded("password") }},
		"username":           {least: 2, run: func(r *reader, _ []string) { r.notNeeded("username") }},
		"proxy":              {least: 1, more: true, run: func(r *reader, _ []string) { r.unsupported("proxy") }},
		"remote":             {least: 1, more: true, run: func(r *reader, _ []string) { r.unsupported("remote") }},
		"remote-entry-count": {run: func(r *reader, _ []string) { r.unsupported("remote-entry-count") }},
		"remote-entry-get":   {least: 1, more: true, run: func(r *reader, _ []string) { r.unsupported("remote-entry-get") }},
		"rsa-sig":            {run: func(r *reader, _ []string) { r.unavailable("rsa-sig") }},
		"pk-sig":             {run: func(r *reader, _ []string) { r.unavailable("pk-sig") }},
		"certificate":        {run: func(r *reader, _ []string) { r.unavailable("certificate") }},
		"pkcs11-id-count":    {run: func(r *reader, _ []string) { r.say(">PKCS11ID-COUNT:0") }},
		"pkcs11-id-get":      {least: 1, run: func(r *reader, args []string) { r.say(">PKCS11ID-ENTRY:'" + args[0] + "'") }},
		"cr-response":        {least: 1, run: func(r *reader, _ []string) { r.unsupported("cr-repsonse") }}, // as OpenVPN spells it
	}
}

// notNeeded answers what nobody asked.
func (r *reader) notNeeded(what string) {
	r.refuse("no %s is currently needed at this time", what)
}

// unavailable answers the lines that nobody asked for.
func (r *reader) unavailable(name string) {
	r.refuse("The %s command is not currently available", name)
}

// forget forgets the passwords that were entered.
func (i *Interface) forget() {}
