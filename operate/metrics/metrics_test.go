package metrics

import (
	"bufio"
	"bytes"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/client_golang/prometheus/testutil/promlint"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/pki"
	"culvert/config"
	"culvert/nic/tuntap"
	"culvert/operate/backend"
	"culvert/role/event"
	"culvert/role/server"
	"culvert/session"
)

var began = time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)

// onePeer is a back end of a role with one peer.
type onePeer struct {
	status  backend.Status
	traffic server.Traffic
}

func (o *onePeer) Status() backend.Status                { return o.status }
func (o *onePeer) Traffic([]backend.Peer) server.Traffic { return o.traffic }
func (o *onePeer) Reading() (int, uint64)                { return 3, 17 }

// many is a server's.
type many struct {
	onePeer
	tally server.Tally
	pools server.Pools
}

func (m *many) Handshakes() server.Tally { return m.tally }
func (m *many) Pools() server.Pools      { return m.pools }

// office is a server with two clients that are in, of one user, and one that is connecting.
func office() *many {
	m := &many{pools: server.Pools{Leased: 2, IPv4: 253, IPv6: 65536}}
	m.tally[session.StageUp][server.Completed] = 5
	m.tally[session.StageTLS][server.Broken] = 2
	m.tally[session.StageDecision][server.TurnedAway] = 1
	m.traffic = server.Traffic{PacketsIn: 10, PacketsOut: 20, BytesIn: 1000, BytesOut: 2000}
	m.status = backend.Status{
		Role: "server", Adapter: "tun0", Since: began, Marked: 4, Queue: &backend.Queue{Waiting: 3, Room: 256},
		Drops:   map[string]uint64{"replayed": 3, tuntap.QueueFull: 2},
		Endings: &backend.Endings{In30: 3, In14: 2, In7: 1},
		Records: []backend.Record{{Name: "history"}, {Name: "accounting-radius", Lost: 7, Trouble: "no answer"}},
		Peers: []backend.Peer{
			{Name: "phone.anna", User: "anna", Since: began, LastHeard: began, Remote: "192.0.2.7:40000", IPv4: netip.MustParseAddr("10.8.0.2"), IPv6: netip.MustParseAddr("fd00::2"), BytesIn: 100, BytesOut: 200},
			{Name: "laptop.anna", User: "anna", Since: began.Add(time.Minute), LastHeard: began, Remote: "192.0.2.8:40000", IPv4: netip.MustParseAddr("10.8.0.3"), BytesIn: 1, BytesOut: 2},
			{Name: "UNDEF", Connecting: true, Remote: "192.0.2.9:40000"},
		},
	}
	return m
}

// course is a handshake whose stages took a second each.
func course() session.Course {
	c := session.Course{Began: began}
	for s := range c.Ends {
		c.Ends[s] = began.Add(time.Duration(s+1) * time.Second)
	}
	return c
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// of returns the metrics of a configuration, which has dates.
func of(t *testing.T, c config.Metrics) *Metrics {
	t.Helper()
	authority, err := pki.NewAuthority(rand.Reader, began, pki.Options{Name: "test"})
	if err != nil {
		t.Fatal(err)
	}
	list, err := authority.Revoke(began, nil)
	if err != nil {
		t.Fatal(err)
	}
	file := func(text []byte) *config.File { return &config.File{Inline: true, Text: text} }
	return New(Options{Log: quiet(), Now: func() time.Time { return began }, Readers: func() (int, uint64) { return 2, 4 }, Config: &config.Config{
		Mode: config.ModeServer, Metrics: c, Trust: config.Trust{CA: file(authority.CertPEM()), Cert: file(authority.CertPEM()), CRLVerify: file(list)}}})
}

// everything is metrics of a server of which all has happened.
func everything(t *testing.T, c config.Metrics) *Metrics {
	t.Helper()
	m := of(t, c)
	m.Watch(office())
	h := server.Handshake{Course: course(), Outcome: server.Completed}
	for _, e := range []server.Event{
		server.Up{Handshake: h}, server.Renewed{Handshake: h}, server.RenewalFailed{Handshake: h}, server.Moved{}, server.Certified{},
		server.Refused{Handshake: server.Handshake{Outcome: server.TurnedAway, By: access.ByRoom}},
		server.LoginRefused{Handshake: server.Handshake{Outcome: server.TurnedAway, By: access.ByLogin}},
		server.Ended{WasUp: true, How: server.Left}, server.Ended{},
	} {
		m.Client(e)
	}
	m.SignedIn("accounts", auth.Verdict{OK: true})
	m.SignedIn("accounts", auth.Verdict{Reason: "CRV1:R,E:id:YQ==:a key"})
	m.SignedIn("program", auth.Verdict{Err: fmt.Errorf("gone")})
	m.SignedIn("program", auth.Verdict{})
	return m
}

// TestLint: names and help are as Prometheus has them, ours without exception.
func TestLint(t *testing.T) {
	for _, per := range []config.MetricsPer{config.PerNobody, config.PerUser, config.PerDevice} {
		m := everything(t, config.Metrics{Per: per})
		problems, err := testutil.GatherAndLint(m.registry)
		if err != nil {
			t.Fatal(err)
		}
		// These names are those of client_golang, and not ours to choose.
		problems = slices.DeleteFunc(problems, func(p promlint.Problem) bool { return strings.HasPrefix(p.Metric, "go_") })
		for _, p := range problems {
			t.Errorf("%s: %s", p.Metric, p.Text)
		}
	}
}

// TestServer: the numbers of a server.
func TestServer(t *testing.T) {
	m := everything(t, config.Metrics{Per: config.PerUser})
	want := `
# HELP culvert_bytes_total Bytes of data channel packets, framing included, from peers (in) and to peers (out).
# TYPE culvert_bytes_total counter
culvert_bytes_total{direction="in"} 1000
culvert_bytes_total{direction="out"} 2000
# HELP culvert_client_certificates_ending Clients whose certificates end within so many days and that were not given others.
# TYPE culvert_client_certificates_ending gauge
culvert_client_certificates_ending{days="14"} 2
culvert_client_certificates_ending{days="30"} 3
culvert_client_certificates_ending{days="7"} 1
# HELP culvert_events_missed_total Events that were gone when a reader came to them, each counted for each such reader: one of the API (api), or a part of the process, such as its history (process).
# TYPE culvert_events_missed_total counter
culvert_events_missed_total{reader="api"} 4
culvert_events_missed_total{reader="process"} 17
# HELP culvert_event_readers Readers of events by the API, of which open pages of the dashboard are some.
# TYPE culvert_event_readers gauge
culvert_event_readers 2
# HELP culvert_handshakes_total First handshakes that ended, by the stage at which they did and by outcome.
# TYPE culvert_handshakes_total counter
culvert_handshakes_total{outcome="completed",stage="up"} 5
culvert_handshakes_total{outcome="failed",stage="answer"} 0
culvert_handshakes_total{outcome="failed",stage="decision"} 0
culvert_handshakes_total{outcome="failed",stage="keys"} 0
culvert_handshakes_total{outcome="failed",stage="push"} 0
culvert_handshakes_total{outcome="failed",stage="tls"} 2
culvert_handshakes_total{outcome="refused",stage="decision"} 1
# HELP culvert_peer_bytes_total Bytes of one user's or one device's sessions that are up, from them (in) and to them (out).
# TYPE culvert_peer_bytes_total counter
culvert_peer_bytes_total{direction="in",name="anna"} 101
culvert_peer_bytes_total{direction="out",name="anna"} 202
# HELP culvert_pool_addresses Addresses that there are for clients, by family.
# TYPE culvert_pool_addresses gauge
culvert_pool_addresses{family="ipv4"} 253
culvert_pool_addresses{family="ipv6"} 65536
# HELP culvert_queue_overflow_packets_total Packets that waited too long in the adapter's queue or found it full.
# TYPE culvert_queue_overflow_packets_total counter
culvert_queue_overflow_packets_total 2
# HELP culvert_rekeys_total Renewals of keys, by outcome.
# TYPE culvert_rekeys_total counter
culvert_rekeys_total{outcome="completed"} 1
culvert_rekeys_total{outcome="failed"} 1
# HELP culvert_sessions Peers, by whether they are in (connected) or in their first handshake (connecting).
# TYPE culvert_sessions gauge
culvert_sessions{state="connected"} 2
culvert_sessions{state="connecting"} 1
# HELP culvert_sessions_ended_total Sessions that had been up and ended, by how.
# TYPE culvert_sessions_ended_total counter
culvert_sessions_ended_total{how="dismissed"} 0
culvert_sessions_ended_total{how="left"} 1
culvert_sessions_ended_total{how="lost"} 0
`
	var names []string
	for line := range strings.Lines(want) {
		if name, ok := strings.CutPrefix(line, "# TYPE "); ok {
			name, _, _ = strings.Cut(name, " ")
			names = append(names, name)
		}
	}
	if err := testutil.GatherAndCompare(m.registry, strings.NewReader(want), names...); err != nil {
		t.Error(err)
	}
	page := scrape(t, m)
	for series, values := range map[string]string{
		"drops":    `reason="replayed"} 3, reason="malformed"} 0, reason="beyond the client's rate"} 0`,
		"refusals": `by="login"} 1, by="room"} 1, by="list"} 0, by="cipher"} 0`,
		"sign_ins": `outcome="accepted",source="accounts"} 1, outcome="challenged",source="accounts"} 1, outcome="error",source="accounts"} 0, outcome="error",source="program"} 1, outcome="refused",source="plugin"} 0`,
	} {
		for value := range strings.SplitSeq(values, ", ") {
			if line := "culvert_" + series + "_total{" + value + "\n"; !strings.Contains(page, line) {
				t.Errorf("no %s", line)
			}
		}
	}
	if strings.Contains(page, tuntap.QueueFull) {
		t.Error("what did not fit into the queue is told twice")
	}
	if n := testutil.CollectAndCount(m.counts, "culvert_handshake_stage_duration_seconds"); n != session.Stages {
		t.Errorf("%d stages have durations", n)
	}
	if got := m.state.dates.ends()["authority"]; !got.After(began) {
		t.Errorf("the authority ends at %v", got)
	}
}

// TestCountersDoNotGoBack: a session that is counted nowhere for a moment, because it has
// just ended, takes nothing off what was told.
func TestCountersDoNotGoBack(t *testing.T) {
	m, o := of(t, config.Metrics{}), office()
	m.Watch(o)
	first := scrape(t, m)
	o.traffic = server.Traffic{}
	if second := scrape(t, m); !strings.Contains(first, `culvert_bytes_total{direction="in"} 1000`) || !strings.Contains(second, `culvert_bytes_total{direction="in"} 1000`) {
		t.Error("a counter went back")
	}
}

// TestOnePeer: the handshakes of a client by its events.
func TestOnePeer(t *testing.T) {
	m := of(t, config.Metrics{})
	m.Watch(&onePeer{status: backend.Status{Role: "client", Peers: []backend.Peer{{Name: "server"}}}})
	for _, e := range []event.Event{
		event.Connecting{}, event.Reconnecting{}, // nobody answers
		event.Connecting{}, event.Answered{}, event.Reconnecting{}, // TLS fails
		event.Connecting{}, event.Answered{}, event.Asking{}, event.Reconnecting{}, // refused
		event.Connecting{}, event.Answered{}, event.Asking{}, event.Secured{Course: course()}, event.Up{}, event.Reconnecting{},
		event.Renewed{Course: course()}, event.Lost{}, event.Ended{},
	} {
		m.Peer(e)
	}
	got := scrape(t, m)
	for _, want := range []string{
		`culvert_handshakes_total{outcome="failed",stage="answer"} 1`, `culvert_handshakes_total{outcome="failed",stage="tls"} 1`,
		`culvert_handshakes_total{outcome="failed",stage="decision"} 1`, `culvert_handshakes_total{outcome="completed",stage="up"} 1`,
		`culvert_handshake_duration_seconds_sum 6`, `culvert_rekeys_total{outcome="completed"} 1`, `culvert_sessions_ended_total{how="lost"} 1`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	if strings.Contains(got, "culvert_pool") {
		t.Error("a client has a pool")
	}
}

// TestHostileNames: a name that is no text, or looks like the format's own, is a label's
// value and nothing else.
func TestHostileNames(t *testing.T) {
	m, o := of(t, config.Metrics{Per: config.PerDevice, OpenVPNNames: true}), office()
	o.status.Peers[0].Name = "\xff\"} 1\nculvert_evil 1\n# \u202e" + strings.Repeat("x", 10_000)
	m.Watch(o)
	got := scrape(t, m)
	if regexp.MustCompile(`(?m)^culvert_evil`).MatchString(got) || !strings.Contains(got, `culvert_peer_sessions{name="laptop.anna"} 1`) {
		t.Error("a client's name made a metric")
	}
}

// TestOpenVPNNames: names, labels and types are those of openvpn_exporter.
func TestOpenVPNNames(t *testing.T) {
	m := of(t, config.Metrics{OpenVPNNames: true})
	m.Watch(office())
	got := scrape(t, m)
	for _, want := range []string{
		"# TYPE openvpn_server_client_received_bytes_total counter", "# TYPE openvpn_server_route_last_reference_time_seconds gauge",
		`openvpn_up{status_path="culvert"} 1`, `openvpn_server_connected_clients{status_path="culvert"} 2`,
		`openvpn_server_client_received_bytes_total{common_name="phone.anna",connection_time="1772362800",real_address="192.0.2.7:40000",status_path="culvert",username="anna",virtual_address="10.8.0.2"} 100`,
		`openvpn_server_route_last_reference_time_seconds{common_name="phone.anna",real_address="192.0.2.7:40000",status_path="culvert",virtual_address="fd00::2"} 1.7723628e+09`,
		`openvpn_status_update_time_seconds{status_path="culvert"} 1.7723628e+09`,
	} {
		if !strings.Contains(got, want+"\n") {
			t.Errorf("no %s", want)
		}
	}
	client := of(t, config.Metrics{OpenVPNNames: true})
	client.Watch(&onePeer{traffic: server.Traffic{BytesIn: 7, BytesOut: 8}})
	if got := scrape(t, client); !strings.Contains(got, `openvpn_client_tcp_udp_read_bytes_total{status_path="culvert"} 7`) {
		t.Error("a client's names are missing")
	}
}

func scrape(t *testing.T, m *Metrics) string {
	t.Helper()
	w := httptest.NewRecorder()
	m.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, Path, nil))
	if w.Code != http.StatusOK {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	return w.Body.String()
}

// TestOnlyMetrics: one path, to be read alone.
func TestOnlyMetrics(t *testing.T) {
	h := of(t, config.Metrics{}).Handler()
	for _, c := range []struct {
		method, path string
		want         int
	}{{"GET", Path, 200}, {"HEAD", Path, 200}, {"POST", Path, 405}, {"GET", "/", 404}, {"GET", "/metrics/x", 404}, {"GET", "/debug/pprof/", 404}} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(c.method, c.path, nil))
		if w.Code != c.want {
			t.Errorf("%s %s: %d", c.method, c.path, w.Code)
		}
	}
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", Path, nil)
	r.Header.Set("Accept", "application/openmetrics-text; version=1.0.0")
	if h.ServeHTTP(w, r); !strings.HasSuffix(w.Body.String(), "# EOF\n") {
		t.Error("no OpenMetrics")
	}
}

// TestServed: at the address, from Open to Close, and what is wrong says how to mend it.
func TestServed(t *testing.T) {
	m := of(t, config.Metrics{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	at := netip.MustParseAddrPort(l.Addr().String())
	if err := of(t, config.Metrics{}).Open(config.Metrics{Listen: at}); err == nil || !strings.Contains(err.Error(), "write another port") {
		t.Errorf("a port that is taken: %v", err)
	}
	m.serve(l)
	answer, err := http.Get("http://" + at.String() + Path)
	if err != nil {
		t.Fatal(err)
	}
	var body bytes.Buffer
	body.ReadFrom(answer.Body)
	answer.Body.Close()
	if !strings.Contains(body.String(), "culvert_build_info") {
		t.Errorf("answered %d %.100s", answer.StatusCode, &body)
	}
	m.Close()
	if _, err := http.Get("http://" + at.String() + Path); err == nil {
		t.Error("it answers after Close")
	}
	(*Metrics)(nil).Close()
	(*Metrics)(nil).Client(server.Moved{})
	(*Metrics)(nil).Peer(event.Moved{})
	(*Metrics)(nil).SignedIn("program", auth.Verdict{})
}

// TestOneSourceLeavesRoom: connections of one source that ask for nothing are bounded; what is
// above is closed at once.
func TestOneSourceLeavesRoom(t *testing.T) {
	m := of(t, config.Metrics{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m.serve(l)
	defer m.Close()
	for i := range ofOne + 1 {
		c, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i == ofOne {
			if _, err := c.Read(make([]byte, 1)); err == nil {
				t.Error("one source has more connections than its own")
			}
			return
		}
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: a\r\n\r\n", Path)
		if answer, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || answer.StatusCode != http.StatusOK {
			t.Fatalf("connection %d: %v", i, err)
		}
	}
}

// ours are the names of all metrics of this package, histograms' series by their family.
func ours(t *testing.T) map[string]string {
	t.Helper()
	types := make(map[string]string)
	for _, c := range []config.Metrics{{Per: config.PerUser}} {
		families, err := everything(t, c).registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if strings.HasPrefix(f.GetName(), "culvert_") {
				types[f.GetName()] = strings.ToLower(f.GetType().String())
			}
		}
	}
	descriptions := make(chan *prometheus.Desc, 100)
	m := of(t, config.Metrics{})
	m.counts.Describe(descriptions)
	m.state.Describe(descriptions)
	close(descriptions)
	named := regexp.MustCompile(`fqName: "([^"]+)"`)
	for d := range descriptions {
		if name := named.FindStringSubmatch(d.String())[1]; types[name] == "" && name != certificateEnd.name {
			t.Errorf("%s is declared and not told", name)
		}
	}
	return types
}

// TestPage: docs/metrics.md has each metric with its type and its labels, and no other.
func TestPage(t *testing.T) {
	page, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	types := ours(t)
	rows := regexp.MustCompile("(?m)^\\| `(culvert_[a-z_]+)` \\| ([a-z]+) \\|([^|]*)\\|").FindAllStringSubmatch(string(page), -1)
	told := make(map[string]bool)
	labels := make(map[string][]string)
	for _, f := range families {
		labels[f.name] = f.labels
	}
	for _, row := range rows {
		name, kind := row[1], row[2]
		if types[name] != kind {
			t.Errorf("docs/metrics.md has %s as a %s, and it is a %q", name, kind, types[name])
		}
		told[name] = true
		for _, l := range labels[name] {
			if !strings.Contains(row[3], "`"+l+"`") {
				t.Errorf("docs/metrics.md does not have label %s of %s", l, name)
			}
		}
	}
	for name := range types {
		if !told[name] {
			t.Errorf("docs/metrics.md does not have %s", name)
		}
	}
}
