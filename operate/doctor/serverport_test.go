package doctor

import (
	"strings"
	"testing"

	"culvert/config"
)

// TestNoProcessToSignal: where it is not known which process the server is, no command is
// named that would signal others.
func TestNoProcessToSignal(t *testing.T) {
	for pid, want := range map[int]string{0: "read its configuration again", 4711: "kill -HUP 4711"} {
		var n notes
		serverHost{}.judgePort(&n, runner{by: "culvert", pid: pid}, config.Listen{Port: 1194}, nil)
		if len(n.Findings) != 1 || !strings.Contains(n.Findings[0].Mend, want) || pid == 0 && strings.Contains(n.Findings[0].Mend, "kill") {
			t.Errorf("%d: %+v", pid, n.Findings)
		}
	}
}
