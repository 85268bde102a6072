package backend

import (
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"math/big"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/access"
	"culvert/nic/frame"
	"culvert/role/event"
	"culvert/role/server"
	"culvert/session"
)

var (
	began  = time.Date(2026, 3, 1, 11, 0, 0, 0, time.UTC)
	now    = began.Add(time.Hour)
	outer  = netip.MustParseAddrPort("192.0.2.7:40000")
	other  = netip.MustParseAddrPort("192.0.2.8:40000")
	inner  = netip.MustParseAddr("10.8.0.2")
	anna   = server.About{At: now.Add(-time.Minute), Number: 7, Name: "anna", CommonName: "anna", User: "ann", Serial: "0a", Agent: "2.6 linux", Remote: outer, Since: began}
	remote = event.Remote{Host: "vpn.example", Proto: "udp", Addr: outer}
	cert   = &x509.Certificate{SerialNumber: big.NewInt(10), Subject: pkix.Name{CommonName: "server"}}
	errWhy = errors.New("why")
)

// ofServer are a server's events, with what all readers get. Of a client's, what
// About has is added.
var ofServer = []struct {
	from server.Event
	want Event
}{
	{server.Entering{About: anna}, Event{Kind: Entering}},
	{server.LoginPending{About: anna, Timeout: time.Minute}, Event{Kind: Login, Reason: "the login takes longer", Wait: time.Minute}},
	{server.LoginRefused{About: anna, Reason: "too early"}, Event{Kind: Refused, Reason: "too early"}},
	{server.LoginRefused{About: anna}, Event{Kind: Refused, Reason: "user name or password is wrong"}},
	{server.LoginRefused{About: anna, Reason: "later", Err: errWhy}, Event{Kind: Refused, Reason: "why"}},
	{server.KeyRefused{About: anna, Err: errWhy}, Event{Kind: Refused, Reason: "why"}},
	{server.Refused{About: anna, Reason: "full"}, Event{Kind: Refused, Reason: "full"}},
	{server.Refused{About: anna, Reason: "full", Cause: errWhy}, Event{Kind: Refused, Reason: "why"}},
	{server.Up{About: anna, IPv4: inner, Cipher: "AES-256-GCM", TLS: "TLSv1.3"}, Event{Kind: Up, IPv4: inner, Cipher: "AES-256-GCM", TLS: "TLSv1.3"}},
	{server.Certified{About: anna, Next: "0b", Ends: time.Unix(0, 0)}, Event{Kind: Remark, Reason: "it has its next certificate, valid until 1970-01-01"}},
	{server.Renewed{About: anna, TLS: "TLSv1.3"}, Event{Kind: Renewed, TLS: "TLSv1.3"}},
	{server.RenewalFailed{About: anna, Err: errWhy}, Event{Kind: NotRenewed, Reason: "why"}},
	{server.Moved{About: anna, From: other}, Event{Kind: Moved, From: "192.0.2.8:40000"}},
	{server.MoveRefused{About: anna, To: other}, Event{Kind: Remark, Reason: "its packets come from another client's outer address, 192.0.2.8:40000"}},
	{server.Idle{About: anna}, Event{Kind: CutOff, Reason: "it carried less than `inactive` asks for"}},
	{server.Expired{About: anna}, Event{Kind: CutOff, Reason: "its session has lasted as long as `session-timeout` allows"}},
	{server.Replaced{About: anna, By: other}, Event{Kind: CutOff, Reason: "another client of its name, from 192.0.2.8:40000, takes its place"}},
	{server.AddressClaimed{About: anna, Address: inner, Owner: "bert"}, Event{Kind: CutOff, Reason: "its address 10.8.0.2 belongs to bert"}},
	{server.ShutOut{About: anna, Err: errWhy}, Event{Kind: CutOff, Reason: "why"}},
	{server.Learned{About: anna, Address: "10.2.0.0/16"}, Event{Kind: Remark, Reason: "add 10.2.0.0/16"}},
	{server.Learned{About: anna, Address: "10.2.0.0/16", Refused: errWhy}, Event{Kind: Remark, Reason: "10.2.0.0/16 is not used: why"}},
	{server.Disconnected{About: anna, Message: "HALT,go"}, Event{Kind: CutOff, Reason: "disconnected by the operator: HALT,go"}},
	{server.Disconnected{About: anna, Message: "RESTART"}, Event{Kind: CutOff, Reason: "disconnected by the operator"}},
	{server.Ended{About: anna, How: server.Lost, Err: errWhy, WasUp: true, IPv4: inner, Traffic: server.Traffic{PacketsIn: 1, PacketsOut: 2, BytesIn: 3, BytesOut: 4}},
		Event{Kind: Left, Reason: "why", IPv4: inner, PacketsIn: 1, PacketsOut: 2, BytesIn: 3, BytesOut: 4, Ending: "lost"}},
	{server.Ended{About: anna, How: server.Left, Err: errWhy}, Event{Kind: Left, Reason: "it said that it leaves", Ending: "left"}},
	{server.Ended{About: anna, How: server.Dismissed}, Event{Kind: Left, Reason: "it was sent away", Ending: "dismissed"}},
	{server.Ended{About: anna, How: server.Dismissed, Err: errWhy, After: server.Idle{About: anna}}, Event{Kind: Left, Reason: "it carried less than `inactive` asks for", Ending: "dismissed"}},
	{server.Ended{About: anna, How: server.MadeRoom}, Event{Kind: Left, Reason: "it made room for a newcomer", Ending: "lost"}},
	{server.Stuck{About: anna, Stage: "TLS"}, Event{Kind: Remark, Reason: "its handshake does not go on: TLS"}},
	{server.Remark{About: anna, Text: "odd"}, Event{Kind: Remark, Reason: "odd"}},
	{server.Overdue{About: anna, Err: errWhy, Times: 2}, Event{Kind: Remark, Reason: "why"}},
	{server.Message{About: anna, Text: "hi"}, Event{Kind: Message, Reason: "hi"}},
	{server.BadSource{About: anna, Source: inner, Reason: server.SourceTaken, Owner: "bert"}, Event{Kind: Remark, Reason: "it sends from 10.8.0.2, which is not leased to it: that address belongs to bert: two clients were given the same address, or one poses as the other"}},
	{server.BadMAC{About: anna, MAC: frame.MAC{2}}, Event{Kind: Remark, Reason: "it sends from the Ethernet address 02:00:00:00:00:00 of another"}},
	{server.StationMoved{Station: "02:00@1", From: "anna", To: "bert"}, Event{Kind: Remark, Reason: "station 02:00@1 is behind bert, and was behind anna"}},
	{server.StationReturned{Station: "02:00@1", From: "anna", To: "bert"}, Event{Kind: Remark, Reason: "station 02:00@1 is behind bert again, and was behind anna"}},
	{server.CertificateEnding{At: now, CommonName: "anna", Serial: "0a", Ends: time.Unix(0, 0), Days: 14, Mend: "run: this"},
		Event{Kind: Ending, Name: "anna", Serial: "0a", Reason: "its certificate ends on 1970-01-01, within 14 days; run: this"}},
	{server.Failed{From: outer, Err: errWhy, Times: 3}, Event{Kind: Failed, Remote: outer.String(), Reason: "why", Count: 3}},
	{server.FailedMore{Count: 4}, Event{Kind: Failed, Reason: "more that did not get in", Count: 4}},
	{server.StuckMore{Count: 4}, Event{Kind: Failed, Reason: "more that are stuck in their handshake", Count: 4}},
	{server.Displaced{Count: 4, Room: 9}, Event{Kind: Failed, Reason: "made room for newcomers, of 9 in their handshake", Count: 4}},
	{server.Postponed{Count: 4, Limit: 2, In: time.Second}, Event{Kind: Failed, Reason: "more newcomers than the 2 in 1s that connect-freq allows", Count: 4}},
	{server.Unanswered{Count: 4, Limit: 2, In: time.Second}, Event{Kind: Failed, Reason: "more first packets than the 2 in 1s that connect-freq-initial allows", Count: 4}},
	{server.Stray{From: outer, Err: errWhy, Diagnosis: "no key"}, Event{Kind: Failed, Remote: outer.String(), Reason: "no key", Count: 1}},
	{server.Flooded{From: netip.MustParsePrefix("192.0.2.0/24"), Err: errWhy}, Event{Kind: Failed, Remote: "192.0.2.0/24", Reason: "why", Count: 1}},
	{server.Unreached{From: outer, Times: 3}, Event{Kind: Failed, Remote: outer.String(), Reason: "answers do not reach it, or what it sends then does not reach this server", Count: 3}},
	{server.Unreached{From: outer, Times: 1}, Event{Kind: Remark, Remote: outer.String(), Reason: "its first packet was answered, and nothing came after it", Count: 1}},
	{server.Silent{From: outer, Err: errWhy}, Event{Kind: Failed, Remote: outer.String(), Reason: "why", Count: 1}},
	{server.Restarting{}, Event{Kind: Restarting}},
	{server.PushChanged{Options: []string{"-route"}, Updated: server.Updated{Told: []string{"anna", "bert"}}}, Event{Kind: Pushed, Options: []string{"-route"}, Count: 2}},
}

func TestFromServer(t *testing.T) {
	covered := make(map[string]bool)
	for _, c := range ofServer {
		kind := reflect.TypeOf(c.from)
		covered[kind.Name()] = true
		want := c.want
		want.Time = now
		if _, about := kind.FieldByName("About"); about {
			want.Time, want.Number, want.Name, want.User, want.Serial, want.Agent, want.Remote, want.Since = anna.At, &anna.Number, "anna", "ann", "0a", "2.6 linux", outer.String(), began
		}
		if got := fromServer(c.from, now); !reflect.DeepEqual(got, want) {
			t.Errorf("%T:\n%+v\nwant\n%+v", c.from, got, want)
		}
	}
	wantAll(t, "../../role/server/event.go", covered, "About", "Traffic")
	if got := fromServer(server.KeyRefused{About: server.About{At: now}, Err: errWhy}, now); got.Remote != "" {
		t.Errorf("remote %q of nobody", got.Remote)
	}
}

// ofOnePeer are the events of roles with one peer, with what all readers get.
var ofOnePeer = []struct {
	from event.Event
	want Event
}{
	{event.Resolving{Host: "vpn.example"}, Event{Kind: Resolving, Remote: "vpn.example"}},
	{event.Listening{Addr: outer, Adapter: "tun0"}, Event{Kind: Connecting, Adapter: "tun0", Reason: "the other end may call, at 192.0.2.7:40000"}},
	{event.Connecting{Remote: remote}, Event{Kind: Connecting, Remote: remote.String()}},
	{event.AwaitingKey{Remote: remote}, Event{Kind: Connecting, Remote: remote.String(), Reason: "the other end has to call, since it brings the key"}},
	{event.Answered{Remote: remote}, Event{Kind: Answered, Remote: remote.String()}},
	{event.Asking{}, Event{Kind: Asking}},
	{event.Delayed{Remote: remote, Stage: "TLS"}, Event{Kind: Remark, Remote: remote.String(), Reason: "TLS"}},
	{event.Delayed{Remote: remote, Stage: "TLS", Clock: "late"}, Event{Kind: Remark, Remote: remote.String(), Reason: "TLS; late"}},
	{event.Secured{Remote: remote, TLS: "TLSv1.3", Certificate: cert, Cipher: "AES-256-GCM"}, Event{Kind: Secured, Remote: remote.String(), TLS: "TLSv1.3", Cipher: "AES-256-GCM", Name: "server", Serial: "0a"}},
	{event.Secured{Remote: remote}, Event{Kind: Secured, Remote: remote.String()}},
	{event.Pushed{Options: []string{"ping 10"}}, Event{Kind: Pushed, Options: []string{"ping 10"}}},
	{event.PushUpdated{Options: []string{"-route"}, IPv4: inner}, Event{Kind: Pushed, Options: []string{"-route"}, IPv4: inner}},
	{event.Configuring{Addresses: []netip.Prefix{netip.PrefixFrom(inner, 24), netip.MustParsePrefix("fd00::2/64")}}, Event{Kind: Configuring, IPv4: inner, IPv6: netip.MustParseAddr("fd00::2")}},
	{event.Configured{Adapter: "tun0", Changes: []string{"up"}, Partial: errWhy}, Event{Kind: Configured, Adapter: "tun0", Changes: []string{"up"}, Reason: "why"}},
	{event.AdapterClosed{Adapter: "tun0"}, Event{Kind: Deconfigured, Adapter: "tun0"}},
	{event.Up{Remote: remote, Adapter: "tun0", IPv4: inner}, Event{Kind: Up, Remote: remote.String(), Adapter: "tun0", IPv4: inner}},
	{event.Renewed{TLS: "TLSv1.3", Certificate: cert}, Event{Kind: Renewed, TLS: "TLSv1.3", Name: "server", Serial: "0a"}},
	{event.RenewalFailed{Err: errWhy}, Event{Kind: NotRenewed, Reason: "why"}},
	{event.Moving{Remote: event.Remote{Host: "vpn.example", Proto: "udp", Addr: outer}, Why: "asked"}, Event{Kind: Moving, Remote: "vpn.example (udp " + outer.String() + ")", Reason: "asked"}},
	{event.Portal{Remote: event.Remote{Addr: outer}, URL: "http://login.example/"}, Event{Kind: Portal, Remote: outer.String(), URL: "http://login.example/", Reason: "log in to this network first"}},
	{event.Silent{Remote: event.Remote{Addr: outer}, For: time.Minute, Hint: "odd"}, Event{Kind: Silent, Remote: outer.String(), Wait: time.Minute, Reason: "odd"}},
	{event.Woke{Slept: time.Hour}, Event{Kind: Woke, Wait: time.Hour}},
	{event.Stayed{Remote: event.Remote{Host: "vpn.example", Proto: "udp", Addr: outer}, Err: errors.New("silent")}, Event{Kind: Stayed, Remote: "vpn.example (udp " + outer.String() + ")", Reason: "silent"}},
	{event.Moved{From: outer, To: other}, Event{Kind: Moved, From: outer.String(), Remote: other.String()}},
	{event.LoginAsked{URL: "https://x", Text: "t"}, Event{Kind: Login, URL: "https://x", Reason: "t"}},
	{event.LoginFailed{Text: "no answer", Err: errWhy}, Event{Kind: Login, Reason: "no answer: why"}},
	{event.LoginPending{Timeout: time.Minute}, Event{Kind: Login, Reason: "the login takes longer", Wait: time.Minute}},
	{event.TokenGiven{}, Event{Kind: Login, Reason: "the server gave a token in place of the password"}},
	{event.Left{Remote: remote}, Event{Kind: Left, Remote: remote.String(), Reason: "it said that it leaves"}},
	{event.Lost{Remote: remote, Err: errWhy}, Event{Kind: Left, Remote: remote.String(), Reason: "why"}},
	{event.Replaced{Remote: remote, Err: errWhy}, Event{Kind: Left, Remote: remote.String(), Reason: "why"}},
	{event.Failed{Remote: remote, Err: errWhy}, Event{Kind: Failed, Remote: remote.String(), Reason: "why", Count: 1}},
	{event.MoreFailed{N: 4}, Event{Kind: Failed, Reason: "more that did not get in", Count: 4}},
	{event.Stranger{From: other, Text: "odd", Err: errWhy}, Event{Kind: Failed, Remote: other.String(), Reason: "odd: why", Count: 1}},
	{event.Revoked{Remote: remote, Err: errWhy}, Event{Kind: CutOff, Remote: remote.String(), Reason: "why"}},
	{event.Reconnecting{Err: errWhy, Wait: time.Second, Failures: 2}, Event{Kind: Reconnecting, Reason: "why", Wait: time.Second, Count: 2}},
	{event.Ended{}, Event{Kind: Ended}},
	{event.Ended{Err: errWhy}, Event{Kind: Ended, Reason: "why"}},
	{event.Remark{Text: "odd"}, Event{Kind: Remark, Reason: "odd"}},
	{event.Message{Text: "hi"}, Event{Kind: Message, Reason: "hi"}},
	{event.Looped{Addr: outer.Addr()}, Event{Kind: Remark, Remote: "192.0.2.7", Reason: "a route of this host leads the tunnel's own packets into the tunnel"}},
}

func TestFromRole(t *testing.T) {
	covered := make(map[string]bool)
	for _, c := range ofOnePeer {
		covered[reflect.TypeOf(c.from).Name()] = true
		c.want.Time = now
		if got := fromRole(c.from, now); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%T:\n%+v\nwant\n%+v", c.from, got, c.want)
		}
	}
	wantAll(t, "../../role/event/event.go", covered, "Remote", "Route")
}

// wantAll wants every struct that a file declares covered, except for some.
func wantAll(t *testing.T, file string, covered map[string]bool, but ...string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	ast.Inspect(f, func(n ast.Node) bool {
		if s, ok := n.(*ast.TypeSpec); ok {
			_, isStruct := s.Type.(*ast.StructType)
			if isStruct && !covered[s.Name.Name] && !slices.Contains(but, s.Name.Name) {
				t.Errorf("%s: %s is not translated", file, s.Name.Name)
			}
		}
		return true
	})
}

// TestEventForms holds what programs and people read.
func TestEventForms(t *testing.T) {
	for _, c := range []struct {
		e          Event
		json, text string
	}{
		{Event{Time: now, Kind: Up, Number: &anna.Number, Name: "an\x1bna", User: "ann", Remote: "192.0.2.7:1", IPv4: inner, Cipher: "AES-256-GCM", Since: began},
			`{"time":"2026-03-01T12:00:00Z","event":"up","number":7,"name":"an\u001bna","user":"ann","remote":"192.0.2.7:1","ipv4":"10.8.0.2","cipher":"AES-256-GCM","since":"2026-03-01T11:00:00Z"}`,
			`up            an\x1bna  user ann  192.0.2.7:1  10.8.0.2  AES-256-GCM`},
		{Event{Time: now, Kind: Left, Name: "anna", Reason: "why", BytesIn: 5}, `{"time":"2026-03-01T12:00:00Z","event":"left","name":"anna","reason":"why","bytes_in":5}`,
			`left          anna  why  5 bytes in, 0 out`},
		{missed(4, now), `{"time":"2026-03-01T12:00:00Z","event":"missed","count":4}`, `missed        4 events, since they came faster than they could be written`},
		{Event{Time: now, Kind: Failed, Remote: "192.0.2.7:1", Reason: "why", Count: 2}, `{"time":"2026-03-01T12:00:00Z","event":"failed","remote":"192.0.2.7:1","reason":"why","count":2}`,
			`failed        192.0.2.7:1  why  2 times`},
		{Event{Time: now, Kind: Reconnecting, Wait: 2 * time.Second}, `{"time":"2026-03-01T12:00:00Z","event":"reconnecting","wait":2000000000}`, `reconnecting  2s`},
	} {
		if got, err := json.Marshal(c.e); err != nil || string(got) != c.json {
			t.Errorf("%s, %v\nwant\n%s", got, err, c.json)
		}
		_, got, _ := strings.Cut(string(c.e.Append(nil)), "  ")
		if got != c.text+"\n" {
			t.Errorf("%q\nwant\n%q", got, c.text)
		}
	}
}

// TestHandshakesAreTold: each event that knows how a handshake went tells it.
func TestHandshakesAreTold(t *testing.T) {
	course := session.Course{Began: began}
	for stage := range course.Ends {
		course.Ends[stage] = began.Add(time.Duration(stage+1) * time.Second)
	}
	want := Handshake{Began: began, Answer: began.Add(1 * time.Second), TLS: began.Add(2 * time.Second), Keys: began.Add(3 * time.Second),
		Decision: began.Add(4 * time.Second), Push: began.Add(5 * time.Second), Up: began.Add(6 * time.Second), Stage: "up", Outcome: "completed"}
	told := 0
	check := func(from any, translate func(any) Event) {
		v := reflect.New(reflect.TypeOf(from)).Elem()
		v.Set(reflect.ValueOf(from))
		want := want
		if f := v.FieldByName("Handshake"); f.IsValid() {
			f.Set(reflect.ValueOf(server.Handshake{Course: course, Outcome: server.Completed}))
		} else if f := v.FieldByName("Course"); f.IsValid() {
			f.Set(reflect.ValueOf(course))
			if v.Type().Name() == "RenewalFailed" {
				want.Outcome = "failed"
			}
		} else {
			return
		}
		told++
		if got := translate(v.Interface()).Handshake; got == nil || *got != want {
			t.Errorf("%T: %+v, want %+v", from, got, want)
		}
	}
	for _, c := range ofServer {
		check(c.from, func(e any) Event { return fromServer(e.(server.Event), now) })
	}
	for _, c := range ofOnePeer {
		check(c.from, func(e any) Event { return fromRole(e.(event.Event), now) })
	}
	if told < 11 {
		t.Errorf("%d events tell of handshakes", told)
	}
	refused := handshakeOf(server.Handshake{Course: course, Outcome: server.TurnedAway, By: access.ByRoom})
	if refused.Stage != "decision" || refused.Outcome != "refused" || refused.By != "room" {
		t.Errorf("refused: %+v", refused)
	}
}
