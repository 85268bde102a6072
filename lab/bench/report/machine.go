//go:build linux

package report

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"culvert/lab/bench/load"
)

// Machine is where a run was made, in words that fit any of its kind.
type Machine struct {
	Cores    int
	System   string // such as "Linux 6.18"
	Arch     string
	Virtual  bool
	Date     string
	Versions map[string]string // of what was compared
	// Busy is the share of the machine that others used in the two seconds
	// before the run.
	Busy float64
}

// Survey looks at this machine, for two seconds.
func Survey(versions map[string]string) (m Machine, err error) {
	release, err := os.ReadFile("/proc/sys/kernel/osrelease")
	if err != nil {
		return m, err
	}
	cpu, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return m, err
	}
	number := strings.SplitN(string(release), ".", 3)
	m = Machine{Cores: runtime.NumCPU(), System: "Linux " + strings.Join(number[:min(2, len(number))], "."), Arch: runtime.GOARCH,
		Virtual: bytes.Contains(cpu, []byte("hypervisor")), Date: time.Now().Format(time.DateOnly), Versions: versions}
	m.Versions["go"] = runtime.Version()
	m.Busy, err = busy(2 * time.Second)
	return m, err
}

// String names the machine in a sentence without its stop.
func (m Machine) String() string {
	kind := "machine"
	if m.Virtual {
		kind = "virtual machine"
	}
	return fmt.Sprintf("%s, %s %s of %d cores, both ends and the load on the same cores, TCP with %s, %s; beside %s and wireguard-go %s; other work took %.0f %% of the machine just before",
		m.System, m.Arch, kind, m.Cores, load.Congestion, m.Date, m.Versions["openvpn"], m.Versions["wireguard-go"], 100*m.Busy)
}

// busy is the share of all cores that was in use for a time.
func busy(length time.Duration) (float64, error) {
	idle, all, err := cpuTimes()
	if err != nil {
		return 0, err
	}
	time.Sleep(length)
	idleAfter, allAfter, err := cpuTimes()
	return 1 - float64(idleAfter-idle)/float64(max(allAfter-all, 1)), err
}

// cpuTimes reads the first line of /proc/stat (proc(5)): user, nice, system,
// idle, iowait and more.
func cpuTimes() (idle, all int64, err error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0, err
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, field := range strings.Fields(line)[1:] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, 0, err
		}
		if i == 3 || i == 4 {
			idle += n
		}
		if i < 8 { // guest time is in user time already
			all += n
		}
	}
	return idle, all, nil
}
