package doctor

import (
	"context"
	"fmt"
)

// recordsCheck looks at what the running server keeps and tells of its sessions: history and
// accounting. A server never waits for them, so that nothing else shows what they lack.
func (s *server) recordsCheck() inspection {
	return inspection{name: "records", about: "whether the server can write its history of sessions and its accounts, and what they lack", look: func(ctx context.Context, n *notes) {
		r, _ := s.running.get(ctx)
		if r.status == nil || len(r.status.Records) == 0 {
			n.skip("no server that keeps records of sessions answers")
			return
		}
		for _, one := range r.status.Records {
			switch {
			case one.Trouble != "":
				n.problem(one.Name+" cannot be written or told now, and what does not fit into memory is lost", one.Trouble, "do what it says; nothing has to be started again")
			case one.Lost > 0:
				n.warning(fmt.Sprintf("%s lacks %d changes since the server began", one.Name, one.Lost), "events came faster than they were written, or could not be written for too long", "a faster disk, or one with more room; the server's log says when it was")
			default:
				n.saw("%s: nothing is lost", one.Name)
			}
		}
	}}
}
