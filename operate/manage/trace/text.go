package trace

import "fmt"

// Append appends the packet's way as text, a line for each stop.
func (p *Packet) Append(b []byte) []byte {
	direction := "outbound"
	if p.Inbound {
		direction = "inbound"
	}
	b = fmt.Appendf(b, "%s  #%d %s  %s\n", p.Time.Format("15:04:05.000000"), p.Number, direction, p.Summary)
	for _, s := range p.Stops {
		b = fmt.Appendf(b, "%10.1f µs  %-8s%6d bytes  %s\n", s.Micros, s.At, s.Bytes, s.Decision)
	}
	return b
}
