package users

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"culvert/access/limits"
)

// TestLimits: the device's count first, then the user's, then those of the groups; what
// nobody says is no limit.
func TestLimits(t *testing.T) {
	hours, err := limits.ParseHours("mon-fri 08:00-18:00")
	if err != nil {
		t.Fatal(err)
	}
	s := Standing{
		Device: &Device{User: "anna", Limits: Limits{Up: 1e6}},
		User:   &User{Name: "anna", Limits: Limits{Up: 2e6, Hours: hours}},
		Groups: []*Group{{Limits: Limits{Down: 3e6}}, {Limits: Limits{Down: 4e6, Up: 4e6}}},
		asked:  "anna",
	}
	if l := s.Limits(); l.Up != 1e6 || l.Down != 3e6 || l.Hours.String() != hours.String() {
		t.Errorf("%+v", l)
	}
	friday := time.Date(2026, 11, 27, 17, 59, 0, 0, time.UTC)
	if err := s.Barred(friday); err != nil {
		t.Errorf("within the hours: %v", err)
	}
	if err := s.Barred(friday.Add(time.Minute)); err == nil || !strings.Contains(err.Error(), "mon-fri 08:00-18:00") {
		t.Errorf("after the hours: %v", err)
	}
	if (Standing{}).Barred(friday.Add(time.Hour)) != nil {
		t.Error("a stranger has hours")
	}
	text, err := json.Marshal(s.User)
	var again User
	if err != nil || json.Unmarshal(text, &again) != nil || again.Limits.Up != 2e6 || again.Limits.Hours.String() != hours.String() {
		t.Errorf("%s is %+v (%v)", text, again.Limits, err)
	}
	if text, _ := json.Marshal(User{}); strings.Contains(string(text), "limits") {
		t.Errorf("no limits are written: %s", text)
	}
}
