//go:build interop

package interop

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"culvert/operate/history"
	"culvert/operate/history/accounting"
	"culvert/operate/history/track"
)

// kept is a server that keeps a history, and its directory.
type keptHistory struct {
	at    *netns
	dir   string
	state string
}

// ask asks culvert history.
func (k keptHistory) ask(into any, words ...string) {
	k.at.t.Helper()
	text := k.at.output(append([]string{culvert(k.at.t), "history", "--dir", k.dir, "--state-dir", k.state, "--json"}, words...)...)
	if err := json.Unmarshal([]byte(text), into); err != nil {
		k.at.t.Fatalf("%s: %v", text, err)
	}
}

// sessions are those that culvert history finds, the latest first.
func (k keptHistory) sessions(words ...string) []history.Session {
	k.at.t.Helper()
	var page history.Page
	k.ask(&page, words...)
	return page.Sessions
}

// who is who had an address at a time.
func (k keptHistory) who(address netip.Addr, at time.Time) string {
	k.at.t.Helper()
	var all []string
	for _, s := range k.sessions("--address", address.String(), "--at", at.Format(time.RFC3339Nano)) {
		all = append(all, s.Person()+" by "+s.Device)
	}
	return strings.Join(all, ", ")
}

// agrees checks that the totals by days and by devices are those of the sessions.
func (k keptHistory) agrees() {
	k.at.t.Helper()
	var want history.Total
	by := make(map[string]uint64)
	for _, s := range k.sessions("--limit", "0") {
		want.Sessions, want.BytesIn, want.BytesOut = want.Sessions+1, want.BytesIn+s.BytesIn, want.BytesOut+s.BytesOut
		by[s.Device] += s.BytesIn + s.BytesOut
	}
	var days, devices history.Totals
	k.ask(&days, "--days")
	k.ask(&devices, "--days=device")
	var got history.Total
	for _, d := range days.Totals {
		got.Sessions, got.BytesIn, got.BytesOut = got.Sessions+d.Sessions, got.BytesIn+d.BytesIn, got.BytesOut+d.BytesOut
	}
	if got != want {
		k.at.t.Errorf("the days came to %+v, and the sessions to %+v", got, want)
	}
	for _, d := range devices.Totals {
		if n := d.BytesIn + d.BytesOut; n != by[d.Name] {
			k.at.t.Errorf("%s carried %d bytes, and its sessions %d", d.Name, n, by[d.Name])
		}
	}
}

// accounts are the requests that FreeRADIUS has written down, in order.
func (n *netns) accounts() (all []map[string]string) {
	text, err := os.ReadFile(filepath.Join(n.dir, "detail"))
	if err != nil {
		return nil
	}
	for entry := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		one := make(map[string]string)
		for line := range strings.Lines(entry) {
			if name, value, ok := strings.Cut(line, " = "); ok {
				one[strings.TrimSpace(name)] = strings.Trim(strings.TrimSpace(value), `"`)
			}
		}
		all = append(all, one)
	}
	return all
}

// accounted waits for a request of a status about a user; "": about no session.
func (n *netns) accounted(status, user string) (found map[string]string) {
	n.t.Helper()
	n.eventually("FreeRADIUS has "+status+" "+user, func() bool {
		i := slices.IndexFunc(n.accounts(), func(a map[string]string) bool {
			return a["Acct-Status-Type"] == status && a["User-Name"] == user && a["Timestamp"] != ""
		})
		if i >= 0 {
			found = n.accounts()[i]
		}
		return i >= 0
	})
	return found
}

// sent is how much a test sends by a session in each direction.
const sent = 1 << 20

// TestHistory: of two stock clients of people with accounts, culvert history knows who had which
// address when and what they carried, while the server runs, while it does not, and when it runs
// again; the totals are those of the sessions, and what was sent. FreeRADIUS is told of the same,
// and the accounting log.
func TestHistory(t *testing.T) {
	t.Parallel()
	l := newLab(t)
	s := l.host("s")
	s.radiusServer("1812")
	k := keptHistory{s, filepath.Join(s.dir, "vpn"), filepath.Join(s.dir, "state")}
	s.output(culvert(t), "init", "--dir", k.dir, "--host", "192.0.2.1", "--network6", innerIPv6.String())
	lines := filepath.Join(s.dir, "sessions.json")
	s.configure(k.dir, "accounting-log "+lines, "accounting-interval 60", "accounting-radius 127.0.0.1 "+s.file("secret", radiusSecret+"\n"), "sign-in-radius-name gate")
	serve := func() *process {
		return s.start("culvert serve", culvert(t), "serve", "--dir", k.dir, "--state-dir", k.state).up()
	}
	server := serve()
	mustBeNobody(t, server)
	s.accounted("Accounting-On", "")
	before := time.Now()
	clients, at := make(map[string]*process), make(map[string]netip.Addr)
	for _, user := range []string{"anna", "bert"} {
		c := l.host(user)
		w := l.join(c, s)
		made := filepath.Join(s.dir, user+".ovpn")
		s.output(culvert(t), "user", "add", user, "--dir", k.dir)
		s.output(culvert(t), "device", "add", "pad", "--user", user, "--dir", k.dir, "-o", made)
		text := regexp.MustCompile(`(?m)^remote .*$`).ReplaceAllString(string(must(os.ReadFile(made))), "remote "+w.b4.String()+" 1194")
		clients[user] = c.run(stock, c.file("client.conf", text+"\nexplicit-exit-notify 1\nconnect-retry 1 2\n")).up()
		v4, _ := c.device(tunDevice)
		at[user] = v4.prefix.Addr()
		transfer(t, c, s, serverIPv4, sent)
		transfer(t, s, c, at[user], sent)
	}
	during := time.Now()
	s.eventually("both sessions are kept", func() bool { return len(k.sessions()) == 2 })
	if began := s.accounted("Start", "anna"); began["Framed-IP-Address"] != at["anna"].String() || began["NAS-Identifier"] != "gate" || began["Acct-Session-Id"] == "" {
		t.Errorf("FreeRADIUS was told %v", began)
	}
	for user, address := range at {
		if got := k.who(address, during); got != user+" by pad."+user {
			t.Errorf("%v was of %q, want %s", address, got, user)
		}
	}
	if got := k.who(at["anna"], before); got != "" {
		t.Errorf("before anyone came, %v was of %q", at["anna"], got)
	}
	interim := func() bool {
		return slices.ContainsFunc(s.accounts(), func(a map[string]string) bool { return a["Acct-Status-Type"] == "Interim-Update" })
	}
	for end := time.Now().Add(time.Minute + patience); !interim() && time.Now().Before(end); time.Sleep(time.Second) {
	}
	s.carried(s.accounted("Interim-Update", "anna"))
	if err := clients["anna"].stop(syscall.SIGTERM); err != nil {
		t.Error(err)
	}
	ended := s.accounted("Stop", "anna")
	s.carried(ended)
	if ended["Acct-Terminate-Cause"] != "User-Request" || ended["Acct-Session-Id"] != s.accounted("Start", "anna")["Acct-Session-Id"] {
		t.Errorf("FreeRADIUS was told %v", ended)
	}
	if err := server.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status: %v", err)
	}
	if ended := s.accounted("Stop", "bert"); ended["Acct-Terminate-Cause"] != "Admin-Reboot" {
		t.Errorf("FreeRADIUS was told %v", ended)
	}
	s.accounted("Accounting-Off", "")
	k.remembers(lines, at, during)
	serve()
	clients["bert"].expect(initialized, 2, patience)
	s.eventually("bert's second session is kept", func() bool { return len(k.sessions("--user", "bert")) == 2 })
	k.remembers(lines, at, during)
}

// configure adds lines to the server.conf of a directory.
func (n *netns) configure(dir string, lines ...string) {
	n.t.Helper()
	conf := filepath.Join(dir, "server.conf")
	if err := os.WriteFile(conf, append(must(os.ReadFile(conf)), "\n"+strings.Join(lines, "\n")+"\n"...), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

// carried checks that FreeRADIUS was told what the test sent, and for how long it was there.
func (n *netns) carried(account map[string]string) {
	n.t.Helper()
	for _, name := range []string{"Acct-Input-Octets", "Acct-Output-Octets"} {
		if octets, err := strconv.Atoi(account[name]); err != nil || octets < sent || octets > 2*sent {
			n.t.Errorf("%s: %s, and %d bytes were sent", name, account[name], sent)
		}
	}
	if seconds, err := strconv.Atoi(account["Acct-Session-Time"]); err != nil || seconds < 50 {
		n.t.Errorf("the session is said to have taken %s s, and it took a minute", account["Acct-Session-Time"])
	}
}

// remembers checks what is kept of TestHistory's sessions when all has been seen.
func (k keptHistory) remembers(lines string, at map[string]netip.Addr, during time.Time) {
	t := k.at.t
	t.Helper()
	for user, address := range at {
		if got := k.who(address, during); got != user+" by pad."+user {
			t.Errorf("%v was of %q, want %s", address, got, user)
		}
		all := k.sessions("--user", user)
		first := all[len(all)-1]
		if first.BytesIn < sent || first.BytesIn > 2*sent || first.BytesOut < sent || first.BytesOut > 2*sent {
			t.Errorf("%s carried %d and %d bytes, and %d were sent each way", user, first.BytesIn, first.BytesOut, sent)
		}
		if want := map[string]track.Cause{"anna": track.Left, "bert": track.Stopped}[user]; first.Cause != want {
			t.Errorf("the session of %s ended: %s, want %s", user, first.Cause, want)
		}
		var whole history.Life
		k.ask(&whole, "--session", first.ID)
		if n := len(whole.Life); n < 2 || whole.Life[n-1].What != "left" || !slices.ContainsFunc(whole.Life, func(m track.Moment) bool { return m.Handshake != nil }) {
			t.Errorf("the life of %s's session: %+v", user, whole.Life)
		}
		var events []string
		for line := range strings.Lines(string(must(os.ReadFile(lines)))) {
			var one accounting.Line
			if err := json.Unmarshal([]byte(line), &one); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
			if one.Session != first.ID {
				continue
			}
			events = append(events, one.Event)
			if one.Event == "stop" && (one.BytesIn != first.BytesIn || one.BytesOut != first.BytesOut || one.Cause != first.Cause) {
				t.Errorf("the accounting log has %s, and the history %+v", line, first)
			}
		}
		if got := strings.Join(events, " "); !regexp.MustCompile(`^start (interim )+stop$`).MatchString(got) {
			t.Errorf("the accounting log of %s has %q", user, got)
		}
	}
	k.agrees()
}

// smallDisk has the server's directory on a file system of some MB.
const smallDisk = `mount -t tmpfs -o size=3m,mode=755 none "$1" && cp -a "$2/." "$1" && shift 2 && exec "$@"`

// TestHistoryFull: while the disk of a server's history is full, clients come, go and are answered
// as before; that nothing is written is said once in the log, and by culvert history. When there
// is room again, all of that is kept, too.
func TestHistoryFull(t *testing.T) {
	t.Parallel()
	h := newHosts(t)
	made, profile := h.initialize(t)
	h.s.configure(made, "duplicate-cn")
	k := keptHistory{h.s, filepath.Join(h.s.dir, "small"), filepath.Join(h.s.dir, "state")}
	if err := os.Mkdir(k.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	server := h.s.start("culvert serve", "sh", "-c", smallDisk, "sh", k.dir, made, culvert(t), "serve", "--dir", k.dir, "--state-dir", k.state).up()
	k.at = &netns{t, h.s.name, h.s.dir, []string{"nsenter", "--mount", "--net", "--target", fmt.Sprint(server.cmd.Process.Pid)}}
	h.c.run(stock, profile).up()
	h.s.eventually("the first session is kept", func() bool { return len(k.sessions()) == 1 })
	pings := h.c.start("ping", "ping", "-n", "-i", "0.2", serverIPv4.String())
	k.at.output("sh", "-c", "cat /dev/zero >"+filepath.Join(k.dir, "ballast")+" 2>/dev/null || true")

	const many = 60
	h.c.output(culvert(t), "swarm", profile, "--clients", fmt.Sprint(many), "--traffic", "ping", "--for", "1s", "--quiet")
	unwritten := regexp.MustCompile(`the history of sessions cannot be written`)
	server.expect(unwritten, 1, patience)
	var page history.Page
	k.ask(&page)
	if page.Stats.Trouble == "" {
		t.Errorf("the history says nothing of its trouble: %+v", page.Stats)
	}
	if said := k.at.output(culvert(t), "history", "--dir", k.dir, "--state-dir", k.state); !strings.Contains(said, "Nothing is written now: ") || !strings.Contains(said, "make room there") {
		t.Errorf("culvert history says:\n%s", said)
	}
	if said := h.s.output(culvert(t), "status", "--state-dir", k.state); !strings.Contains(said, "! history cannot be written or told now: ") {
		t.Errorf("culvert status says:\n%s", said)
	}
	pings.expect(echoed, pings.count(echoed)+40, patience) // over more than one attempt to write
	if err := pings.stop(syscall.SIGINT); err != nil {
		t.Errorf("ping: %v", err)
	}
	if missing := unanswered(t, pings.log()); len(missing) > 0 {
		t.Errorf("pings %v had no answer", missing)
	}
	if n := server.count(unwritten); n != 1 {
		t.Errorf("it is said %d times that nothing can be written", n)
	}

	k.at.output("rm", filepath.Join(k.dir, "ballast"))
	server.expect(regexp.MustCompile(`the history of sessions is written again`), 1, patience)
	h.s.eventually("the sessions from meanwhile are kept", func() bool { return len(k.sessions("--limit", "0")) == many+1 })
	var after history.Page
	k.ask(&after)
	if after.Stats.Trouble != "" || after.Stats.Lost != 0 {
		t.Errorf("afterwards: %+v", after.Stats)
	}
	if said := h.s.output(culvert(t), "status", "--state-dir", k.state); strings.Contains(said, "history") {
		t.Errorf("culvert status says:\n%s", said)
	}
	for _, s := range k.sessions("--limit", "0")[:many] {
		if s.Open() || s.Device == "" || !s.IPv4.IsValid() {
			t.Errorf("from meanwhile: %+v", s)
		}
	}
	if err := server.stop(syscall.SIGTERM); err != nil {
		t.Errorf("exit status: %v", err)
	}
}
