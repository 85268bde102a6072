package event

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newTestLog is a reader and what it writes: level and message with attributes.
func newTestLog() (*Log, *bytes.Buffer) {
	var text bytes.Buffer
	to := slog.New(slog.NewTextHandler(&text, &slog.HandlerOptions{Level: slog.LevelDebug, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Key == slog.TimeKey {
			return slog.Attr{}
		}
		return a
	}}))
	return NewLog(to, Words{Other: "the server", OtherKey: "server", Looped: "in circles"}), &text
}

var at = Remote{Host: "vpn.example", Proto: "udp", Addr: netip.MustParseAddrPort("192.0.2.1:1194")}

// TestLines: the lines that people and their tools wait for.
func TestLines(t *testing.T) {
	for want, e := range map[string]Event{
		`level=INFO msg=connecting remote="vpn.example (udp 192.0.2.1:1194)"`:                                                                      Connecting{at},
		`level=INFO msg="Initialization Sequence Completed" adapter=tun0 server="vpn.example (udp 192.0.2.1:1194)" ipv4=10.8.0.2 ipv6=none`:        Up{Remote: at, Adapter: "tun0", IPv4: netip.MustParseAddr("10.8.0.2")},
		"level=INFO msg=\"Control Channel: TLSv1.3\"\nlevel=INFO msg=\"Data Channel: cipher X\" peer-id=3":                                         Secured{TLS: "TLSv1.3", Data: "cipher X", PeerID: 3},
		`level=INFO msg="Data Channel: cipher X" key=static`:                                                                                       Secured{Data: "cipher X"},
		`level=WARN msg="pushed option: ignored: y"`:                                                                                               Pushed{Options: []string{"x", "y"}, Ignored: []string{"y"}},
		"level=INFO msg=\"change passed over\" option=z\nlevel=INFO msg=\"the server changed what it pushed\" change=\"x, z\" ipv4=none ipv6=none": PushUpdated{Options: []string{"x", "z"}, Skipped: []string{"z"}},
		"level=DEBUG msg=\"this host: a\"\nlevel=WARN msg=\"not everything could be set up on this host\" problem=b":                               Configured{Changes: []string{"a"}, Partial: errors.New("b")},
		`level=WARN msg="ending, as the configuration asks" reason=why`:                                                                            Ended{Err: errors.New("why"), Asked: true},
		``: Ended{Err: errors.New("the caller says this one")},
		`level=WARN msg="to log in, open this page in a browser: https://a"`:        LoginAsked{URL: "https://a"},
		`level=WARN msg="the server says: hello"`:                                   LoginAsked{Question: "hello"},
		`level=INFO msg="the server moved" from=192.0.2.1:1 to=192.0.2.2:2`:         Moved{netip.MustParseAddrPort("192.0.2.1:1"), netip.MustParseAddrPort("192.0.2.2:2")},
		`level=WARN msg="connection lost" remote=192.0.2.1:1194 reason=why`:         Lost{Remote{Proto: "udp", Addr: at.Addr}, errors.New("why")},
		`level=INFO msg="the server left" remote=""`:                                Left{},
		`level=WARN msg="routes are left out" error=why`:                            Remark{"routes are left out", errors.New("why")},
		`level=WARN msg=remark`:                                                     Remark{Text: "remark"},
		`level=WARN msg="in circles" server=192.0.2.1`:                              Looped{at.Addr.Addr()},
		`level=INFO msg="message from the server" text=hi`:                          Message{"hi"},
		`level=WARN msg="GET / to a VPN" from=192.0.2.1:1194 reason=why`:            Stranger{at.Addr, "GET / to a VPN", errors.New("why")},
		`level=ERROR msg="nobody answers" error=why`:                                LoginFailed{"nobody answers", errors.New("why")},
		`level=INFO msg=connecting remote="h:1 (tcp through a proxy at 1.2.3.4:8)"`: Connecting{Remote{Host: "h:1", Proto: "tcp", Addr: netip.MustParseAddrPort("1.2.3.4:8"), Proxy: true}},
	} {
		l, text := newTestLog()
		l.Read(e)
		if got := strings.TrimSuffix(text.String(), "\n"); got != want {
			t.Errorf("%T:\n%s\nwant\n%s", e, got, want)
		}
	}
}

// TestDelaysGrowRare: where a handshake stops is said once, and then more and more
// rarely, until it stops elsewhere or there was a connection.
func TestDelaysGrowRare(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, text := newTestLog()
		said := func() int {
			defer text.Reset()
			return strings.Count(text.String(), "level=WARN")
		}
		for range 24 * 60 {
			l.Read(Delayed{Remote: at, Stage: "silence"})
			time.Sleep(time.Minute)
		}
		// After 0, 10, 30, 70, 150, 310, 630 and 1,270 minutes.
		if n := said(); n != 8 {
			t.Errorf("said %d times in a day", n)
		}
		l.Read(Delayed{Remote: at, Stage: "TLS"})
		l.Read(Up{Remote: at})
		l.Read(Delayed{Remote: at, Stage: "TLS"})
		if n := said(); n != 2 {
			t.Errorf("%d, want one for another stage and one after a connection", n)
		}
	})
}

// TestComplaints: a reason is given in full once, and once a minute in brief; after
// a connection in full again.
func TestComplaints(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l, text := newTestLog()
		for n := range 130 {
			l.Read(Reconnecting{Err: errors.New("no answer"), Wait: time.Second, Failures: n + 1})
			time.Sleep(time.Second)
		}
		full, brief := strings.Count(text.String(), `level=WARN msg="not connected"`), strings.Count(text.String(), `level=WARN msg="still not connected`)
		if full != 1 || brief != 2 {
			t.Errorf("%d times in full and %d in brief", full, brief)
		}
		text.Reset()
		l.Read(Reconnecting{Err: errors.New("no answer")})
		if !strings.Contains(text.String(), `level=WARN msg="not connected"`) {
			t.Errorf("after a connection:\n%s", text)
		}
		text.Reset()
		l.Read(Reconnecting{Wait: time.Second})
		if text.Len() > 0 {
			t.Errorf("a failure that was reported before is said again: %s", text)
		}
	})
}

// TestNothingTwice: what could not be set up is said in full once, and in short beside
// that the tunnel is up; where a handshake stops is not said again when it ends.
func TestNothingTwice(t *testing.T) {
	l, text := newTestLog()
	routes := errors.New("1 of 4 routes failed: route 10.0.0.0/8: exists via 192.168.1.1 dev eth0")
	for range 2 {
		l.Read(Configured{Partial: routes})
		l.Read(Up{Remote: at})
	}
	if got := text.String(); strings.Count(got, "not everything") != 1 || strings.Count(got, "level=WARN msg=\"Initialization Sequence Completed, but not all is as it should be: 1 of 4 routes failed (said above)\"") != 2 {
		t.Error(got)
	}
	text.Reset()
	l.Read(Configured{})
	l.Read(Up{Remote: at})
	if got := text.String(); !strings.Contains(got, "msg=\"Initialization Sequence Completed\"") {
		t.Error(got)
	}
	text.Reset()
	l.Read(Delayed{Remote: at, Stage: "nothing was received: is it running?"})
	l.Read(Reconnecting{Err: errors.New("handshake did not finish in time: nothing was received: is it running?"), Failures: 1})
	l.Read(Reconnecting{Err: errors.New("another reason"), Failures: 2})
	if got := text.String(); strings.Count(got, "nothing was received") != 1 || !strings.Contains(got, "in time: it stopped where is said above") || !strings.Contains(got, "another reason") {
		t.Error(got)
	}
}
