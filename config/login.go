package config

import "time"

// Login is user names, passwords and tokens: ours, and how clients' are checked.
type Login struct {
	UserPass             *File // nil: not used; Name "" and no text: ask
	UsernameOnly         bool  // ask for no password
	NoCache              bool  // forget passwords once used
	Retry                AuthRetry
	StaticChallenge      *StaticChallenge
	UserPassVerify       []string // program and arguments
	ViaEnv               bool     // ... which takes them from its environment
	UserPassOptional     bool
	GenToken             *TokenPolicy
	GenTokenSecret       *File
	UsernameAsCommonName bool
	OIDC                 OIDC     // where people sign in by a browser
	ClientCRResponse     []string // program and arguments
	// Plugins are OpenVPN's plugins that check logins, in order. All have to agree.
	Plugins []LoginPlugin
}

// LoginPlugin is a plugin that checks logins, whose work this program does.
type LoginPlugin struct {
	Pos Pos
	// LDAP is the configuration of the plugin auth-ldap; nil: this is auth-pam.
	LDAP *File
	// Service is PAM's, and Prompts are pairs: how a question begins, and its answer.
	Service string
	Prompts []string
}

// AuthRetry is what a client does when its password was refused.
type AuthRetry int

// The ways to go on.
const (
	AuthRetryNone       AuthRetry = iota // give up
	AuthRetryNoInteract                  // try again with the same
	AuthRetryInteract                    // ask again
)

// StaticChallenge is `static-challenge`.
type StaticChallenge struct {
	Text   string
	Echo   bool // show the answer as it is typed
	Concat bool // put it behind the password, else by SCRV1
}

// TokenPolicy is `auth-gen-token`.
type TokenPolicy struct {
	Lifetime     time.Duration // 0: no end
	Renewal      time.Duration // how often clients get a new one; reneg-sec by default
	ExternalAuth bool          // the program is asked all the same
}
