package users

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"culvert/access/limits"
	"culvert/internal/printable"
)

// Spent is what a device carried in periods, of both directions together.
type Spent struct {
	Days   Counts `json:"days,omitempty"`
	Weeks  Counts `json:"weeks,omitempty"`
	Months Counts `json:"months,omitempty"`
}

// Counts are the bytes of some periods, the one that was counted in last first.
type Counts []Count

// Count is the bytes of a period.
type Count struct {
	In    string `json:"in"` // as limits.Period.Name has it
	Bytes uint64 `json:"bytes"`
}

// keptPeriods is how many periods of a kind are kept: the one that was counted in last, and
// another, which is the present one again when a clock that had jumped is put right.
const keptPeriods = 2

// of returns the bytes of a period.
func (c Counts) of(period string) uint64 {
	for _, one := range c {
		if one.In == period {
			return one.Bytes
		}
	}
	return 0
}

// plus returns the counts with those of a later time. It leaves c as it is.
func (c Counts) plus(later Counts) Counts {
	sum := make(Counts, 0, keptPeriods)
	for _, one := range later {
		sum = append(sum, Count{one.In, one.Bytes + c.of(one.In)})
	}
	for _, one := range c {
		if len(sum) < keptPeriods && !slices.ContainsFunc(sum, func(o Count) bool { return o.In == one.In }) {
			sum = append(sum, one)
		}
	}
	return sum
}

// plus is what s and a later t are together.
func (s Spent) plus(t Spent) Spent {
	return Spent{s.Days.plus(t.Days), s.Weeks.plus(t.Weeks), s.Months.plus(t.Months)}
}

// spentAt is an amount of bytes in the periods of a time.
func spentAt(now time.Time, bytes uint64) Spent {
	in := func(p limits.Period) Counts { return Counts{{p.Name(now), bytes}} }
	return Spent{in(limits.Day), in(limits.Week), in(limits.Month)}
}

// In returns the bytes of the period that a time is in.
func (s Spent) In(p limits.Period, now time.Time) uint64 {
	switch p {
	case limits.Day:
		return s.Days.of(p.Name(now))
	case limits.Week:
		return s.Weeks.of(p.Name(now))
	}
	return s.Months.of(p.Name(now))
}

// Spending is what all users and devices carried in the present periods, for their quotas.
// Make it with OpenSpending. It is safe for concurrent use.
type Spending struct {
	mu      sync.Mutex
	devices map[string]Spent // by USER/NAME; USER/- for sessions without a device
	users   map[string]Spent // the sums
}

// OpenSpending reads what the store has of one user, or of all if that is "". Later, only
// meters add to it. damaged is called for each record that cannot be read, which counts as
// nothing.
func OpenSpending(ctx context.Context, b *Book, user string, damaged func(error)) (*Spending, error) {
	all, err := b.Usages(ctx, user, damaged)
	if err != nil {
		return nil, err
	}
	s := &Spending{devices: make(map[string]Spent), users: make(map[string]Spent)}
	for key, u := range all {
		if user != "" {
			key = user + "/" + key
		}
		s.add(key, u.Spent)
	}
	return s, nil
}

func (s *Spending) add(key string, more Spent) {
	s.mu.Lock()
	defer s.mu.Unlock()
	user, _, _ := strings.Cut(key, "/")
	s.devices[key] = s.devices[key].plus(more)
	s.users[user] = s.users[user].plus(more)
}

// Use is a quota, and what is used of it.
type Use struct {
	Whose string       `json:"whose"` // "user alice" or "device phone of alice"
	Quota limits.Quota `json:"quota"`
	Bytes uint64       `json:"bytes"`
	Until time.Time    `json:"until"` // when it begins anew
}

// Over reports whether the quota is used up.
func (u Use) Over() bool { return u.Bytes >= u.Quota.Bytes }

// String is such as "12.5G of 50G/month used, which begins anew on 2026-12-01".
func (u Use) String() string {
	return fmt.Sprintf("%s of %s used, which begins anew on %s", limits.Amount(u.Bytes), u.Quota, u.Until.Format(time.DateOnly))
}

// Uses returns the quotas that count for a client at a time: its device's, and its user's,
// which is of all the user's devices together.
func (s *Spending) Uses(who Standing, now time.Time) (all []Use) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := who.Device; d != nil && !d.Limits.Quota.IsZero() {
		all = append(all, useOf("device "+d.Name+" of "+printable.Name(d.User), d.Limits.Quota, s.devices[d.Key()], now))
	}
	if q := who.quota(); !q.IsZero() {
		all = append(all, useOf("user "+printable.Name(who.User.Name), q, s.users[who.User.Name], now))
	}
	return all
}

func useOf(whose string, q limits.Quota, spent Spent, now time.Time) Use {
	return Use{whose, q, spent.In(q.Per, now), q.Per.End(now)}
}

// Forget drops what is known of users who are not there any more.
func (s *Spending) Forget(v *View) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.users, func(name string, _ Spent) bool { return v.User(name) == nil })
	maps.DeleteFunc(s.devices, func(key string, _ Spent) bool {
		user, _, _ := strings.Cut(key, "/")
		return v.User(user) == nil
	})
}

// quota is that of the user, or of the first group that has one; zero if nobody is known.
func (s Standing) quota() (q limits.Quota) {
	if s.User == nil {
		return q
	}
	q = s.User.Limits.Quota
	for _, g := range s.Groups {
		if q.IsZero() {
			q = g.Limits.Quota
		}
	}
	return q
}

// Barred returns why the client may not come in or stay at a time for its quotas, or nil.
func (s *Spending) Barred(who Standing, now time.Time) error {
	for _, u := range s.Uses(who, now) {
		if u.Over() {
			return &Barred{fmt.Sprintf("the quota of %s (%s) is used up; it begins anew on %s", u.Quota, u.Whose, u.Until.Format("2006-01-02 15:04"))}
		}
	}
	return nil
}

// Quotas reports whether anybody has a quota.
func (v *View) Quotas() bool {
	return v.groups.any(func(g *Group) bool { return !g.Limits.Quota.IsZero() }) ||
		v.users.any(func(u *User) bool { return !u.Limits.Quota.IsZero() }) ||
		v.devices.any(func(d *Device) bool { return !d.Limits.Quota.IsZero() })
}
