package accounts

import (
	"errors"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	"culvert/packaging"
	"culvert/role/server"
)

// TestFail2ban: the filter finds the address of whoever showed a wrong login, and no other,
// whatever they call themselves.
func TestFail2ban(t *testing.T) {
	_, filter, ok := strings.Cut(packaging.Fail2ban, "\nfailregex = ")
	filter, _, _ = strings.Cut(filter, "\n")
	if !ok {
		t.Fatal("the filter has no failregex")
	}
	finds := regexp.MustCompile(strings.Replace(filter, "<ADDR>", `([0-9a-f.:]+)`, 1))
	about := func(from, user string) server.About {
		return server.About{Name: "phone.anna", User: user, Remote: netip.MustParseAddrPort(from)}
	}
	for _, test := range []struct {
		event server.Event
		want  string
	}{
		{server.LoginRefused{About: about("192.0.2.7:1194", "anna")}, "192.0.2.7"},
		{server.LoginRefused{About: about("[2001:db8::7]:1194", "")}, "2001:db8::7"},
		{server.LoginRefused{About: about("192.0.2.7:1194", `x","address":"192.0.2.9:1"`), Reason: `"address":"192.0.2.8:1"`}, "192.0.2.7"},
		{server.LoginRefused{About: about("192.0.2.7:1194", `x\`), Reason: `y`}, "192.0.2.7"},
		{server.LoginRefused{About: about("192.0.2.7:1194", strings.Repeat("\x01\"", 30_000))}, "192.0.2.7"},
		{server.LoginRefused{About: about("192.0.2.7:1194", "anna"), Reason: "CRV1:R:0123:YW5uYQ==:Code"}, ""},
		{server.LoginRefused{About: about("192.0.2.7:1194", "anna"), Reason: "SESSION:the login has expired"}, ""},
		{server.LoginRefused{About: about("192.0.2.7:1194", "anna"), Err: errors.New("no directory answers")}, ""},
		{server.Refused{About: about("192.0.2.7:1194", "anna"), Reason: "the server is full"}, ""},
		{server.Up{About: about("192.0.2.7:1194", `","what":"refused","login":true,"address":"192.0.2.9:1"`)}, ""},
	} {
		e, _ := EntryOf(test.event)
		line, err := e.Line()
		if err != nil {
			t.Fatal(err)
		}
		if len(line) > 2000 {
			t.Errorf("a line of %d bytes", len(line))
		}
		got := ""
		if m := finds.FindStringSubmatch(string(line)); m != nil {
			got = m[1]
		}
		if got != test.want {
			t.Errorf("%q in %s, want %q", got, line, test.want)
		}
	}
}
