package signin

import (
	"context"
	"errors"
	"fmt"
	"time"

	"culvert/access/auth"
	"culvert/access/hooks"
)

// What each source may have under way. A source that hangs holds up only those who ask it.
const (
	sourceAtOnce = 32
	sourceTime   = 20 * time.Second // for one question, waiting for its turn included
)

// bounded is a source with its own slots and time limit.
type bounded struct {
	auth.Source
	slots *hooks.Slots
	limit time.Duration
}

// sized is a Source that says how many questions it can take at the same time, and how long
// they may take together.
type sized interface {
	size() (atOnce int, limit time.Duration)
}

func newBounded(s auth.Source) *bounded {
	n, limit := sourceAtOnce, sourceTime
	if own, ok := s.(sized); ok {
		n, limit = own.size()
	}
	return &bounded{s, hooks.NewSlots(n), limit}
}

// answer is what a source says.
type answer struct {
	person auth.Person
	err    error
}

// Check asks the source, for no longer than its limit. One that does not end keeps its slot.
func (b *bounded) Check(ctx context.Context, l auth.Login) (auth.Person, error) {
	ctx, cancel := context.WithTimeout(ctx, b.limit)
	defer cancel()
	release, err := b.slots.Acquire(ctx, l.Request.Source)
	if err != nil {
		return auth.Person{}, fmt.Errorf("%s is busy with other logins: %w", b.Name(), err)
	}
	got := make(chan answer, 1)
	go func() {
		defer release()
		p, err := b.Source.Check(ctx, l)
		got <- answer{p, err}
	}()
	select {
	case a := <-got:
		return a.person, b.named(a.err)
	case <-ctx.Done():
		return auth.Person{}, fmt.Errorf("%s did not answer: %w", b.Name(), ctx.Err())
	}
}

// named says which source a fault is of. What a source says of a person stays as it is.
func (b *bounded) named(err error) error {
	if err == nil || errors.Is(err, auth.ErrUnknownUser) || errors.Is(err, auth.ErrWrongPassword) || errors.As(err, new(*auth.RefusedError)) || errors.As(err, new(*auth.Challenge)) {
		return err
	}
	return fmt.Errorf("%s: %w", b.Name(), err)
}
