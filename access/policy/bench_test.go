package policy

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"culvert/access"
)

// thousand is a file of n rules about alice, none of which is about what the packets are,
// but the last.
func thousand(n int) string {
	var b strings.Builder
	b.WriteString("default deny\n")
	for i := range n - 1 {
		switch i % 4 {
		case 0:
			fmt.Fprintf(&b, "allow group staff to 10.%d.%d.0/24 tcp/%d\n", 10+i/256, i%256, 1000+i)
		case 1:
			fmt.Fprintf(&b, "deny user alice to 10.1.0.0/16 tcp/%d udp/%d\n", 10000+i, 10000+i)
		case 2:
			fmt.Fprintf(&b, "allow user u%d to everyone tcp/%d\n", i, 20000+i)
		default:
			fmt.Fprintf(&b, "allow everyone to user v%d\n", i)
		}
	}
	b.WriteString("allow group staff to 10.1.0.0/16 tcp/443\n")
	return b.String()
}

// BenchmarkJudge judges packets of a stream each way, and packets that no connection is
// known for, with rules in numbers.
func BenchmarkJudge(b *testing.B) {
	now := time.Unix(1_800_000_000, 0)
	for _, n := range []int{1, 100, 1000} {
		g := NewGuard(compiled(b, thousand(n)), func(a *access.Applicant) Who { return whoOf(a.Name) })
		alice := g.Enter(&access.Applicant{Identity: access.Identity{Name: "alice"}})
		bob := g.Enter(&access.Applicant{Identity: access.Identity{Name: "bob"}})
		g.Judge(now, alice, nil, tcpPacket("alice", "10.1.2.3", 40000, 443, syn))
		for name, p := range map[string][]byte{"out": tcpPacket("alice", "10.1.2.3", 40000, 443, ack), "refused": tcpPacket("alice", "10.1.2.3", 40000, 80, syn)} {
			b.Run(fmt.Sprintf("rules=%d/%s", n, name), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					g.Judge(now, alice, nil, p)
				}
			})
		}
		answer, between := tcpPacket("10.1.2.3", "alice", 443, 40000, ack), tcpPacket("bob", "alice", 40000, 80, syn)
		b.Run(fmt.Sprintf("rules=%d/in", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Judge(now, nil, alice, answer)
			}
		})
		b.Run(fmt.Sprintf("rules=%d/between clients, refused", n), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				g.Judge(now, bob, alice, between)
			}
		})
	}
}
