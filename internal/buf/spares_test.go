package buf

import "testing"

func TestSpares(t *testing.T) {
	s := NewSpares(100)
	seen := make(map[*Packet]bool)
	for range 3 {
		for i := range 5 {
			p := s.Next()
			if seen[p] = true; s.Used() != i+1 || len(p.Room()) < 100 {
				t.Fatalf("%d in use, room for %d bytes", s.Used(), len(p.Room()))
			}
		}
		s.Reset()
	}
	if len(seen) != 5 || s.Used() != 0 {
		t.Errorf("%d packets were made, %d are in use", len(seen), s.Used())
	}
}
