package ldap

import (
	"regexp"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// names are where an entry has its user's name, as parts of SearchFilter say: (uid=%u), or
// (userPrincipalName=%u@example.org). Directories compare names without regard to case, so
// that a user has as many as there are ways to write it; the entry's own is the one that
// counts.
type names []namePart

type namePart struct{ attribute, before, behind string }

var namePattern = regexp.MustCompile(`\(([A-Za-z][A-Za-z0-9-]*)=([^()*\\%]*)%u([^()*\\%]*)\)`)

func namesOf(filter string) (all names) {
	for _, m := range namePattern.FindAllStringSubmatch(filter, -1) {
		all = append(all, namePart{m[1], m[2], m[3]})
	}
	return all
}

// attributes are those that have names.
func (n names) attributes() (all []string) {
	for _, p := range n {
		all = append(all, p.attribute)
	}
	return all
}

// of returns the name of an entry that was found by what a user typed, and whether it has it.
func (n names) of(e *ldap.Entry, typed string) (string, bool) {
	for _, p := range n {
		for _, value := range e.GetEqualFoldAttributeValues(p.attribute) {
			if strings.EqualFold(value, p.before+typed+p.behind) && len(value) > len(p.before)+len(p.behind) {
				return value[len(p.before) : len(value)-len(p.behind)], true
			}
		}
	}
	return "", false
}
