package management

import (
	"bufio"
	"net"
	"net/netip"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"log/slog"

	"culvert/config"
	"culvert/operate/backend/backendtest"
	"culvert/role/client"
	"culvert/role/event"
	"culvert/role/server"
	"culvert/session"
)

// quiet is a process for tests; signals go to asked.
func quiet(asked chan string) Process {
	verb, mute := 3, 0
	return Process{
		Title: "OpenVPN test", Log: slog.New(slog.DiscardHandler), AuthRetry: func() config.AuthRetry { return config.AuthRetryNone }, StatusVersion: func() int { return 1 }, Signal: func(name string) { asked <- name },
		Verb: func() int { return verb }, SetVerb: func(n int) { verb = n }, Mute: func() int { return mute }, SetMute: func(n int) { mute = n },
	}
}

// dialog is a reader of a test.
type dialog struct {
	t    *testing.T
	conn net.Conn
	in   *bufio.Reader
}

// open opens an interface on a socket, and a reader of it that was greeted.
func open(t *testing.T, cfg config.Management) (*Interface, *dialog) {
	t.Helper()
	cfg.Unix, cfg.Address = true, filepath.Join(t.TempDir(), "s")
	i, err := Open(cfg, quiet(make(chan string, 8)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { i.Close(nil) })
	return i, connect(t, i)
}

func connect(t *testing.T, i *Interface) *dialog {
	t.Helper()
	conn, err := net.Dial("unix", i.cfg.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(20 * time.Second))
	d := &dialog{t, conn, bufio.NewReader(conn)}
	if i.password == nil {
		d.want(banner())
	}
	return d
}

func (d *dialog) say(line string) {
	d.t.Helper()
	if _, err := d.conn.Write([]byte(line + "\n")); err != nil {
		d.t.Fatal(err)
	}
}

// want reads lines that have to be these.
func (d *dialog) want(lines ...string) {
	d.t.Helper()
	for _, want := range lines {
		got, err := d.in.ReadString('\n')
		if err != nil || got != want+"\r\n" {
			d.t.Fatalf("got %q, %v; want %q", got, err, want)
		}
	}
}

// TestAnswers are the bytes that OpenVPN 2.6.14 answered with.
func TestAnswers(t *testing.T) {
	i, d := open(t, config.Management{})
	i.Attach(backendtest.New())
	for command, want := range map[string]string{
		"state x":                      "ERROR: state parameter must be 'on' or 'off' or some number n or 'all'",
		"state 0":                      "ERROR: state parameter must be 'on' or 'off' or some number n or 'all'",
		"log":                          "ERROR: the 'log' command requires at least 1 parameter",
		"log off":                      "SUCCESS: real-time log notification set to OFF",
		"log off x":                    "SUCCESS: real-time log notification set to OFF\r\nERROR: log parameter must be 'on' or 'off' or some number n or 'all'",
		"status 9":                     "ERROR: bad status format version number",
		"echo":                         "ERROR: the 'echo' command requires at least 1 parameter",
		"echo on all":                  "SUCCESS: real-time echo notification set to ON\r\nEND",
		"hold":                         "SUCCESS: hold=0",
		"hold release":                 "SUCCESS: hold release succeeded",
		"hold xx":                      "ERROR: bad hold command parameter",
		"verb":                         "SUCCESS: verb=3",
		"verb 3":                       "SUCCESS: verb level changed",
		"verb 99":                      "ERROR: verb level is out of range",
		"mute":                         "SUCCESS: mute=0",
		"mute 0":                       "SUCCESS: mute level changed",
		"net":                          "ERROR: Sorry, this command is currently only implemented on Windows",
		"test":                         "ERROR: the 'test' command requires 1 parameter",
		"test 2":                       "[0] The purpose of this command is to generate large amounts of output.\r\n[1] The purpose of this command is to generate large amounts of output.",
		"env-filter":                   "SUCCESS: env_filter_level=0",
		"env-filter -1":                "SUCCESS: env_filter_level=-1",
		"env-filter x":                 "SUCCESS: env_filter_level=0",
		"echo 1 2 3":                   "END\r\nEND",
		"echo all on":                  "END\r\nSUCCESS: real-time echo notification set to ON",
		"echo 0 all":                   "ERROR: echo parameter must be 'on' or 'off' or some number n or 'all'\r\nEND",
		"echo off on x":                "SUCCESS: real-time echo notification set to OFF\r\nSUCCESS: real-time echo notification set to ON",
		"echo 2147483648":              "ERROR: echo parameter must be 'on' or 'off' or some number n or 'all'",
		"status -1":                    "ERROR: bad status format version number",
		`hold ""`:                      "ERROR: bad hold command parameter",
		"verb -1":                      "ERROR: verb level is out of range",
		"mute -1":                      "ERROR: mute level is out of range",
		"version 2147483648":           "",
		`kill ""`:                      "ERROR: kill parse",
		"kill :5":                      "ERROR: kill parse",
		"kill 1.2.3.4:":                "ERROR: common name '1.2.3.4' not found",
		"kill 1.2.3.4:x":               "ERROR: port number is out of range: x",
		"kill 1.2.3.4:70000":           "ERROR: port number is out of range: 70000",
		"kill a:b:c":                   "ERROR: error parsing IP address: a",
		"kill 50%d%s":                  "ERROR: common name '50%d%s' not found",
		"client-auth x 0":              "ERROR: cannot parse CID",
		"client-auth 0 x":              "ERROR: cannot parse KID",
		"client-pending-auth 0 0 x y":  "ERROR: cannot parse TIMEOUT",
		"signal SIGINT":                "SUCCESS: signal SIGINT thrown",
		"pkcs11-id-get 1.5":            ">PKCS11ID-ENTRY:'1'",
		"pkcs11-id-get x":              ">PKCS11ID-ENTRY:'0'",
		"load-stats":                   "SUCCESS: nclients=0,bytesin=0,bytesout=0",
		"bytecount":                    "ERROR: the 'bytecount' command requires 1 parameter",
		"bytecount 0":                  "SUCCESS: bytecount interval changed",
		"kill":                         "ERROR: the 'kill' command requires 1 parameter",
		"kill foo":                     "ERROR: common name 'foo' not found",
		"kill 1.2.3.4:5":               "ERROR: client at address 1.2.3.4:5 not found",
		"client-kill":                  "ERROR: the 'client-kill' command requires at least 1 parameter",
		"client-kill x":                "ERROR: cannot parse CID",
		"client-auth-nt":               "ERROR: the 'client-auth-nt' command requires 2 parameters",
		"client-auth-nt 0 0":           "ERROR: client-auth command failed",
		"client-deny 0 0 why":          "ERROR: client-deny command failed",
		"client-deny 0 0":              "ERROR: the 'client-deny' command requires at least 3 parameters",
		"client-pending-auth 0 0 x 30": "ERROR: client-pending-auth command failed. Extra parameter might be too long",
		"client-auth 0 0\nfoo\nEND":    "ERROR: client-auth command failed",
		"signal":                       "ERROR: the 'signal' command requires 1 parameter",
		"signal foo":                   "ERROR: signal 'foo' is not a known signal type",
		"signal SIGUSR2":               "SUCCESS: signal SIGUSR2 thrown",
		"foo":                          "ERROR: unknown command, enter 'help' for more options",
		"version":                      "OpenVPN Version: OpenVPN test\r\nManagement Version: 5\r\nEND",
		"pkcs11-id-count":              ">PKCS11ID-COUNT:0",
		"push-update-broad":            "ERROR: the 'push-update-broad' command requires 1 parameter",
		"push-update-cid x -route":     "ERROR: cannot parse CID\r\nERROR: push-update-cid fail during cid parsing",
		"push-update-cid 77 -route":    "ERROR: no client updated\r\nERROR: push-update command failed",
	} {
		d.say(command)
		if want != "" {
			d.want(strings.Split(want, "\r\n")...)
		}
	}
}

// TestNumber: words become numbers as with OpenVPN, which uses C's atoi.
func TestNumber(t *testing.T) {
	for word, want := range map[string]int{
		"": 0, "x": 0, "-": 0, "7": 7, " +7": 7, "-7x": -7, "1.5": 1, "0x10": 0, "4294967296": 0, "2147483648": -2147483648,
		"99999999999999999999": -1, "-99999999999999999999": 0, "1 2": 1, "--1": 0,
	} {
		if got := number(word); got != want {
			t.Errorf("%q: %d, want %d", word, got, want)
		}
	}
}

// TestExitBySIGINT: the signal that a reader names is the reason of EXITING.
func TestExitBySIGINT(t *testing.T) {
	i, d := open(t, config.Management{})
	d.say("state on")
	d.want("SUCCESS: real-time state notification set to ON")
	d.say("signal SIGINT")
	d.want("SUCCESS: signal SIGINT thrown")
	go i.Close(nil)
	line, err := d.in.ReadString('\n')
	if _, state, _ := strings.Cut(line, ","); state != "EXITING,SIGINT,,,,,\r\n" {
		t.Errorf("%q, %v", line, err)
	}
}

// TestEnvFilter: which variables OpenVPN 2.6.14 and 2.7.8 showed of one client, at each
// level.
func TestEnvFilter(t *testing.T) {
	for levels, names := range map[string]string{
		"0":   "n_clients common_name untrusted_ip6 untrusted_port ifconfig_ipv6_local ifconfig_pool_remote_ip6 tls_id_0 tls_digest_0 daemon verb",
		"01":  "X509_0_C X509_0_O X509_0_OU_1 X509_0_emailAddress X509_1_CN X509_1_OU",
		"012": "password username untrusted_ip tls_serial_0 tls_serial_hex_0 tls_serial_1 tls_serial_hex_1 X509_0_CN daemon_pid daemon_start_time ifconfig_local ifconfig_netmask ifconfig_pool_remote_ip ifconfig_pool_netmask dev time_duration bytes_sent bytes_received session_id session_state",
	} {
		for name := range strings.FieldsSeq(names) {
			for level := range 4 {
				if got, want := shows(level, name), strings.Contains(levels, strconv.Itoa(level)); got != want {
					t.Errorf("level %d: %s is shown: %v, want %v", level, name, got, want)
				}
			}
		}
	}
	if !shows(-1, "verb") {
		t.Error("a level below 0 filters")
	}
}

// TestStates are the states that OpenVPN 2.6.14 reported of the same connections.
func TestStates(t *testing.T) {
	at := event.Remote{Host: "10.99.0.1", Proto: "udp", Addr: netip.MustParseAddrPort("10.99.0.1:1194")}
	v4, v6 := netip.MustParseAddr("10.8.0.2"), netip.MustParseAddr("fd00:8::1000")
	var c course
	var got []string
	for _, e := range []event.Event{
		event.Connecting{Remote: at}, event.Answered{}, event.Asking{}, event.LoginPending{Timeout: 30 * time.Second}, event.Asking{},
		event.Configuring{Addresses: []netip.Prefix{netip.PrefixFrom(v4, 24), netip.PrefixFrom(v6, 64)}, Routes: make([]event.Route, 1)}, event.Configured{},
		event.Up{Remote: at, IPv4: v4, IPv6: v6},
		event.Configuring{Routes: make([]event.Route, 2)}, event.Configured{}, // other routes on the same connection: it stays CONNECTED
		event.Lost{Err: session.ErrPingTimeout}, event.Reconnecting{},
		event.Reconnecting{Err: client.ErrRestart},
		event.Resolving{}, event.Connecting{Remote: event.Remote{Proto: "tcp"}}, event.Answered{},
		event.Ended{},
	} {
		got = append(got, c.texts(e)...)
	}
	want := []string{
		"WAIT,,,,,,", "AUTH,,,,,,", "GET_CONFIG,,,,,,", "AUTH_PENDING,timeout 30,,,,,", "ASSIGN_IP,,10.8.0.2,,,,,fd00:8::1000", "ADD_ROUTES,,,,,,",
		"CONNECTED,SUCCESS,10.8.0.2,10.99.0.1,1194,,,fd00:8::1000",
		"RECONNECTING,ping-restart,,,,,", "RECONNECTING,SIGUSR1,,,,,",
		"RESOLVE,,,,,,", "TCP_CONNECT,,,,,,", "WAIT,,,,,,", "AUTH,,,,,,", "EXITING,SIGTERM,,,,,",
	}
	if !slices.Equal(got, want) {
		t.Errorf("%q\nwant\n%q", got, want)
	}
}

// TestServerStates are the states that OpenVPN 2.6.14 reported of a server that got SIGHUP
// and SIGUSR1.
func TestServerStates(t *testing.T) {
	i, d := open(t, config.Management{})
	v4 := netip.MustParseAddr("10.8.0.1")
	i.Attach(backendtest.New())
	i.Serving(v4, netip.Addr{}, netip.AddrPort{})
	i.Reloading()
	i.Serving(v4, netip.Addr{}, netip.AddrPort{})
	i.Client(server.Restarting{})
	d.say("state all")
	for _, want := range []string{"CONNECTING,,,,,,", "ASSIGN_IP,,10.8.0.1,,,,", "CONNECTED,SUCCESS,10.8.0.1,,,,", "RECONNECTING,SIGHUP,,,,,",
		"ASSIGN_IP,,10.8.0.1,,,,", "CONNECTED,SUCCESS,10.8.0.1,,,,", "RECONNECTING,SIGUSR1,,,,,", "ASSIGN_IP,,10.8.0.1,,,,", "CONNECTED,SUCCESS,10.8.0.1,,,,"} {
		line, _ := d.in.ReadString('\n')
		if _, got, _ := strings.Cut(strings.TrimSuffix(line, "\r\n"), ","); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	d.want("END")
}
