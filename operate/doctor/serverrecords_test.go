package doctor

import (
	"context"
	"strings"
	"testing"

	"culvert/operate/backend"
)

// TestRecords: what the running server cannot write, or has lost, is found.
func TestRecords(t *testing.T) {
	for want, all := range map[string][]backend.Record{
		"":                                  {{Name: "history"}, {Name: "accounting-log"}},
		"history cannot be written or told": {{Name: "history", Trouble: "no space left", Lost: 3}},
		"accounting-radius lacks 3 changes": {{Name: "history"}, {Name: "accounting-radius", Lost: 3}},
	} {
		s := &server{running: share(t.Context(), func(context.Context) (runner, error) {
			return runner{by: "culvert", status: &backend.Status{Role: "server", Records: all}}, nil
		})}
		var said []string
		for _, r := range run(t.Context(), []inspection{s.recordsCheck()}, false, func(Result) {}) {
			for _, f := range r.Findings {
				said = append(said, f.Text+" ["+f.Evidence+"] "+f.Mend)
			}
		}
		if got := strings.Join(said, "\n"); want == "" && got != "" || !strings.HasPrefix(got, want) {
			t.Errorf("%+v: %q, want %q", all, got, want)
		}
	}
}
