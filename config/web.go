package config

import (
	"net/netip"
	"strconv"
	"strings"

	"culvert/internal/domain"
)

// Web is the pages that a server has for people, served by HTTPS.
type Web struct {
	Listen netip.AddrPort // [::] is every address of this host, of both families; port 0: there are no pages
	// Cert and Key are the names of files, or both "": the server's own authority issues a
	// certificate.
	Cert, Key string
	URL       string // where people find them, as https://vpn.example.org:8443, without a / at its end
}

// Yes reports whether there are pages.
func (w Web) Yes() bool { return w.Listen.Port() != 0 }

// Address is Listen for package net, also on a host without IPv6.
func (w Web) Address() string {
	if w.Listen.Addr() == netip.IPv6Unspecified() {
		return ":" + strconv.Itoa(int(w.Listen.Port()))
	}
	return w.Listen.String()
}

// Host is the name or address by which people find the pages.
func (w Web) Host() string {
	host, _, _ := splitPort(strings.TrimPrefix(w.URL, "https://"))
	return strings.Trim(host, "[]")
}

// setWebListen is `web-listen`: ADDRESS:PORT, and the names of two files.
func setWebListen(b *builder, d *call) error {
	w, err := webListen(d)
	if err != nil {
		return err
	}
	w.URL = b.Server.Web.URL
	b.Server.Web = w
	return nil
}

// webListen reads ADDRESS:PORT, and the names of two files.
func webListen(d *call) (w Web, err error) {
	const form = "an address and a port, such as 192.0.2.1:8443, [2001:db8::1]:8443 or *:8443"
	at, ok := listenAt(d.args[0])
	if !ok {
		return w, d.expected(d.args[0], form)
	}
	w.Listen = at
	switch len(d.args) {
	case 2:
		return w, d.fault(d.args[1], "there is a certificate and no key", "name both files, or neither, for a certificate of the server's own authority")
	case 3:
		if w.Cert, w.Key = d.args[1], d.args[2]; w.Cert == "" || w.Key == "" {
			return w, d.expected("", "the names of two files: certificate and key")
		}
	}
	return w, nil
}

// listenAt parses an address and a port; * is every address.
func listenAt(s string) (at netip.AddrPort, ok bool) {
	if every, found := strings.CutPrefix(s, "*:"); found {
		n, err := strconv.ParseUint(every, 10, 16)
		return netip.AddrPortFrom(netip.IPv6Unspecified(), uint16(n)), err == nil && n > 0
	}
	at, err := netip.ParseAddrPort(s)
	return at, err == nil && at.Port() > 0 && at.Addr().Zone() == ""
}

// setWebURL is `web-url`: https://NAME[:PORT].
func setWebURL(b *builder, d *call) (err error) {
	b.Server.Web.URL, err = webURL(d)
	return err
}

// webURL reads https://NAME[:PORT].
func webURL(d *call) (string, error) {
	at, https := strings.CutPrefix(strings.TrimSuffix(d.args[0], "/"), "https://")
	host, port, given := splitPort(at)
	if !https {
		return "", d.expected(d.args[0], "https://, a name and at most a port, such as https://vpn.example.org:8443")
	}
	if n, err := strconv.ParseUint(port, 10, 16); given && (err != nil || n == 0) {
		return "", d.expected(d.args[0], "a port from 1 to 65535")
	}
	ascii, err := domain.ASCII(host)
	if err != nil || !domain.Valid(host) && !isAddress(host) {
		return "", d.expected(d.args[0], "https://, and a name such as vpn.example.org, or an IP address, and at most a port")
	}
	return "https://" + strings.ToLower(ascii) + strings.TrimPrefix(at, host), nil
}

// splitPort divides HOST:PORT, where there is a port.
func splitPort(s string) (host, port string, given bool) {
	i := strings.LastIndexByte(s, ':')
	if i < 0 || strings.HasSuffix(s, "]") {
		return s, "", false
	}
	return s[:i], s[i+1:], true
}

// isAddress reports whether a host of an URL is an address: that of IPv6 in brackets.
func isAddress(host string) bool {
	inner, six := strings.CutPrefix(host, "[")
	a, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
	return err == nil && a.Is6() == six && a.Zone() == ""
}

// checkWeb wants both of the directives, or neither.
func checkWeb(c check) {
	switch w := c.Server.Web; {
	case w.Yes() && w.URL == "":
		c.problem("web-listen", "links to these pages have to name them, and how people reach this server is not known", "add the line: web-url https://NAME:PORT, with its public name")
	case !w.Yes() && w.URL != "":
		c.problem("web-url", "there are no pages to link to", "add the line: web-listen ADDRESS:PORT, or remove this one")
	}
}
