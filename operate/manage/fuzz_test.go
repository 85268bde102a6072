package manage

import "testing"

// FuzzPosition: an id of an event is what it is written as, or refused.
func FuzzPosition(f *testing.F) {
	for _, id := range []string{"0123456789abcdef-7", "0123456789abcdef-", "-7", "", "0123456789abcdef-18446744073709551616", "0123456789ABCDEF-1", "0123456789abcdef-+1", "0123456789abcdef-007"} {
		f.Add(id)
	}
	f.Fuzz(func(t *testing.T, id string) {
		p, err := parsePosition(id)
		if err != nil {
			return
		}
		if again, err := parsePosition(p.String()); err != nil || again != p {
			t.Errorf("%q is %v, then %v, %v", id, p, again, err)
		}
	})
}
