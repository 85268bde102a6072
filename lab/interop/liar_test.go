//go:build interop

package interop

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// How a liar deals with a question: it answers wrongly in each way at once, and truly a moment
// later; for a name that begins with "late", later than anybody waits.
const (
	moment  = 100 * time.Millisecond
	tooLate = 6 * time.Second
)

// lie answers questions for names at an address. elsewhere is another one of the same host,
// which answers as well.
func lie(at, elsewhere, truth string) error {
	conn, err := net.ListenPacket("udp", at)
	if err != nil {
		return err
	}
	other, err := net.ListenPacket("udp", elsewhere)
	if err != nil {
		return err
	}
	fmt.Println("listening", conn.LocalAddr())
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return err
		}
		var m dnsmessage.Message
		if m.Unpack(buf[:n]) != nil || len(m.Questions) != 1 {
			continue
		}
		q := m.Questions[0]
		fmt.Println("asked for", q.Name)
		says := func(by net.PacketConn, id uint16, question dnsmessage.Question, response bool, addr netip.Addr) {
			answer := dnsmessage.Message{Header: dnsmessage.Header{ID: id, Response: response, RecursionAvailable: true}, Questions: []dnsmessage.Question{question}}
			if q.Type == dnsmessage.TypeA {
				answer.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET, TTL: 60}, Body: &dnsmessage.AResource{A: addr.As4()}}}
			}
			if msg, err := answer.Pack(); err == nil {
				by.WriteTo(msg, from)
			}
		}
		asked := func(name string, kind dnsmessage.Type) dnsmessage.Question {
			return dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: kind, Class: dnsmessage.ClassINET}
		}
		says(other, m.ID, q, true, wrong)
		says(conn, m.ID+1, q, true, wrong)
		says(conn, m.ID, asked("another.example.", q.Type), true, wrong)
		says(conn, m.ID, asked(q.Name.String(), dnsmessage.TypeTXT), true, wrong)
		says(conn, m.ID, q, false, wrong)
		conn.WriteTo([]byte{buf[0], buf[1], 0x80}, from)
		wait, addr := moment, netip.MustParseAddr(truth)
		switch name := q.Name.String(); {
		case strings.HasPrefix(name, "late."):
			wait, addr = tooLate, wrong
		case strings.HasPrefix(name, "inner."):
			addr = serverIPv4
		}
		time.AfterFunc(wait, func() { says(conn, m.ID, q, true, addr) })
	}
}

// TestLyingNameServers: answers from another address, with another id or to another question
// and those that come too late count for nothing: nobody hears them, and no address of them is
// learned. An answer for an excepted name that leads to a host inside has its packets go there.
func TestLyingNameServers(t *testing.T) {
	t.Parallel()
	for line, chosen := range map[string]string{"route-only *.corp.example": "corp", "route-except *.other.example": "other"} {
		t.Run(chosen, func(t *testing.T) {
			t.Parallel()
			c := newInternet(t).choosingNames(t, everythingPushed...)
			c.inside.kill()
			c.outside.kill()
			c.inside = c.server.helper("lie", serverIPv4.String()+":53", c.webWire.a4.String()+":53", c.webWire.b4.String())
			c.outside = c.router.helper("lie", farDNS.String()+":53", outsideHost.String()+":53", otherIPv4.String())
			c.inside.listenAddress()
			c.outside.listenAddress()
			c.client.setResolvConf("nameserver " + farDNS.String() + "\noptions attempts:1\n")
			client := c.begin(t, line)
			for name, want := range map[string]string{"four.corp.example": c.webWire.b4.String(), "four.other.example": otherIPv4.String(),
				"late." + chosen + ".example": "", "inner." + chosen + ".example": serverIPv4.String()} {
				if got := c.lookup(name); got != want {
					t.Errorf("%s: heard %q, want %q", name, got, want)
				}
			}
			c.goes(t, tunDevice, "four.corp.example")
			c.goes(t, "eth0", "four.other.example")
			c.client.ping(serverIPv4)
			time.Sleep(tooLate - 4*time.Second) // the answer that is too late has come
			learned := c.client.output("nft", "list", "table", "inet", "culvert-chosen-"+tunDevice)
			truth := map[string]netip.Addr{"corp": c.webWire.b4, "other": otherIPv4}[chosen]
			if !strings.Contains(learned, truth.String()) || strings.Contains(learned, wrong.String()) {
				t.Errorf("learned:\n%s", learned)
			}
			if chosen == "other" {
				client.expect(regexp.MustCompile(`the answer leads to 10\.8\.0\.1, which is the tunnel's by 10\.8\.0\.0/24`), 1, patience)
				if strings.Contains(learned, serverIPv4.String()) {
					t.Errorf("learned:\n%s", learned)
				}
			}
			if err := client.stop(syscall.SIGTERM); err != nil {
				t.Error(err)
			}
		})
	}
}
