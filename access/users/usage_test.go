package users

import (
	"context"
	"testing"
	"time"

	"culvert/store"
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

// TestUsageUnreadable: a damaged counter begins anew; one of a newer version stays as it is,
// and what belongs to it waits, while others are counted.
func TestUsageUnreadable(t *testing.T) {
	b, ctx := peopled(t), t.Context()
	d, err := Open(ctx, b.store, func(err error) { t.Error(err) })
	must(t, err)
	spending, err := OpenSpending(ctx, b, "", func(err error) { t.Error(err) })
	must(t, err)
	m := NewMeter(d, b, spending)
	carried := func(bytes uint64) {
		for i, name := range []string{"phone.alice", "pad.alice", "phone.bob"} {
			m.Note(then, Carried{Number: uint64(i), CommonName: name, BytesIn: bytes})
		}
	}
	carried(1)
	must(t, m.Keep(ctx))
	spoil(t, b, `{"v":99,"r":{}}`, "usage/alice/phone")
	spoil(t, b, "{", "usage/alice/pad")
	carried(3)
	says(t, m.Keep(ctx), "record usage/alice/phone has version 99")
	var unread []error
	all, err := b.Usages(ctx, "", func(err error) { unread = append(unread, err) })
	if err != nil || len(unread) != 1 || all["alice/pad"].BytesIn != 2 || all["bob/phone"].BytesIn != 3 {
		t.Errorf("%+v, %v, %v", all, unread, err)
	}
	if _, err := b.store.Commit(ctx, store.Txn{Delete: []string{"usage/alice/phone"}}); err != nil {
		t.Fatal(err)
	}
	must(t, m.Keep(ctx))
	all, err = b.Usages(ctx, "", func(err error) { t.Error(err) })
	if err != nil || all["alice/phone"].BytesIn != 2 {
		t.Errorf("%+v, %v", all, err)
	}
}
