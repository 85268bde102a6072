package doctor

import (
	"errors"
	"strings"
	"testing"
)

// Where the doctor's own timer ends a handshake, the stage that it had come to says what
// to do.
func TestMendOfStage(t *testing.T) {
	for stage, want := range map[string]string{
		"large packets of this side are never acknowledged":         "write in the profile: max-packet-size 600",
		"the path mostly drops the peer's large packets then (try)": "write on the server: max-packet-size 600",
		"": newProfile,
	} {
		n := new(notes)
		callerTrial{&caller{}}.judgeHandshake(n, &trial{err: errors.New("no connection within 7s"), stage: stage})
		if len(n.Findings) != 1 || !strings.Contains(n.Findings[0].Mend, want) {
			t.Errorf("%q: %+v, want %q", stage, n.Findings, want)
		}
	}
}
