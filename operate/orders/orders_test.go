package orders

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"culvert/store"
	"culvert/store/memory"
)

// office is a desk at work on a store, and who asks it.
type office struct {
	store store.Store
	asker *Asker
	log   strings.Builder
	desk  *Desk
}

func open(t *testing.T, kinds map[string]Work) *office {
	o := &office{store: memory.New()}
	o.asker = NewAsker(o.store)
	o.desk = &Desk{Store: o.store, Log: slog.New(slog.NewTextHandler(&o.log, nil)), Kinds: kinds}
	return o
}

// run has the desk work until stop is called.
func (o *office) run(t *testing.T) (stop func()) {
	ctx, end := context.WithCancel(t.Context())
	var working sync.WaitGroup
	working.Go(func() {
		if err := o.desk.Run(ctx); !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	})
	return func() {
		end()
		working.Wait()
	}
}

// empty fails if orders are left in the store.
func (o *office) empty(t *testing.T) {
	t.Helper()
	snap, err := o.store.List(t.Context(), Prefix)
	if err != nil || len(snap.Entries) > 0 {
		t.Errorf("left in the store: %v %v", snap.Entries, err)
	}
}

type word struct {
	Word string `json:"word"`
}

// echo answers with what it is asked, and the caller.
func echo(_ context.Context, o *Order) (any, error) {
	var in word
	if err := o.Read(&in); err != nil {
		return nil, err
	}
	if in.Word == "no" {
		return nil, &Fault{Code: "unwilling", Message: "not that", Mend: "ask for another word"}
	}
	if in.Word == "broken" {
		return nil, errors.New("the machine is broken")
	}
	return word{in.Word + " for " + o.By + " by " + o.Command}, nil
}

// TestAsk: an order is carried out and answered, its fault is told, and neither leaves
// anything in the store.
func TestAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, map[string]Work{"echo": {Do: echo}})
		stop := o.run(t)
		var out word
		if err := o.asker.Ask(t.Context(), "echo", Caller{"anna", "POST /v1/echo"}, word{"secret"}, &out); err != nil || out.Word != "secret for anna by POST /v1/echo" {
			t.Error(out, err)
		}
		var fault *Fault
		if err := o.asker.Ask(t.Context(), "echo", Caller{}, word{"no"}, &out); !errors.As(err, &fault) || fault.Code != "unwilling" || fault.Mend != "ask for another word" {
			t.Error(err)
		}
		if err := o.asker.Ask(t.Context(), "echo", Caller{}, word{"broken"}, &out); !errors.As(err, &fault) || fault.Code != "failed" || fault.Message != "the machine is broken" {
			t.Error(err)
		}
		if err := o.asker.Ask(t.Context(), "echo", Caller{}, map[string]int{"number": 1}, &out); !errors.As(err, &fault) || fault.Code != "not-carried-out" {
			t.Error(err)
		}
		if err := o.asker.Ask(t.Context(), "sing", Caller{}, word{"a"}, &out); !errors.As(err, &fault) || fault.Code != "not-carried-out" {
			t.Error(err)
		}
		stop()
		o.empty(t)
	})
}

// TestNobody: where nobody carries out orders, who asks is told so, and the order is taken
// back, as it is when who asks goes away. One that came too late is never carried out.
func TestNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		did := 0
		o := open(t, map[string]Work{"count": {Do: func(context.Context, *Order) (any, error) { did++; return word{}, nil }}})
		began := time.Now()
		if err := o.asker.Ask(t.Context(), "count", Caller{}, word{}, new(word)); !errors.Is(err, ErrNobody) || time.Since(began) > patience+time.Second {
			t.Error(err, time.Since(began))
		}
		o.empty(t)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := o.asker.Ask(ctx, "count", Caller{}, word{}, new(word)); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		o.empty(t)
		// Of a process that ended: an order in the store, which nobody waits for.
		late := o.written(t, "count", time.Now().Add(-time.Second))
		ahead := o.written(t, "count", time.Now().Add(24*time.Hour))
		put(t, o.store, Prefix+"ff", []byte(`{"v":1,"r":{}}`))
		put(t, o.store, key(newID()), []byte(`rubbish`))
		stop := o.run(t)
		synctest.Wait()
		stop()
		o.empty(t)
		if did != 0 {
			t.Errorf("%s or %s was carried out", late, ahead)
		}
	})
}

// written puts an order into the store that ends at a time.
func (o *office) written(t *testing.T, kind string, expires time.Time) (id string) {
	t.Helper()
	other := NewAsker(memory.New())
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go other.Ask(ctx, kind, Caller{}, word{}, new(word))
	synctest.Wait()
	snap, err := other.store.List(ctx, Prefix)
	if err != nil || len(snap.Entries) != 1 {
		t.Fatal(snap, err)
	}
	order, err := Parse(snap.Entries[0])
	if err != nil {
		t.Fatal(err)
	}
	order.Expires = expires
	record, err := order.put()
	if err != nil {
		t.Fatal(err)
	}
	put(t, o.store, record.Key, record.Value)
	return order.ID
}

func put(t *testing.T, s store.Store, key string, value []byte) {
	t.Helper()
	if _, err := s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: key, Value: value}}}); err != nil {
		t.Fatal(err)
	}
}

// TestOnce: of two desks on one store, and of one that begins anew, each order is carried
// out once; who takes long is waited for, up to the order's end.
func TestOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		did := 0
		slow := Work{Do: func(context.Context, *Order) (any, error) {
			mu.Lock()
			did++
			mu.Unlock()
			time.Sleep(time.Minute)
			return word{"done"}, nil
		}}
		o := open(t, map[string]Work{"slow": slow})
		first := o.run(t)
		second := o.run(t)
		var asking sync.WaitGroup
		asking.Go(func() {
			var out word
			if err := o.asker.Ask(t.Context(), "slow", Caller{}, word{}, &out); err != nil || out.Word != "done" {
				t.Error(out, err)
			}
		})
		time.Sleep(time.Second)
		third := o.run(t)
		asking.Wait()
		for _, stop := range []func(){first, second, third} {
			stop()
		}
		if did != 1 {
			t.Errorf("carried out %d times", did)
		}
		o.empty(t)
	})
}

// TestLanes: a kind that takes long holds up no other lane, and those of one lane come one
// after the other.
func TestLanes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		at, most := 0, 0
		slow := func(context.Context, *Order) (any, error) {
			mu.Lock()
			at++
			most = max(most, at)
			mu.Unlock()
			time.Sleep(20 * time.Second)
			mu.Lock()
			at--
			mu.Unlock()
			return word{}, nil
		}
		o := open(t, map[string]Work{"a": {Lane: "slow", Do: slow}, "b": {Lane: "slow", Do: slow}, "echo": {Lane: "quick", Do: echo}})
		stop := o.run(t)
		var asking sync.WaitGroup
		for _, kind := range []string{"a", "b", "a"} {
			asking.Go(func() {
				if err := o.asker.Ask(t.Context(), kind, Caller{}, word{}, new(word)); err != nil {
					t.Error(err)
				}
			})
		}
		time.Sleep(time.Second)
		began := time.Now()
		if err := o.asker.Ask(t.Context(), "echo", Caller{}, word{}, new(word)); err != nil || time.Since(began) > time.Second {
			t.Error(err, time.Since(began))
		}
		asking.Wait()
		stop()
		if most != 1 {
			t.Errorf("%d at a time", most)
		}
	})
}

// TestPace: more than a burst is refused, until time has passed.
func TestPace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, map[string]Work{"echo": {Do: echo, Pace: &Pace{Burst: 3, Every: time.Minute}}})
		stop := o.run(t)
		ask := func() error { return o.asker.Ask(t.Context(), "echo", Caller{}, word{}, new(word)) }
		for range 3 {
			if err := ask(); err != nil {
				t.Error(err)
			}
		}
		var fault *Fault
		if err := ask(); !errors.As(err, &fault) || fault.Code != "too-many" {
			t.Error(err)
		}
		time.Sleep(time.Minute)
		if err := ask(); err != nil {
			t.Error(err)
		}
		if err := ask(); err == nil {
			t.Error("the burst was there again at once")
		}
		time.Sleep(3 * time.Minute)
		for range 3 {
			if err := ask(); err != nil {
				t.Error(err)
			}
		}
		stop()
	})
}

// TestSealed: the store never has an answer in the open, and another key does not open it.
func TestSealed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := open(t, map[string]Work{"echo": {Do: echo}})
		var seen [][]byte
		ctx, end := context.WithCancel(t.Context())
		var watching sync.WaitGroup
		watching.Go(func() {
			for changes, err := range o.store.Watch(ctx, "", 0) {
				if err != nil {
					t.Error(err)
				}
				for _, c := range changes {
					seen = append(seen, c.Value)
				}
			}
		})
		stop := o.run(t)
		if err := o.asker.Ask(t.Context(), "echo", Caller{By: "PRIVATE"}, word{"x"}, new(word)); err != nil {
			t.Error(err)
		}
		synctest.Wait()
		stop()
		end()
		watching.Wait()
		if len(seen) != 4 { // asked, taken, answered, removed
			t.Errorf("%d changes", len(seen))
		}
		for _, value := range seen {
			if bytes.Contains(value, []byte("x for")) {
				t.Errorf("in the open: %s", value)
			}
		}
	})
}

// FuzzParse: a record of the store never panics, and what is read is written as it was.
func FuzzParse(f *testing.F) {
	o := &Order{ID: strings.Repeat("ab", idLen), Kind: "add-device", Asked: time.Unix(1, 0).UTC(), Expires: time.Unix(2, 0).UTC(), By: "anna", Seal: bytes.Repeat([]byte{9}, 32), Body: []byte(`{"a":1}`)}
	p, err := o.put()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(p.Key, p.Value)
	f.Add(Prefix, []byte(`{"v":1,"r":{"id":""}}`))
	f.Fuzz(func(t *testing.T, key string, value []byte) {
		o, err := Parse(store.Entry{Key: key, Value: value})
		if err != nil {
			return
		}
		o.Read(&word{})
		o.over(time.Now())
		if err := o.seal(answer{Fault: &Fault{Code: "x"}}); err != nil {
			return // a key of low order
		}
		p, err := o.put()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := Parse(store.Entry{Key: p.Key, Value: p.Value}); err != nil || again.ID != o.ID || again.By != o.By {
			t.Errorf("%+v, %v", again, err)
		}
	})
}
