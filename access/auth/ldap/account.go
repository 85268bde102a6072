package ldap

import (
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// disabled says why an entry's account may not be used at a time; "": it may. Directories
// let a disabled account bind, or do not, each in its own way.
func disabled(e *ldap.Entry, now time.Time) string {
	for _, flag := range []string{"nsAccountLock", "loginDisabled"} { // 389 Directory Server, FreeIPA; eDirectory
		if strings.EqualFold(e.GetAttributeValue(flag), "true") {
			return "the account is disabled: its " + flag + " is TRUE"
		}
	}
	const accountDisable = 2 // MS-ADTS, 2.2.16
	if flags, ok := number(e, "userAccountControl"); ok && flags&accountDisable != 0 {
		return "the account is disabled: its userAccountControl says so"
	}
	if e.GetAttributeValue("pwdAccountLockedTime") == lockedForGood {
		return "the account is locked for good: its pwdAccountLockedTime says so"
	}
	if days, ok := number(e, "shadowExpire"); ok && days > 0 && days < maxDays && !now.Before(time.Unix(days*secondsOfDay, 0)) {
		return "the account has expired: its shadowExpire has passed"
	}
	if ticks, ok := number(e, "accountExpires"); ok && ticks > 0 && ticks != neverExpires && !now.Before(fileTime(ticks)) {
		return "the account has expired: its accountExpires has passed"
	}
	return ""
}

const (
	// lockedForGood is a time by which an administrator locks an account
	// (draft-behera-ldap-password-policy, 5.3.3).
	lockedForGood = "000001010000Z"
	secondsOfDay  = 24 * 60 * 60
	maxDays       = 1 << 32
	neverExpires  = 1<<63 - 1 // accountExpires (MS-ADA1)
)

// fileTime is a time in Active Directory: 100 ns since the year 1601.
func fileTime(ticks int64) time.Time {
	const perSecond, to1970 = 1e7, 11644473600 // seconds
	return time.Unix(ticks/perSecond-to1970, ticks%perSecond*100)
}

// number returns an attribute that is a number.
func number(e *ldap.Entry, attribute string) (int64, bool) {
	n, err := strconv.ParseInt(e.GetAttributeValue(attribute), 10, 64)
	return n, err == nil
}

// subcode is where Active Directory says why it does not let somebody bind.
var subcode = regexp.MustCompile(`AcceptSecurityContext error, data ([0-9a-f]{3}),`)

const locked = "this account is locked"

// activeDirectory says in words why Active Directory does not let somebody bind whose name it
// knows; "": the password is wrong, or this is another server.
func activeDirectory(message string) string {
	m := subcode.FindStringSubmatch(message)
	if m == nil {
		return ""
	}
	return map[string]string{
		"530": "this account may not sign in at this hour", "531": "this account may not sign in from here",
		"532": "the password has expired", "533": "this account is disabled", "701": "this account has expired",
		"773": "the password has to be changed first", "775": locked,
	}[m[1]]
}
