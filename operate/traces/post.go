package traces

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"

	"culvert/internal/version"
)

// maxAnswer is as much of a collector's answer as is read, bytes.
const maxAnswer = 64 << 10

// post sends spans to the collector. refused says why it took only some of them.
func (t *Tracer) post(ctx context.Context, spans []span) (refused string, err error) {
	b := version.Current()
	body, err := json.Marshal(request{[]resourceSpans{{
		Resource:   resource{[]attribute{text("service.name", "culvert"), text("service.version", b.Version), text("culvert.role", t.o.Role)}},
		ScopeSpans: []scopeSpans{{Scope: scope{"culvert", b.Version}, Spans: spans}},
	}}})
	if err != nil {
		return "", err
	}
	ctx, end := context.WithTimeout(ctx, sendTime)
	defer end()
	ask, err := http.NewRequestWithContext(ctx, http.MethodPost, t.o.URL, bytes.NewReader(body))
	if err != nil {
		return "", err
	}
	ask.Header.Set("Content-Type", "application/json")
	answer, err := t.o.HTTP.Do(ask)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return "", err
	}
	if answer.StatusCode/100 != 2 {
		return "", fmt.Errorf("the collector answers %q: see that trace-to is its address for OTLP over HTTP, such as http://127.0.0.1:4318/v1/traces", answer.Status)
	}
	return partial(said), nil
}

// partial is why a collector took only some of the spans, by its answer; "": it took all.
// Its own words are for nobody: a log is not the place for what another host chooses.
func partial(answer []byte) string {
	var said struct {
		PartialSuccess struct {
			RejectedSpans json.Number `json:"rejectedSpans"`
		} `json:"partialSuccess"`
	}
	if json.Unmarshal(answer, &said) != nil {
		return ""
	}
	n, err := said.PartialSuccess.RejectedSpans.Int64()
	if err != nil || n <= 0 {
		return ""
	}
	return fmt.Sprintf("the collector refused %d spans of those sent: its log says why", n)
}
