package signin

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"time"

	"culvert/access/users"
)

// A token's note says what its login showed, in one byte, and has a stamp of the user's
// record.
const stampLen = 8

// noted are the factors that a note has, by their bits. A certificate is shown with each
// token anew.
var noted = []users.Factor{users.Password, users.Code, users.Browser}

// noteOf returns what a token says of a login.
func noteOf(done users.Way, u *users.User) []byte {
	var shown byte
	for i, f := range noted {
		if done.Has(f) {
			shown |= 1 << i
		}
	}
	return append([]byte{shown}, stampOf(u)...)
}

// parseNote returns what a login showed, if its note is about this record of a user, as it
// was signed in to.
func parseNote(note []byte, u *users.User) (done users.Way, ok bool) {
	if len(note) != 1+stampLen || !bytes.Equal(note[1:], stampOf(u)) {
		return nil, false
	}
	for i, f := range noted {
		if note[0]&(1<<i) != 0 {
			done = append(done, f)
		}
	}
	return done, true
}

// stampOf tells a user's record from one of the same name that was removed, and from the
// same with another password or app for codes, whatever the clock said when.
func stampOf(u *users.User) []byte {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %s", u.Created.UTC().Format(time.RFC3339Nano), u.SignedOut.UTC().Format(time.RFC3339Nano)))
	return sum[:stampLen]
}

// meets reports whether a client that has shown some factors, besides the certificate of a
// device, has gone one of the ways that its user's groups require now.
func meets(s users.Standing, done users.Way) bool {
	return met(required(s.Groups, usual(s.User)), s, done)
}

// met reports whether a client that has shown some factors has gone one of some ways.
func met(ways []users.Way, s users.Standing, done users.Way) bool {
	return slices.ContainsFunc(ways, func(w users.Way) bool {
		return !slices.ContainsFunc(w, func(f users.Factor) bool {
			return !done.Has(f) && !(f == users.Certificate && s.Device != nil)
		})
	})
}
