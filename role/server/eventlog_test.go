package server

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"culvert/role/server/admission"
)

// line is what the log has of an event, in lines.
func line(e Event) string {
	var text bytes.Buffer
	e.log(slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug})))
	return text.String()
}

// TestRefusedLogin: the log has whose login was refused, and why where that is
// known.
func TestRefusedLogin(t *testing.T) {
	for reason, want := range map[string]string{"": "", "too late": `reason="too late"`, "CRV1:R:id:am9l:PIN": `reason="a challenge"`} {
		got := line(LoginRefused{About: About{Name: "cli", User: "joe"}, Reason: reason})
		if !strings.Contains(got, "user=joe") || !strings.Contains(got, want) || strings.Contains(got, "reason=") != (want != "") {
			t.Errorf("%q: %s", reason, got)
		}
	}
	got := line(LoginRefused{About: About{User: "joe"}, Err: errors.New("no such program")})
	if !strings.Contains(got, "level=ERROR") || !strings.Contains(got, "no such program") {
		t.Error(got)
	}
}

// TestRefusedSaysTheCause: what the client is told is one line, what its server's
// people can do about it another, an error where something is wrong.
func TestRefusedSaysTheCause(t *testing.T) {
	for _, c := range []struct {
		cause error
		want  []string
	}{
		{nil, []string{"level=WARN"}},
		{errors.New("no shared cipher"), []string{`level=WARN msg="no shared cipher"`, "level=WARN"}},
		{&admission.SettingsError{Text: "it has `disable`"}, []string{"level=WARN msg=\"it has `disable`\"", "level=WARN"}},
		{&admission.SettingsError{Text: "it has faults", Err: errors.New("line 3")}, []string{`level=ERROR msg="it has faults" client=anna error="line 3"`, "level=WARN"}},
	} {
		lines := strings.Split(strings.TrimSpace(line(Refused{About: About{Name: "anna"}, Reason: "no", Cause: c.cause})), "\n")
		if len(lines) != len(c.want) {
			t.Errorf("%v: %q", c.cause, lines)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(lines[i], want) {
				t.Errorf("%v: %q, want %q", c.cause, lines[i], want)
			}
		}
	}
}

// TestEndings: everybody's end is a line, but not that of one who never got in and
// made room: Displaced has them by number.
func TestEndings(t *testing.T) {
	for how, want := range map[Ending]string{Lost: "client lost", Left: "client left", Dismissed: "session ended", MadeRoom: ""} {
		if got := line(Ended{How: how}); want == "" && got != "" || !strings.Contains(got, want) {
			t.Errorf("%v: %q", how, got)
		}
	}
}
