package client

import (
	"context"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/internal/simnet"
	"culvert/link"
	"culvert/role/event"
)

// TestPortalPage tells a portal from a server that has a web site.
func TestPortalPage(t *testing.T) {
	at := netip.MustParseAddr("203.0.113.5")
	for answer, want := range map[string]string{
		"HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/?from=x\r\n\r\n":                        "http://login.hotel.example/?from=x",
		"HTTP/1.0 307 Go\r\nLocation: https://10.0.0.1/portal\r\n\r\n":                                      "https://10.0.0.1/portal",
		"HTTP/1.1 302 Found\r\nLocation: http://a:b@login.hotel.example/\r\n\r\n":                           "http://login.hotel.example/",
		"HTTP/1.1 511 Network Authentication Required\r\n\r\nlog in":                                        "http://203.0.113.5:80/",
		"HTTP/1.1 511 Network\r\nLocation: http://login.hotel.example/\r\n\r\n":                             "http://login.hotel.example/",
		"HTTP/1.1 301 Moved\r\nLocation: https://vpn.corp.example/\r\n\r\n":                                 "",
		"HTTP/1.1 301 Moved\r\nLocation: https://www.corp.example/\r\n\r\n":                                 "",
		"HTTP/1.1 301 Moved\r\nLocation: https://203.0.113.5/\r\n\r\n":                                      "",
		"HTTP/1.1 301 Moved\r\nLocation: /welcome\r\n\r\n":                                                  "",
		"HTTP/1.1 302 Found\r\nLocation: javascript:alert(1)\r\n\r\n":                                       "",
		"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi":                                                    "",
		"\x15\x03\x01\x00\x02\x02\x46":                                                                      "",
		"":                                                                                                  "",
		"HTTP/1.1 302 Found\r\n" + strings.Repeat("X: y\r\n", 4000) + "Location: http://a.example/\r\n\r\n": "",
	} {
		if got := portalPage(strings.NewReader(answer), "vpn.corp.example", at); got != want {
			t.Errorf("%.60q: %q, want %q", answer, got, want)
		}
	}
}

// TestSite: names of one owner are one site, and names of several below one public suffix
// are not.
func TestSite(t *testing.T) {
	at := netip.MustParseAddr("203.0.113.5")
	for _, c := range []struct {
		where, host string
		same        bool
	}{
		{"www.corp.co.uk", "vpn.corp.co.uk", true},
		{"login.hotel.co.uk", "vpn.corp.co.uk", false},
		{"co.uk", "vpn.corp.co.uk", false},
		{"corp.com.au", "VPN.corp.com.au.", true},
		{"hotel.com.au", "corp.com.au", false},
		{"hotel.github.io", "corp.github.io", false},
		{"www.corp.example", "vpn.corp.example", true},
		{"hotel.example", "corp.example", false},
		{"vpn", "vpn", true},
		{"login", "vpn", false},
		{"co.uk", "co.uk", true},
		{"203.0.113.5", "vpn.corp.co.uk", true},
		{"203.0.113.6", "vpn.corp.co.uk", false},
		{".", "vpn.corp.co.uk", false},
		{"..", "vpn.corp.co.uk", false},
		{"corp.co.uk", "203.0.113.5", false},
	} {
		if got := ofServer(c.where, c.host, at); got != c.same {
			t.Errorf("%s and %s: %v", c.where, c.host, got)
		}
	}
}

// FuzzPortalPage: whatever answers, it is a page of the web or none.
func FuzzPortalPage(f *testing.F) {
	f.Add("HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/\r\n\r\n")
	f.Add("HTTP/1.1 511 x\r\n\r\n")
	f.Fuzz(func(t *testing.T, answer string) {
		page := portalPage(strings.NewReader(answer), "vpn.corp.example", netip.MustParseAddr("2001:db8::5"))
		if page != "" && !strings.HasPrefix(page, "http://") && !strings.HasPrefix(page, "https://") {
			t.Errorf("%q", page)
		}
	})
}

// visited answers every connection with a text, and counts them.
type visited struct {
	answer string
	count  int
	to     netip.AddrPort
}

func (v *visited) visit(_ context.Context, _ link.Options, to netip.AddrPort) (net.Conn, error) {
	v.count++
	v.to = to
	near, far := net.Pipe()
	go func() {
		_, _ = far.Read(make([]byte, 1000))
		_, _ = far.Write([]byte(v.answer))
		far.Close()
	}()
	return near, nil
}

// TestPortal: a portal is named when nothing answers, once, both before a connection and
// after the client came to another network; silence without one is said, too.
func TestPortal(t *testing.T) {
	const portal = "HTTP/1.1 302 Found\r\nLocation: http://login.hotel.example/\r\n\r\n"
	for _, c := range []struct {
		answer         string
		portal, silent int
	}{{portal, 1, 0}, {"HTTP/1.1 200 OK\r\n\r\n", 0, 1}} {
		inWorld(t, func(t *testing.T, network *simnet.Network) {
			v := &visited{answer: c.answer}
			n := connect(t, network, profileText("remote 192.0.2.1", ada), func(o *Options) { o.Visit = v.visit })
			time.Sleep(2 * time.Minute)
			if got := reported[event.Portal](n); len(got) != c.portal || c.portal > 0 && got[0].URL != "http://login.hotel.example/" {
				t.Errorf("before a connection: %+v of %s", got, n.kinds())
			}
			if v.count != 1 || v.to != netip.MustParseAddrPort("192.0.2.1:80") || len(reported[event.Silent](n)) > 0 {
				t.Errorf("asked %v %d times", v.to, v.count)
			}
		})
		inWorld(t, func(t *testing.T, network *simnet.Network) {
			v := &visited{answer: c.answer}
			r := roam(t, network, nil, func(o *Options) { o.Visit = v.visit })
			network.Change(func(o *simnet.Options) { o.Loss = 1 })
			r.moves(t)
			time.Sleep(15 * time.Second)
			if p, s := len(reported[event.Portal](r.near)), len(reported[event.Silent](r.near)); p != c.portal || s != c.silent || v.count != 1 {
				t.Errorf("%d portals, %d times silent, asked %d times: %s", p, s, v.count, r.kinds())
			}
			network.Change(func(o *simnet.Options) { o.Loss = 0 })
			r.gap(t)
		})
	}
}

// TestSuspicious: a private address in place of a name's is odd, and one that was written
// is not.
func TestSuspicious(t *testing.T) {
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		n := connect(t, network, profileText("remote vpn.example", ada), func(o *Options) {
			o.Resolve = func(context.Context, string, string) ([]netip.Addr, error) {
				return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
			}
		})
		time.Sleep(time.Minute)
		if said := reported[event.Remark](n); len(said) != 1 || !strings.Contains(said[0].Text, "vpn.example is at 10.0.0.1, a private address") {
			t.Errorf("%+v", said)
		}
	})
	inWorld(t, func(t *testing.T, network *simnet.Network) {
		n := connect(t, network, profileText("remote 10.0.0.1", ada), nil)
		time.Sleep(time.Minute)
		if said := reported[event.Remark](n); len(said) != 0 {
			t.Errorf("%+v", said)
		}
	})
}
