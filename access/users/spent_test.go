package users

import (
	"strings"
	"testing"
	"time"

	"culvert/access/limits"
	"culvert/store/memory"
)

func quota(t *testing.T, text string) limits.Quota {
	t.Helper()
	q, err := limits.ParseQuota(text)
	must(t, err)
	return q
}

// TestSpending: a device's quota is its own, a user's that of all devices; both outlive a
// restart, and the device's removal.
func TestSpending(t *testing.T) {
	s := memory.New()
	b, ctx := bookOf(t, s), t.Context()
	must(t, b.AddUser(ctx, User{Name: "alice", Limits: Limits{Quota: quota(t, "1k/month")}}), add(t, b, "alice", "phone", Addresses{}), add(t, b, "alice", "pad", Addresses{}))
	_, err := b.ChangeDevice(ctx, "alice", "phone", Addresses{}, func(d *Device) error { d.Limits.Quota = quota(t, "500/day"); return nil })
	must(t, err)
	d, err := Open(ctx, s, func(err error) { t.Error(err) })
	must(t, err)
	spending, err := OpenSpending(ctx, b, "", func(err error) { t.Error(err) })
	must(t, err)
	m := NewMeter(d, b, spending)
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	barred := func(s *Spending, device string, at time.Time) string {
		if err := s.Barred(d.View().Standing(device, ""), at); err != nil {
			return err.Error()
		}
		return ""
	}
	carry := func(number uint64, name string, bytes uint64) {
		m.Ended(now, Carried{Number: number, CommonName: name, BytesIn: bytes / 2, BytesOut: bytes - bytes/2})
	}
	carry(1, "phone.alice", 499)
	if text := barred(spending, "phone.alice", now); text != "" {
		t.Errorf("before the end: %s", text)
	}
	carry(2, "phone.alice", 1)
	if text := barred(spending, "phone.alice", now); text != "the quota of 500/day (device phone of alice) is used up; it begins anew on 2026-11-29 00:00" {
		t.Errorf("the phone: %q", text)
	}
	if barred(spending, "phone.alice", now.Add(12*time.Hour)) != "" || barred(spending, "pad.alice", now) != "" {
		t.Error("the next day, or another device")
	}
	carry(3, "pad.alice", 500)
	must(t, m.Keep(ctx), b.RemoveDevice(ctx, "alice", "phone"))
	again, err := OpenSpending(ctx, b, "", func(err error) { t.Error(err) })
	must(t, err)
	for _, one := range []*Spending{spending, again} {
		if text := barred(one, "pad.alice", now.Add(12*time.Hour)); !strings.Contains(text, "1k/month (user alice)") {
			t.Errorf("the user: %q", text)
		}
		if text := barred(one, "pad.alice", time.Date(2026, 12, 1, 0, 0, 0, 0, time.UTC)); text != "" {
			t.Errorf("the next month: %q", text)
		}
	}
	uses := spending.Uses(d.View().Standing("pad.alice", ""), now)
	if len(uses) != 1 || uses[0].String() != "1k of 1k/month used, which begins anew on 2026-12-01" {
		t.Errorf("%v", uses)
	}
	spending.Forget(new(View))
	if barred(spending, "pad.alice", now) != "" {
		t.Error("not forgotten")
	}
}

// TestClockJumps: a clock that jumps a year and back neither loses a count nor doubles it.
func TestClockJumps(t *testing.T) {
	now := time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC)
	var s Spent
	for _, at := range []time.Time{now, now.AddDate(1, 0, 0), now.AddDate(1, 0, 0), now} {
		s = s.plus(spentAt(at, 100))
	}
	for _, p := range []limits.Period{limits.Day, limits.Week, limits.Month} {
		if got := s.In(p, now); got != 200 {
			t.Errorf("%s: %d", p, got)
		}
	}
	s = s.plus(spentAt(now.AddDate(0, 1, 0), 7))
	if got := len(s.Months); got != keptPeriods || s.Months[0] != (Count{"2026-12", 7}) {
		t.Errorf("%v", s.Months)
	}
	if got := (Counts{{"a", 1}, {"b", 2}}).plus(Counts{{"b", 3}, {"c", 4}}); got[0] != (Count{"b", 5}) || got[1] != (Count{"c", 4}) {
		t.Errorf("%v", got)
	}
}
