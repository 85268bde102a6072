package oidc

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"culvert/access/auth"
	"culvert/access/users"
)

// claims are what a provider says of somebody, by name.
type claims map[string]json.RawMessage

// add adds those of an id token or the user info that are not there yet.
func (c claims) add(from interface{ Claims(v any) error }) error {
	var more map[string]json.RawMessage
	if err := from.Claims(&more); err != nil {
		return fmt.Errorf("the provider's claims: %w", err)
	}
	for name, value := range more {
		if _, ok := c[name]; !ok {
			c[name] = value
		}
	}
	return nil
}

func (c claims) has(name string) bool { return len(c[name]) > 0 && string(c[name]) != "null" }

// text returns a claim that is a text; "" if there is none.
func (c claims) text(name string) string {
	var s string
	if json.Unmarshal(c[name], &s) != nil {
		return ""
	}
	return s
}

// verified reports whether the provider has seen that the address is the person's.
func (c claims) verified() bool {
	var yes bool
	return json.Unmarshal(c["email_verified"], &yes) == nil && yes || c.text("email_verified") == "true"
}

// The bounds of a claim of groups.
const (
	maxGroups    = 1000
	maxGroupName = 256 // bytes
)

// groups returns the groups that a claim names: a list of names, or one. A provider that
// leaves them out since they are too many says so, and is not read as one that names none.
func (c claims) groups(name string) ([]string, error) {
	var elsewhere map[string]any
	if json.Unmarshal(c["_claim_names"], &elsewhere) == nil && elsewhere[name] != nil {
		return nil, fmt.Errorf("the provider leaves %s out, since they are too many: have it name only those that count here", name)
	}
	if !c.has(name) {
		return nil, nil
	}
	var list []string
	if one := c.text(name); one != "" {
		list = []string{one}
	} else if err := json.Unmarshal(c[name], &list); err != nil {
		return nil, fmt.Errorf("the claim %q: expected a list of names of groups", name)
	}
	if len(list) > maxGroups {
		return nil, fmt.Errorf("the claim %q has %d groups: expected at most %d; have the provider name only those that count here", name, len(list), maxGroups)
	}
	for _, g := range list {
		if len(g) > maxGroupName {
			return nil, fmt.Errorf("the claim %q has a group whose name is %d bytes long: expected at most %d", name, len(g), maxGroupName)
		}
	}
	return list, nil
}

// person returns who a provider's claims are of.
func (o *Options) person(c claims) (p auth.Person, err error) {
	if p.Name, err = o.name(c); err != nil {
		return p, err
	}
	if o.GroupsClaim != "" {
		if p.Groups, err = c.groups(o.GroupsClaim); err != nil {
			return p, err
		}
	}
	p.Subject, p.FullName = c.text("sub"), c.text("name")
	if c.verified() {
		p.Email = c.text("email")
	}
	return p, nil
}

// name returns the name that somebody has here.
func (o *Options) name(c claims) (string, error) {
	name := c.text(o.UserClaim)
	if name == "" {
		return "", fmt.Errorf("the provider names nobody by the claim %q (oidc-user): is its scope among those of oidc-scope?", o.UserClaim)
	}
	if o.UserClaim == "email" && !c.verified() {
		return "", errors.New("the provider does not say that the address is verified (email_verified), so it may be anybody's: have oidc-user name another claim")
	}
	if strings.Contains(name, "@") {
		name = strings.ToLower(name)
	}
	if o.UserDomain != "" {
		before, ok := strings.CutSuffix(name, "@"+strings.ToLower(o.UserDomain))
		if !ok {
			return "", fmt.Errorf("%.80q is not an address of %s (oidc-user)", name, o.UserDomain)
		}
		name = before
	}
	if err := users.CheckName(name); err != nil {
		return "", fmt.Errorf("the claim %q: %w", o.UserClaim, err)
	}
	return name, nil
}
