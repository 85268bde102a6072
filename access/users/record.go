package users

import (
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"time"
)

// Everyone is the group that all users are in. Its settings are those of a user whose own
// groups say nothing else.
const Everyone = "everyone"

// The versions of the records that this program writes.
const (
	userVersion   = 1
	deviceVersion = 1
	groupVersion  = 1
	indexVersion  = 1
)

// The kinds of keys (see the package's doc).
const (
	usersPrefix        = "users/"
	devicesPrefix      = "devices/"
	groupsPrefix       = "groups/"
	certificatesPrefix = "certificates/"
	addressesPrefix    = "addresses/"
	usagePrefix        = "usage/"
)

// User is a person, or whatever else signs in.
type User struct {
	Name     string    `json:"name"`
	FullName string    `json:"full_name,omitempty"`
	Email    string    `json:"email,omitempty"`
	Created  time.Time `json:"created"`
	Disabled bool      `json:"disabled,omitempty"`
	Expires  time.Time `json:"expires,omitzero"` // zero: never
	Groups   []string  `json:"groups,omitempty"` // sorted, without Everyone
	// MaxDevices is how many devices the user may have; nil: what the groups say.
	MaxDevices *int   `json:"max_devices,omitempty"`
	Limits     Limits `json:"limits,omitzero"`
	// Password is the hash of the user's password as argon2 writes it ($argon2id$v=19$...); "": none.
	Password string `json:"password,omitempty"`
	// SignedOut is when the password or the TOTP was last set: logins that began before are
	// no longer good without being asked anew.
	SignedOut time.Time `json:"signed_out,omitzero"`
	// TOTP is what makes one-time codes (RFC 6238); nil: not enrolled.
	TOTP *TOTP `json:"totp,omitempty"`
	// Recovery are the hashes of recovery codes that were not used.
	Recovery []string `json:"recovery,omitempty"`
	// Source is where the user is known: "" here, else the name of a directory such as
	// ldap, radius or oidc, which alone says who the user is.
	Source string `json:"source,omitempty"`
	// Came: the user is here because Source let them in, and nobody added them.
	Came bool `json:"came,omitempty"`
	// Gone is why Source says that the user may not come in any more; "": it does not.
	Gone string `json:"gone,omitempty"`
	// Subject is the user's lasting name in Source (OpenID Connect's sub).
	Subject string `json:"subject,omitempty"`
	// Lines are those that a directory gave for the client's configuration at the last
	// sign-in (auth.Person.Lines): they count for as long as that is remembered.
	Lines []string `json:"lines,omitempty"`
}

// The states of users and devices.
const (
	Active   = "active"
	Disabled = "disabled"
	Expired  = "expired"
	Gone     = "gone" // of a user alone: the directory says so
)

// State is the user's at a time.
func (u *User) State(now time.Time) string {
	if s := stateOf(u.Disabled, u.Expires, now); s != Active || u.Gone == "" {
		return s
	}
	return Gone
}

// State is the device's own at a time.
func (d *Device) State(now time.Time) string { return stateOf(d.Disabled, d.Expires, now) }

func stateOf(disabled bool, expires, now time.Time) string {
	switch {
	case disabled:
		return Disabled
	case past(expires, now):
		return Expired
	}
	return Active
}

// SetPassword sets the hash of a new password; "": none. Who is signed in by the former one
// is asked anew when they connect again.
func (u *User) SetPassword(hash string, now time.Time) {
	u.Password, u.SignedOut = hash, now.UTC()
}

// SetSource has a user be known elsewhere from now on: the next of that name who signs in
// there is the user. "": here. They are here then as one who was added. What was known of them before by another source, and a
// password, are gone.
func (u *User) SetSource(source string, now time.Time) error {
	if source != "" && !slices.Contains(Sources, source) {
		return fmt.Errorf("source %q: expected local or one of %s", source, strings.Join(Sources, ", "))
	}
	u.Came = false
	if u.Source == source {
		return nil
	}
	u.Source, u.Gone, u.Subject, u.Lines = source, "", "", nil
	u.SetPassword("", now)
	return nil
}

// Sources are the directories that know users.
var Sources = []string{"ldap", "radius", "pam", "oidc"}

// SetTOTP has a user enrol with a secret anew; nil: not enrolled. The former recovery codes
// are no longer good, and who is signed in is asked anew when they connect again.
func (u *User) SetTOTP(totp *TOTP, now time.Time) {
	u.TOTP, u.Recovery, u.SignedOut = totp, nil, now.UTC()
}

// TOTP is the secret of a user's one-time codes: HMAC-SHA-1, six digits, each 30 seconds.
type TOTP struct {
	Secret    []byte    `json:"secret"`
	Confirmed bool      `json:"confirmed,omitempty"` // a code was right once
	Last      int64     `json:"last,omitempty"`      // the step of the last code that was taken: none is taken twice
	Enrolled  time.Time `json:"enrolled"`
}

// Device is one of a user's devices, with a certificate of its own.
type Device struct {
	User     string     `json:"user"`
	Name     string     `json:"name"` // a DNS label
	Created  time.Time  `json:"created"`
	Disabled bool       `json:"disabled,omitempty"`
	Expires  time.Time  `json:"expires,omitzero"` // zero: never
	IPv4     netip.Addr `json:"ipv4,omitzero"`    // its own address; invalid: one of the pool
	IPv6     netip.Addr `json:"ipv6,omitzero"`
	Limits   Limits     `json:"limits,omitzero"`
	// CommonName is that of its certificates.
	CommonName string `json:"common_name"`
}

// Key is USER/NAME.
func (d *Device) Key() string { return d.User + "/" + d.Name }

// Group is what several users have in common. Of two groups of a user, the one whose name
// comes first decides where only one can; Everyone comes last.
type Group struct {
	Name string `json:"name"`
	// Require are the ways to sign in, one of which a user has to go: each is a set of
	// factors. nil: the group says nothing.
	Require    []Way  `json:"require,omitempty"`
	MaxDevices *int   `json:"max_devices,omitempty"` // nil: it says nothing
	Limits     Limits `json:"limits,omitzero"`
	// Sources are names of groups of LDAP, RADIUS or OpenID Connect whose users are in
	// this one, such as ldap:cn=staff,ou=groups,dc=example,dc=org.
	Sources []string `json:"sources,omitempty"`
}

// Way is a way to sign in: all of these factors, in the order they are asked for.
type Way []Factor

// Factor is what a user shows to sign in.
type Factor string

// The factors.
const (
	Certificate Factor = "certificate" // of one of the user's devices
	Password    Factor = "password"    // kept here, or checked by LDAP, RADIUS or PAM
	Code        Factor = "code"        // a one-time code, or a recovery code
	Browser     Factor = "browser"     // OpenID Connect
	// Unreadable stands for what a group requires whose record cannot be read: nobody can
	// show it.
	Unreadable Factor = "unreadable"
)

// name matches the names of users and groups: safe as a file's name, in a shell and in a
// log.
var name = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$`)

// label matches the names of devices, which are DNS labels.
var label = regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)

// CheckName fails if a user or group cannot have a name.
func CheckName(s string) error {
	if !name.MatchString(s) {
		return fmt.Errorf("name %.80q: expected 1 to 64 letters, digits or any of . _ @ -, beginning with a letter or digit, such as alice", s)
	}
	return nil
}

// CheckLabel fails if a device cannot have a name.
func CheckLabel(s string) error {
	if !label.MatchString(s) {
		return fmt.Errorf("name of a device %.80q: expected 1 to 63 small letters, digits or -, beginning and ending with a letter or digit, such as phone", s)
	}
	return nil
}
