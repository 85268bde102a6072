//go:build interop

package interop

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// BenchmarkPolicy measures a server's stream each way, to and from a stock client, without
// a policy, with one rule and with a thousand, in turn: bits a second, and the server's CPU
// time for each packet's worth of them. Medians of several.
//
//	go test -tags interop -run '^$' -bench 'Policy$' -benchtime 1x ./lab/interop
func BenchmarkPolicy(b *testing.B) {
	const rounds, seconds, packet = 5, "2", 1300 * 8
	l := newLab(b)
	s, c := l.host("s"), l.host("c")
	at := l.join(s, c).a4.String()
	kinds := []string{"none", "1", "1000"}
	type figures struct{ speed, cost []float64 }
	measured := make(map[string]*figures)
	servers := make(map[string]*process)
	for i, kind := range kinds {
		dir := filepath.Join(s.dir, kind)
		s.output(culvert(b), "init", "--dir", dir, "--host", fmt.Sprintf("%s:%d", at, 1194+i), "--network", fmt.Sprintf("10.%d.0.0/24", 20+i))
		profile := filepath.Join(s.dir, kind+".ovpn")
		s.output(culvert(b), "client", "add", "alice", "--dir", dir, "-o", profile)
		if kind != "none" {
			n, _ := strconv.Atoi(kind)
			line := "policy " + s.file("policy"+kind, rulesOf(n))
			s.output("sh", "-c", `echo "$1" >>"$0"`, filepath.Join(dir, "server.conf"), line)
		}
		servers[kind] = s.start("server "+kind, culvert(b), "serve", "--dir", dir, "--state-dir", filepath.Join(dir, "state")).up()
		text := strings.ReplaceAll(string(must(os.ReadFile(profile))), "\ndev tun\n", fmt.Sprintf("\ndev tun%d\n", 20+i))
		c.run(stock, c.file("to"+kind+".ovpn", text)).up()
	}
	for _, port := range []string{"7000", "7001", "7002"} {
		s.start("listener", "iperf3", "-s", "-p", port, "--forceflush").expect(regexp.MustCompile("listening"), 1, patience)
	}
	for range rounds {
		for i, kind := range kinds {
			for way, more := range map[string][]string{"down": {"-R"}, "up": nil} {
				before := cpuTime(b, servers[kind].cmd.Process.Pid)
				p := c.start("stream", append([]string{"iperf3", "-c", fmt.Sprintf("10.%d.0.1", 20+i), "-p", fmt.Sprint(7000 + i), "-t", seconds, "-J"}, more...)...)
				per, _ := rateOf(b, p)
				spent := cpuTime(b, servers[kind].cmd.Process.Pid) - before
				f := measured[kind+"/"+way]
				if f == nil {
					f = new(figures)
					measured[kind+"/"+way] = f
				}
				total := 0.0
				for _, one := range per {
					total += one
				}
				f.speed, f.cost = append(f.speed, total/float64(len(per))), append(f.cost, spent*1e9/(total/packet))
			}
		}
	}
	for _, kind := range kinds {
		for _, way := range []string{"down", "up"} {
			f := measured[kind+"/"+way]
			b.Logf("rules %-4s %-4s %7.0f Mbit/s, %6.0f ns of the server's CPU for each packet", kind, way, median(f.speed)/1e6, median(f.cost))
		}
	}
}

// rulesOf is a policy of n rules about alice, of which the last lets streams to the server
// pass.
func rulesOf(n int) string {
	var text strings.Builder
	text.WriteString("default deny\n")
	for i := range n - 1 {
		fmt.Fprintf(&text, "allow client alice to 10.%d.%d.0/24 tcp/%d\n", 100+i/256, i%256, 1000+i)
	}
	text.WriteString("allow client alice to server\n")
	return text.String()
}

// cpuTime is what a process and those it began have used of the processors, in seconds.
func cpuTime(t testing.TB, pid int) (spent float64) {
	t.Helper()
	const ticks = 100
	fields := strings.Fields(string(must(os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)))))
	for _, field := range fields[13:15] {
		n, err := strconv.ParseFloat(field, 64)
		if err != nil {
			t.Fatal(err)
		}
		spent += n / ticks
	}
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", pid))
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for _, child := range strings.Fields(string(text)) {
			n, err := strconv.Atoi(child)
			if err != nil {
				t.Fatal(err)
			}
			spent += cpuTime(t, n)
		}
	}
	return spent
}
