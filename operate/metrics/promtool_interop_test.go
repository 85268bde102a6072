//go:build interop

package metrics

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"culvert/config"
)

// TestPromtool: Prometheus's own tool finds nothing wrong with a scrape, with the alert
// rules, and with what they say of the series in their tests.
func TestPromtool(t *testing.T) {
	run := func(stdin string, args ...string) {
		t.Helper()
		c := exec.Command("promtool", args...)
		c.Stdin = strings.NewReader(stdin)
		if out, err := c.CombinedOutput(); err != nil {
			t.Errorf("promtool %v: %v\n%s", args, err, out)
		}
	}
	run("", "check", "rules", rules)
	run("", "test", "rules", filepath.Join(filepath.Dir(rules), "culvert.tests.yml"))
	for _, c := range []config.Metrics{{}, {Per: config.PerUser}} {
		run(scrape(t, everything(t, c)), "check", "metrics")
	}
}
