package session

import (
	"slices"
	"strconv"
	"testing"

	"culvert/session/negotiate"
)

// TestReplyIsDue: to a client that has asked, or that takes it unasked; a refusal
// at once.
func TestReplyIsDue(t *testing.T) {
	plain := &Hello{}
	unasked := &Hello{PeerInfo: negotiate.PeerInfo{"IV_PROTO": strconv.Itoa(int(negotiate.ProtoRequestPush))}}
	for name, c := range map[string]struct {
		hello              *Hello
		requested, refused bool
		due                bool
	}{
		"not asked for": {hello: plain}, "asked for": {hello: plain, requested: true, due: true},
		"unasked": {hello: unasked, due: true}, "refused": {hello: plain, refused: true, due: true},
	} {
		v := verdict{requested: c.requested}
		if v.asked() {
			t.Errorf("%s: asked about nobody", name)
		}
		v.hello = c.hello
		if !v.asked() || v.due() {
			t.Errorf("%s, undecided: asked %v, due %v", name, v.asked(), v.due())
		}
		if c.refused {
			v.refuse("no")
		} else {
			v.admit([]string{"PUSH_REPLY"})
		}
		if v.asked() || v.due() != c.due || v.admitted == c.refused {
			t.Errorf("%s: %+v", name, v)
		}
		if v.forget(); v.due() {
			t.Errorf("%s: what was forgotten is due", name)
		}
	}
}

// TestRefusalSaysWhy: where there is a reason.
func TestRefusalSaysWhy(t *testing.T) {
	for reason, want := range map[string]string{"": "AUTH_FAILED", "come later": "AUTH_FAILED,come later"} {
		var v verdict
		if v.refuse(reason); !slices.Equal(v.reply, []string{want}) {
			t.Errorf("%q: %q", reason, v.reply)
		}
	}
}
