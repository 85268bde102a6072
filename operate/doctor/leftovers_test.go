package doctor

import (
	"net/netip"
	"strings"
	"testing"

	"culvert/host/hostnet"
)

// TestKillSwitches: what a kill switch means depends on whose it is, whether that lives, and
// on what is examined.
func TestKillSwitches(t *testing.T) {
	fence := hostnet.Fence{Name: "a", Profile: "/etc/my vpn.conf"}
	persistent := fence
	persistent.Persist, persistent.Open = true, []netip.Prefix{netip.MustParsePrefix("192.168.0.0/16")}
	for name, c := range map[string]struct {
		r        *remains
		f        hostnet.Standing
		severity Severity
		says     string
		mend     string
		fixable  bool
	}{
		"left, asked to":         {&remains{dir: hostnet.DefaultStateDir}, hostnet.Standing{Fence: persistent, Noted: true}, Problem, "/etc/my vpn.conf stands, and its client has ended: nothing gets out of this host but clients with block-outside, and what goes to 192.168.0.0/16", "connect again: culvert connect '/etc/my vpn.conf'; or open this host: culvert cleanup", false},
		"in another place":       {&remains{dir: "/x"}, hostnet.Standing{Fence: persistent, Noted: true}, Problem, "stands", "--state-dir /x; or open this host: culvert cleanup --state-dir /x", false},
		"of no file":             {&remains{dir: "/x"}, hostnet.Standing{Fence: hostnet.Fence{Name: "a", Persist: true}, Noted: true}, Problem, "a client's kill switch stands", "culvert cleanup --state-dir /x", false},
		"left":                   {&remains{}, hostnet.Standing{Fence: fence, Noted: true}, Problem, "its client was killed: nothing gets out of this host", "culvert cleanup", true},
		"left, of its own file":  {&remains{fenced: true}, hostnet.Standing{Fence: fence, Noted: true}, Problem, "its client was killed", "culvert cleanup", true},
		"nobody's":               {&remains{dir: "/x"}, hostnet.Standing{Fence: fence}, Warning, "nothing is noted in /x", "nft delete table inet culvert-fence-a", false},
		"another's":              {&remains{}, hostnet.Standing{Fence: fence, Noted: true, PID: 7}, Warning, "(process 7), and keeps in this profile's packets", "block-outside; or end the other client: kill 7", false},
		"beside a server":        {&remains{server: true}, hostnet.Standing{Fence: fence, Noted: true, PID: 7}, Warning, "keeps in what this server sends", "block-outside NETWORK", false},
		"its own, or a friend's": {&remains{fenced: true}, hostnet.Standing{Fence: fence, Noted: true, PID: 7}, "", "", "", false},
	} {
		n := new(notes)
		c.r.judge(n, c.f)
		if c.severity == "" {
			if len(n.Findings) > 0 || len(n.Seen) != 1 {
				t.Errorf("%s: %+v", name, n)
			}
			continue
		}
		if len(n.Findings) != 1 {
			t.Errorf("%s: %+v", name, n)
			continue
		}
		f := n.Findings[0]
		if f.Severity != c.severity || !strings.Contains(f.Text, c.says) || !strings.Contains(f.Mend, c.mend) || f.Fixable != c.fixable {
			t.Errorf("%s: %+v", name, f)
		}
	}
}
