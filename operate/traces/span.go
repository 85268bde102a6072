package traces

import (
	"strconv"
	"strings"
	"time"

	"culvert/operate/backend"
)

// The OTLP message of traces in JSON, as far as it is needed: names and numbers are those of
// its protobuf mapping, identifiers are hex, and 64-bit numbers are text.
type (
	request struct {
		ResourceSpans []resourceSpans `json:"resourceSpans"`
	}
	resourceSpans struct {
		Resource   resource     `json:"resource"`
		ScopeSpans []scopeSpans `json:"scopeSpans"`
	}
	resource struct {
		Attributes []attribute `json:"attributes"`
	}
	scopeSpans struct {
		Scope scope  `json:"scope"`
		Spans []span `json:"spans"`
	}
	scope struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	span struct {
		TraceID    string      `json:"traceId"`
		SpanID     string      `json:"spanId"`
		Parent     string      `json:"parentSpanId,omitempty"`
		Name       string      `json:"name"`
		Kind       int         `json:"kind"`
		Start      string      `json:"startTimeUnixNano"`
		End        string      `json:"endTimeUnixNano"`
		Attributes []attribute `json:"attributes,omitempty"`
		Status     *status     `json:"status,omitempty"`
	}
	attribute struct {
		Key   string `json:"key"`
		Value value  `json:"value"`
	}
	// value is text or a whole number, which is written as text as well.
	value struct {
		Text   *string `json:"stringValue,omitempty"`
		Number *string `json:"intValue,omitempty"`
	}
	status struct {
		Message string `json:"message,omitempty"`
		Code    int    `json:"code"`
	}
)

// Numbers of the protocol.
const (
	kindInternal = 1
	kindServer   = 2
	kindClient   = 3
	statusError  = 2
)

// longest is as much of a text that a peer chose as a span has, in bytes.
const longest = 128

func text(key, s string) attribute {
	if len(s) > longest {
		s = s[:longest]
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	return attribute{key, value{Text: &s}}
}

func number(key string, n uint64) attribute {
	s := strconv.FormatUint(n, 10)
	return attribute{key, value{Number: &s}}
}

func nanoseconds(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// spansOf are those of the handshake of an event: itself, and its stages.
func spansOf(e backend.Event, id func() (trace, span string)) []span {
	h := e.Handshake
	trace, root := id()
	whole := span{
		TraceID: trace, SpanID: root, Name: nameOf(e.Kind), Kind: kindClient, Start: nanoseconds(h.Began), End: nanoseconds(endOf(e)),
		Attributes: []attribute{text("culvert.handshake.stage", h.Stage), text("culvert.handshake.outcome", h.Outcome)},
	}
	if e.Number != nil {
		whole.Kind = kindServer
		whole.Attributes = append(whole.Attributes, number("culvert.session.number", *e.Number))
	}
	for _, a := range []attribute{text("culvert.refused_by", h.By), text("culvert.peer.agent", e.Agent), text("culvert.cipher", e.Cipher), text("culvert.tls", withoutNames(e.TLS))} {
		if *a.Value.Text != "" {
			whole.Attributes = append(whole.Attributes, a)
		}
	}
	all := []span{whole}
	start := h.Began
	for _, s := range stagesOf(h) {
		if s.end.IsZero() {
			continue
		}
		_, own := id()
		all = append(all, span{TraceID: trace, SpanID: own, Parent: root, Name: s.name, Kind: kindInternal, Start: nanoseconds(start), End: nanoseconds(s.end)})
		start = s.end
	}
	if h.Outcome != completed {
		all[0].Status = &status{Message: strings.TrimSpace(h.Outcome + " " + h.By), Code: statusError}
		_, own := id()
		all = append(all, span{TraceID: trace, SpanID: own, Parent: root, Name: h.Stage, Kind: kindInternal, Start: nanoseconds(start), End: nanoseconds(endOf(e)), Status: &status{Code: statusError}})
	}
	return all
}

// withoutNames is a control channel in words without those of the peer's certificate, which
// has the name of a person or a device.
func withoutNames(tls string) string {
	channel, _, _ := strings.Cut(tls, ", peer certificate")
	return channel
}

const completed = "completed"

// nameOf is the name of the span of a handshake.
func nameOf(k backend.Kind) string {
	if k == backend.Renewed || k == backend.NotRenewed {
		return "rekey"
	}
	return "handshake"
}

// stage is one that ended; zero: it did not, or there is none.
type stage struct {
	name string
	end  time.Time
}

// stagesOf are the stages of a handshake, in turn.
func stagesOf(h *backend.Handshake) []stage {
	all := []stage{{"answer", h.Answer}, {"tls", h.TLS}, {"keys", h.Keys}, {"decision", h.Decision}, {"push", h.Push}, {"up", h.Up}}
	if h.Outcome == completed {
		return all
	}
	for i, s := range all {
		if s.name == h.Stage {
			return all[:i] // it stopped in this one, whatever came later
		}
	}
	return all
}

// endOf is when the handshake of an event ended.
func endOf(e backend.Event) time.Time {
	h := e.Handshake
	if h.Outcome == completed && !h.Up.IsZero() {
		return h.Up
	}
	last := h.Began
	for _, s := range stagesOf(h) {
		if s.end.After(last) {
			last = s.end
		}
	}
	if e.Time.After(last) {
		return e.Time
	}
	return last
}
