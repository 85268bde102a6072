package users

import (
	"context"
	"testing"
	"time"

	"culvert/store/memory"
)

func TestUsage(t *testing.T) {
	s := memory.New()
	b, ctx := bookOf(t, s), t.Context()
	must(t, b.AddUser(ctx, User{Name: "alice"}), add(t, b, "alice", "phone", Addresses{}), add(t, b, "alice", "pad", Addresses{}))
	d, err := Open(ctx, s, func(err error) { t.Error(err) })
	must(t, err)
	spending, err := OpenSpending(ctx, b, "", func(err error) { t.Error(err) })
	must(t, err)
	m := NewMeter(d, b, spending)
	phone := func(in, out uint64) Carried {
		return Carried{Number: 1, CommonName: "phone.alice", User: "alice", BytesIn: in, BytesOut: out}
	}
	m.Note(then, phone(10, 100), Carried{Number: 2, User: "alice", BytesIn: 1}, Carried{Number: 3, CommonName: "stranger", BytesIn: 1})
	must(t, m.Keep(ctx))
	m.Note(then.Add(time.Minute), phone(15, 100))
	m.Note(then.Add(time.Minute), phone(12, 90)) // an older look, noted later
	ended, cancel := context.WithCancel(ctx)
	cancel()
	if m.Keep(ended) == nil {
		t.Error("kept, although the context had ended")
	}
	m.Ended(then.Add(2*time.Minute), phone(20, 300))
	m.Ended(then, Carried{Number: 4, CommonName: "pad.alice", BytesIn: 9})
	must(t, b.RemoveDevice(ctx, "alice", "pad"), m.Keep(ctx), m.Keep(ctx))
	all, err := b.Usages(ctx, "alice", func(err error) { t.Error(err) })
	must(t, err)
	if len(all) != 2 || all["phone"].BytesIn != 20 || all["phone"].BytesOut != 300 || !all["phone"].LastSeen.Equal(then.Add(2*time.Minute)) || all["-"].BytesIn != 1 {
		t.Errorf("%+v", all)
	}
	if all, err := b.Usages(ctx, "", func(err error) { t.Error(err) }); err != nil || all["alice/phone"].BytesIn != 20 {
		t.Errorf("%+v, %v", all, err)
	}
	before, err := s.List(ctx, "")
	must(t, err)
	must(t, m.Keep(ctx))
	if after, _ := s.List(ctx, ""); after.Revision != before.Revision {
		t.Error("nothing changed, and something was written")
	}
	if len(m.counted) != 2 {
		t.Errorf("%v", m.counted)
	}
	_, err = b.RemoveUser(ctx, "alice")
	must(t, err)
	if all, err := s.List(ctx, ""); err != nil || len(all.Entries) != 0 {
		t.Errorf("%v, %v", all.Entries, err)
	}
}
