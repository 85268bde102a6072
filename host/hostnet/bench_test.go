package hostnet

import (
	"fmt"
	"testing"
)

// manyRoutes is a client's State with as many routes.
func manyRoutes(n int) State {
	s := redirected()
	for i := range n {
		s.Routes = append(s.Routes, Route{Dst: prefix(fmt.Sprintf("10.%d.%d.0/24", 100+i/256, i%256)), Via: ip("10.8.0.1")})
	}
	return s
}

// BenchmarkLook is what it takes to see that nothing of a State with 3,000
// routes was lost.
func BenchmarkLook(b *testing.B) {
	k := newTwin()
	h := newProcesses().start(k, b.TempDir(), 1, nil)
	a := &Applied{host: h, want: manyRoutes(3000), j: &journal{Device: "tun0", Owner: h.self}}
	d, err := a.compare(b.Context(), a.want, nil)
	if err != nil {
		b.Fatal(err)
	}
	for _, c := range d.plan.changes {
		if err := c.apply(b.Context(), k); err != nil {
			b.Fatal(err)
		}
	}
	a.j.changes = d.plan.changes
	for b.Loop() {
		d, err := a.compare(b.Context(), a.want, nil)
		if err != nil || len(d.missing()) > 0 || len(d.stands()) != len(a.j.changes) {
			b.Fatal(err, d.missing())
		}
	}
}
