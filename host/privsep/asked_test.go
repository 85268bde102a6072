package privsep

import (
	"log/slog"
	"testing"

	"culvert/host/process"
)

// TestAskedToEnd: a keeper knows whether the user asked for the end: by a signal to it, by
// its caller, or as the worker says; not where another worker begins.
func TestAskedToEnd(t *testing.T) {
	for what, c := range map[string]struct {
		asked int
		do    func(k *Keeper, events chan process.Event, caller chan struct{})
	}{
		"signal": {1, func(_ *Keeper, events chan process.Event, _ chan struct{}) { events <- process.Exit }},
		"caller": {1, func(_ *Keeper, _ chan process.Event, caller chan struct{}) { close(caller) }},
		"anew":   {0, func(k *Keeper, _ chan process.Event, _ chan struct{}) { k.anew <- struct{}{} }},
		"nobody": {0, func(*Keeper, chan process.Event, chan struct{}) {}},
	} {
		asked := 0
		k := newKeeper(t.Context(), Options{Log: slog.New(slog.DiscardHandler), Asked: func() { asked++ }})
		events, caller, ended, done := make(chan process.Event), make(chan struct{}), make(chan struct{}), make(chan struct{})
		stopped := make(chan struct{}, 1)
		go func() {
			k.watch(caller, events, ended, func() { stopped <- struct{}{} })
			close(done)
		}()
		c.do(k, events, caller)
		if what != "nobody" {
			<-stopped
		}
		close(ended)
		<-done
		if asked != c.asked {
			t.Errorf("%s: asked %d times, want %d", what, asked, c.asked)
		}
	}
	w, k, _ := pair(t, new(fakeHost))
	asked := make(chan struct{}, 1)
	k.options.Asked = func() { asked <- struct{}{} }
	w.Asked()
	<-asked
}
