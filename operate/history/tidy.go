package history

import (
	"context"
	"crypto/rand"
	"log/slog"
	"strings"
	"time"

	"culvert/store"
)

// tidying removes what is too old, and hides in what is old who it was: a step at a time, each of
// them short, so that events are read between two.
type tidying struct {
	f    file
	days int
	hide Hide
	log  *slog.Logger

	state   *state // nil until it was read
	until   time.Time
	day     string // the next one to look at; "": nothing is to be done until then
	hideKey []byte
}

// How often old days are looked for, about how many records one step removes, and how many empty
// days it passes.
const (
	tidyEvery = time.Hour
	tidyStep  = 5000
	tidyEmpty = 400
)

// step does a part of what is to be done, and reports whether there is more.
func (t *tidying) step(now time.Time, live map[string]counters) (more bool, err error) {
	ctx := context.Background()
	if err := t.begin(ctx, now); err != nil {
		return false, err
	}
	if t.day == "" {
		if now.Before(t.until) {
			return false, nil
		}
		t.day = t.state.First
	}
	t.until = now.Add(tidyEvery)
	gone, hidden := dayOf(now.UTC().AddDate(0, 0, -t.days)), ""
	if t.hide.Yes() {
		hidden = dayOf(now.UTC().AddDate(0, 0, -t.hide.Days))
	}
	end := max(gone, hidden)
	for empty := 0; t.day < end && empty < tidyEmpty; empty++ {
		did, done, err := t.look(ctx, now, gone, hidden, live)
		if err != nil {
			return false, err
		}
		if done {
			t.day = next(t.day)
		}
		if did {
			break
		}
	}
	if t.day >= end {
		t.day = ""
	}
	return t.day != "", nil
}

// begin reads what is known of the file, and notes when it began.
func (t *tidying) begin(ctx context.Context, now time.Time) error {
	if t.state != nil {
		return nil
	}
	s, err := readState(ctx, t.f)
	if err != nil {
		return err
	}
	before := s
	if today := dayOf(now.UTC()); s.First == "" || s.First > today {
		s.First = today
	}
	if s.Hides != t.hide.word() {
		s.Hides, s.Clear = t.hide.word(), ""
	}
	if s != before {
		if _, err := t.f.CommitAll(ctx, store.Txn{Put: []store.Put{put(stateKey, stateVersion, s)}}); err != nil {
			return err
		}
	}
	t.state = &s
	return nil
}

// look looks at a day. did says that something was written; done, that there is no more to do
// there now.
func (t *tidying) look(ctx context.Context, now time.Time, gone, hidden string, live map[string]counters) (did, done bool, err error) {
	var txn store.Txn
	var whole bool
	st := *t.state
	switch {
	case t.day < gone:
		txn, whole, done, err = t.removal(ctx, now, live)
		if whole && t.day == st.First {
			st.First = next(t.day)
		}
	case t.day < st.Clear:
		t.day = st.Clear // up to there, all is hidden
		return false, t.day >= hidden, nil
	default:
		txn, whole, err = t.hiding(ctx, now, live)
		done = true
		if whole && (t.day == st.Clear || st.Clear == "" && t.day == st.First) {
			st.Clear = next(t.day)
		}
	}
	if err != nil {
		return false, false, err
	}
	if len(txn.Delete)+len(txn.Put) > 0 {
		txn.Put = append(txn.Put, put(stateKey, stateVersion, st))
		if _, err := t.f.CommitAll(ctx, txn); err != nil {
			return false, false, err
		}
		did = true
	}
	t.state = &st
	return did, done, nil
}

// removal removes sessions of a day that ended before the oldest day that is kept. whole says that
// then none is left; done, that no more can be removed now.
func (t *tidying) removal(ctx context.Context, now time.Time, live map[string]counters) (txn store.Txn, whole, done bool, err error) {
	limit, stays := now.UTC().AddDate(0, 0, -t.days), false
	all, err := t.f.List(ctx, sessions+t.day+"/")
	if err != nil {
		return txn, false, false, err
	}
	for _, e := range all.Entries {
		if len(txn.Delete) >= tidyStep {
			return txn, false, false, nil
		}
		k, err := parseSession(e)
		if _, on := live[k.ID]; err == nil && (on || k.Until().After(limit)) {
			stays = true
			continue // it goes on, or did until not long ago
		}
		txn.Delete = append(txn.Delete, e.Key, lives+t.day+"/"+idOf(e.Key))
	}
	rest, err := t.f.List(ctx, carried+t.day+"/", totals+t.day+"/")
	if err != nil {
		return txn, false, false, err
	}
	for _, e := range rest.Entries {
		txn.Delete = append(txn.Delete, e.Key)
	}
	return txn, !stays, true, nil
}

// hiding is what hides who the sessions of a day were of. whole says that none is left of those
// that go on or ended not long ago.
func (t *tidying) hiding(ctx context.Context, now time.Time, live map[string]counters) (txn store.Txn, whole bool, err error) {
	key, err := t.key(ctx, &txn)
	if err != nil {
		return txn, false, err
	}
	limit, whole := now.UTC().AddDate(0, 0, -t.hide.Days), true
	all, err := t.f.List(ctx, sessions+t.day+"/")
	if err != nil {
		return txn, false, err
	}
	for _, e := range all.Entries {
		k, err := parseSession(e)
		if err != nil {
			continue // reading says so
		}
		if _, on := live[k.ID]; on || k.Until().After(limit) {
			whole = false
			continue
		}
		if k.Hidden == t.hide.word() {
			continue
		}
		life, err := readLife(ctx, t.f, k.ID)
		if err != nil {
			life = nil
		}
		how := t.hide
		how.Names = how.Names && !strings.Contains(k.Hidden, namesWord)
		how.session(&k.Session, life, key)
		txn.Put = append(txn.Put, putSession(&k.Session, t.hide.word()), putLife(k.ID, life))
	}
	if t.hide.Names {
		err = t.hideTotals(ctx, &txn, key)
	}
	return txn, whole, err
}

// hideTotals replaces the names in the totals of a day.
func (t *tidying) hideTotals(ctx context.Context, txn *store.Txn, key []byte) error {
	for _, kind := range []Kind{ByUser, ByDevice} {
		all, err := t.f.List(ctx, totalsOf(t.day, kind))
		if err != nil {
			return err
		}
		for _, e := range all.Entries {
			sum, err := parseTotal(e)
			if err != nil || sum.Hidden {
				continue
			}
			sum.Name, sum.Hidden = hashed(key, kind, sum.Name), true
			txn.Delete = append(txn.Delete, e.Key)
			txn.Put = append(txn.Put, putTotal(totalKey(t.day, kind, sum.Name), sum))
		}
	}
	return nil
}

// key is the one by which names are replaced. A new one is to be written with the first of them.
func (t *tidying) key(ctx context.Context, txn *store.Txn) ([]byte, error) {
	if t.hideKey != nil || !t.hide.Names {
		return t.hideKey, nil
	}
	var k struct {
		Key []byte `json:"key"`
	}
	there, err := read(ctx, t.f, hashKey, keyVersion, &k)
	if err != nil {
		return nil, err
	}
	if there {
		t.hideKey = k.Key
		return k.Key, nil
	}
	k.Key = make([]byte, 32)
	rand.Read(k.Key)
	if _, err := t.f.CommitAll(ctx, store.Txn{Put: []store.Put{put(hashKey, keyVersion, k)}}); err != nil {
		return nil, err
	}
	t.hideKey = k.Key
	return k.Key, nil
}
