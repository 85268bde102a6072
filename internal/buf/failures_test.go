package buf

import (
	"errors"
	"fmt"
	"testing"
)

func TestFailures(t *testing.T) {
	var f Failures
	if err := f.Err(); err != nil {
		t.Errorf("no failure is %v", err)
	}
	late, lost, other := errors.New("late"), errors.New("lost"), errors.New("other")
	f.Add(late, 0)
	if err := f.Err(); !errors.Is(err, late) {
		t.Errorf("%v, want %v", err, late)
	}
	f.Add(lost, 2)
	f.Add(other, 1)
	err := fmt.Errorf("wrapped: %w", f.Err())
	var all *WriteError
	if !errors.Is(err, lost) || !errors.As(err, &all) || len(all.Failures) != 3 || all.Error() != "lost" {
		t.Errorf("%v, of %+v", err, all)
	}
}
