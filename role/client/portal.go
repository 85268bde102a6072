package client

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/publicsuffix"

	"culvert/link"
	"culvert/role/event"
	"culvert/role/profile"
	"culvert/role/profile/reach"
)

// A captive portal lets nothing out of its network before people have seen its page. It
// answers web requests to any address by sending them there. So what it answers at the
// server's own address tells it from a network or a server that is dead: nobody else is
// asked, and no packet goes where none would have gone anyway.

const (
	// portalTime is the longest that the question may take.
	portalTime = 5 * time.Second
	// mostAnswer is how many bytes of the answer are read.
	mostAnswer = 8 << 10
	webPort    = 80
)

// Visitor connects to an address over TCP, as link.DialTCP does.
type Visitor func(ctx context.Context, o link.Options, to netip.AddrPort) (net.Conn, error)

// portals looks for a captive portal when nothing comes from the server: once until a
// connection has worked again. The zero value has not looked.
type portals struct {
	mu     sync.Mutex
	looked bool
}

// again lets the next look happen.
func (p *portals) again() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looked = false
}

// first reports whether nobody has looked yet.
func (p *portals) first() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	before := p.looked
	p.looked = true
	return !before
}

// quiet reports that nothing has come from a target for some time: a portal, if one
// answers in its place, and else the silence, if the connection was up.
func quiet(ctx context.Context, a *attempt, silence time.Duration) {
	if !a.portals.first() {
		return
	}
	t, up, c := a.target, a.up, a.Client
	go func() {
		page := ""
		if c.opts.Visit != nil && !t.Reported().Proxy && t.Settings.Routing.BlockOutside == nil {
			page = lookForPortal(ctx, c.opts.Visit, t)
		}
		switch {
		case page != "":
			c.emit(event.Portal{Remote: t.Reported(), URL: page})
		case up:
			c.emit(event.Silent{Remote: t.Reported(), For: silence, Hint: suspicious(t)})
		case suspicious(t) != "":
			c.emit(event.Remark{Text: suspicious(t)})
		}
	}()
}

// lookForPortal asks the server's address for a web page, and returns the page that a portal
// sends to instead, "" if none does.
func lookForPortal(ctx context.Context, visit Visitor, t reach.Target) string {
	ctx, cancel := context.WithTimeout(ctx, portalTime)
	defer cancel()
	at := t.Near().Addr()
	conn, err := visit(ctx, profile.LinkOptions(t.Settings), netip.AddrPortFrom(at, webPort))
	if err != nil {
		return ""
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	host := at.WithZone("").String()
	if at.Is6() {
		host = "[" + host + "]"
	}
	if _, err := fmt.Fprintf(conn, "GET / HTTP/1.1\r\nHost: %s\r\nUser-Agent: culvert\r\nConnection: close\r\n\r\n", host); err != nil {
		return ""
	}
	return portalPage(conn, t.Remote.Host, at)
}

// portalPage reads the answer to a web request at a server's address, and returns the page
// of a portal, "" if it comes from none: a server may have a web site of its own.
func portalPage(answer io.Reader, host string, at netip.Addr) string {
	resp, err := http.ReadResponse(bufio.NewReader(io.LimitReader(answer, mostAnswer)), nil)
	if err != nil {
		return ""
	}
	resp.Body.Close()
	page, err := url.Parse(resp.Header.Get("Location"))
	if err != nil || page.Scheme != "http" && page.Scheme != "https" || page.Hostname() == "" {
		page = &url.URL{}
	}
	switch {
	case resp.StatusCode == http.StatusNetworkAuthenticationRequired: // RFC 6585
		if page.Host == "" {
			page = &url.URL{Scheme: "http", Host: netip.AddrPortFrom(at.WithZone(""), webPort).String(), Path: "/"}
		}
	case resp.StatusCode/100 != 3 || page.Host == "" || ofServer(page.Hostname(), host, at):
		return ""
	}
	page.User = nil
	return page.String()
}

// ofServer reports whether a host is the server itself, or one of the same site.
func ofServer(where, host string, at netip.Addr) bool {
	where, host = strings.ToLower(strings.TrimSuffix(where, ".")), strings.ToLower(strings.TrimSuffix(host, "."))
	if a, err := netip.ParseAddr(where); err == nil {
		return a.Unmap() == at.Unmap().WithZone("")
	}
	return site(where) == site(host)
}

// site is the part of a name that one owner has: the public suffix below which anybody
// can have a name, such as co.uk, and one label more. A suffix itself, or a name without
// dots, is a site of its own.
func site(name string) string {
	if s, err := publicsuffix.EffectiveTLDPlusOne(name); err == nil {
		return s
	}
	return name
}

// suspicious is what is odd about the address of a target from which nothing comes, "" for
// nothing.
func suspicious(t reach.Target) string {
	at := t.Near().Addr().Unmap()
	if _, err := netip.ParseAddr(t.Remote.Host); err == nil || t.Reported().Proxy || !at.IsPrivate() && !at.IsLoopback() && !at.IsLinkLocalUnicast() {
		return ""
	}
	return fmt.Sprintf("the name server of this network says that %s is at %v, a private address: unless the server is in this network, a captive portal says that of every name; open any http:// page in a browser", t.Remote.Host, at)
}
