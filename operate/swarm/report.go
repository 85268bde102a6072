package swarm

import (
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"

	"culvert/role/profile"
	"culvert/session"
)

// Report is the result of a swarm.
type Report struct {
	Clients   int     `json:"clients"`
	Up        int     `json:"up"`         // clients up once each was up or had given up
	UpSeconds float64 `json:"up_seconds"` // the time until then
	Stayed    int     `json:"stayed"`     // clients up at the end of the traffic
	Seconds   float64 `json:"seconds"`    // the whole time

	Handshakes uint64             `json:"handshakes"`
	Rekeys     uint64             `json:"rekeys"`
	Handshake  Histogram          `json:"handshake_seconds"` // from the first packet to the adapter
	Phases     []Phase            `json:"phases"`
	Errors     map[string]*Errors `json:"errors"` // by kind
}

// Phase is the result of one pattern.
type Phase struct {
	Pattern Pattern `json:"pattern"`
	Seconds float64 `json:"seconds"`
	Up      int     `json:"up"` // clients at its end
	// Packets that clients sent, that were answered, and that were not.
	Sent     uint64 `json:"sent"`
	Answered uint64 `json:"answered"`
	Lost     uint64 `json:"lost"`
	// BitsPerSecond is the rate of the answers, which is also that of the
	// requests.
	BitsPerSecond float64    `json:"bits_per_second"`
	Handshakes    uint64     `json:"handshakes"` // of clients that connected meanwhile
	RoundTrip     *Histogram `json:"round_trip_seconds"`
}

// Errors are errors of one kind.
type Errors struct {
	Count   int    `json:"count"`
	Example string `json:"example"` // the first
}

// Failed reports whether a client did not connect, or did not stay connected.
func (r *Report) Failed() bool { return r.Up < r.Clients || len(r.Errors) > 0 }

func (r *Report) add(err error) {
	kind := kindOf(err)
	if r.Errors[kind] == nil {
		r.Errors[kind] = &Errors{Example: err.Error()}
	}
	r.Errors[kind].Count++
}

// kindOf sorts an error into one of a few kinds.
func kindOf(err error) string {
	var handshake *session.HandshakeError
	var certificate *profile.CertificateError
	var alert tls.AlertError
	switch {
	case errors.Is(err, errLate):
		return "not up in time"
	case errors.Is(err, errMute):
		return "no answer"
	case errors.As(err, new(*session.AuthFailedError)):
		return "login refused"
	case errors.As(err, new(*session.RestartError)):
		return "server asked to reconnect"
	case errors.Is(err, session.ErrPingTimeout):
		return "server fell silent"
	case errors.As(err, &certificate):
		return "server's certificate refused"
	case errors.As(err, &alert):
		return "TLS alert"
	case errors.As(err, &handshake) && handshake.Err == nil:
		return "handshake timed out"
	case errors.As(err, &handshake):
		return "handshake failed"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "connection refused"
	case errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE), errors.Is(err, os.ErrPermission):
		return "this host's limits"
	}
	return "other"
}

// Text returns the report for a person.
func (r *Report) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "clients    %d of %d connected in %.1f s, %d were connected at the end\n", r.Up, r.Clients, r.UpSeconds, r.Stayed)
	fmt.Fprintf(&b, "handshakes %d, keys renewed %d times\n", r.Handshakes, r.Rekeys)
	writeHistogram(&b, "handshake", &r.Handshake)
	for _, p := range r.Phases {
		p.text(&b)
	}
	for _, kind := range slices.Sorted(maps.Keys(r.Errors)) {
		e := r.Errors[kind]
		fmt.Fprintf(&b, "error      %s, %d times, for example: %s\n", kind, e.Count, e.Example)
	}
	if len(r.Errors) == 0 {
		b.WriteString("errors     none\n")
	}
	return b.String()
}

func (p *Phase) text(b *strings.Builder) {
	fmt.Fprintf(b, "%-10s %.1f s, %d clients connected at its end", p.Pattern, p.Seconds, p.Up)
	if p.Handshakes > 0 {
		fmt.Fprintf(b, ", %.1f handshakes per second", float64(p.Handshakes)/p.Seconds)
	}
	b.WriteString("\n")
	if p.Sent == 0 {
		return
	}
	fmt.Fprintf(b, "           %d packets sent, %d lost (%.2f %%), %s each way\n",
		p.Sent, p.Lost, 100*float64(p.Lost)/float64(p.Sent), bitRate(p.BitsPerSecond))
	writeHistogram(b, "round trip", p.RoundTrip)
}

func writeHistogram(b *strings.Builder, what string, h *Histogram) {
	if h.Count() == 0 {
		return
	}
	fmt.Fprintf(b, "%-10s median %s, 90 %% within %s, 99 %% within %s, longest %s\n", what,
		Round(h.Quantile(0.5)), Round(h.Quantile(0.9)), Round(h.Quantile(0.99)), Round(h.Quantile(1)))
	for _, line := range h.Lines() {
		fmt.Fprintf(b, "  %s\n", line)
	}
}

// bitRate formats a rate with a suitable unit.
func bitRate(v float64) string {
	for _, unit := range []string{"bit/s", "kbit/s", "Mbit/s"} {
		if v < 1000 {
			return fmt.Sprintf("%.3g %s", v, unit)
		}
		v /= 1000
	}
	return fmt.Sprintf("%.3g Gbit/s", v)
}
