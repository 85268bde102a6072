package config

// OIDC is where a server's people sign in by a browser: a provider of OpenID Connect.
type OIDC struct {
	Issuer      string   // the provider's URL; "": nobody signs in by a browser
	Client      string   // the ID that the provider has given to this server
	Secret      *File    // and its secret; nil: none
	Scopes      []string // openid profile email
	UserClaim   string   // preferred_username
	UserDomain  string   // whose addresses name users by what stands before the @; "": the claim is the name
	GroupsClaim string   // "": groups are not asked for
	AdmitAny    bool     // everybody whom the provider knows comes in
	Admit       []string // and so do those of these groups of the provider
}
