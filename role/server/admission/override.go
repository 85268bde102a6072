package admission

import (
	"culvert/access"
	"culvert/session"
)

// override is override-username: the name that a client's user gave, and the one that its
// settings put in its place. Both are "" where they do not.
type override struct{ given, taken string }

// take puts a name in the place of the one that the client gave in h: in the status, and
// in its tokens.
func (v *Visit) take(h *session.Hello, name string) {
	if name == "" {
		return
	}
	v.override = override{given: h.Username, taken: name}
	v.change(func(a *access.Applicant) { a.User = name })
}

// known returns h, which came with a renewal, with the name in place of the one that the
// client gave at first. A user with any other name is refused (manual,
// "override-username").
func (o override) known(h *session.Hello) (*session.Hello, *access.Refusal) {
	switch {
	case o == override{} || h.Username == o.taken:
		return h, nil
	case h.Username != o.given:
		return nil, &access.Refusal{Login: true, Reason: "the user name changed during the session"}
	}
	taken := *h
	taken.Username = o.taken
	return &taken, nil
}
