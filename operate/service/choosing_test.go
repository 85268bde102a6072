package service

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"

	"culvert/config"
	"culvert/nic/userstack"
)

// side notes who is connected to.
type side struct {
	name  string
	names map[string]string // addresses by name; nil: there is no name server
	dead  string            // an address where nobody is
	log   *[]string
}

func (s side) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	*s.log = append(*s.log, s.name+" "+address)
	host, _, _ := net.SplitHostPort(address)
	if _, err := netip.ParseAddr(host); err != nil && s.names == nil {
		return nil, &net.OpError{Op: "dial", Err: userstack.ErrNoDNS}
	}
	if host == s.dead {
		return nil, errors.New("refused")
	}
	near, far := net.Pipe()
	far.Close()
	return near, nil
}

func (s side) LookupNetIP(_ context.Context, network, host string) (list []netip.Addr, err error) {
	*s.log = append(*s.log, s.name+"? "+host)
	for _, text := range strings.Fields(s.names[host]) {
		if a := netip.MustParseAddr(text); network == "ip" || (network == "ip4") == a.Is4() {
			list = append(list, a)
		}
	}
	if len(list) == 0 {
		err = &net.DNSError{Err: "no such host", Name: host, IsNotFound: true}
	}
	return list, err
}

// TestChooser: each name and address goes where it belongs, and names are asked there.
func TestChooser(t *testing.T) {
	networks := []netip.Prefix{netip.MustParsePrefix("10.50.0.0/16"), netip.MustParsePrefix("2001:db8:50::/48")}
	names := map[string]string{"both.example": "192.0.2.7 10.50.0.7", "six.example": "2001:db8:50::1", "news.example": "192.0.2.1 192.0.2.2"}
	only, except := config.Choice{Domains: []string{"*.corp.example"}}, config.Choice{Domains: []string{"*.corp.example"}}
	with := func(c config.Choice) config.Choice { c.Networks = networks; return c }
	for _, c := range []struct {
		only, except config.Choice
		without      bool // a name server in the tunnel
		network, to  string
		want         []string // nil: not at all
	}{
		{only: only, to: "www.corp.example:80", want: []string{"tunnel www.corp.example:80"}},
		{only: only, to: "WWW.Corp.Example.:80", want: []string{"tunnel WWW.Corp.Example.:80"}},
		{only: only, to: "corp.example:80", want: []string{"host corp.example:80"}},
		{only: only, to: "10.50.1.1:80", want: []string{"host 10.50.1.1:80"}},
		{only: only, except: config.Choice{Domains: []string{"www.corp.example"}}, to: "www.corp.example:80", want: []string{"host www.corp.example:80"}},
		{only: with(only), to: "10.50.1.1:80", want: []string{"tunnel 10.50.1.1:80"}},
		{only: with(only), to: "[::ffff:10.50.1.1]:80", want: []string{"tunnel [::ffff:10.50.1.1]:80"}},
		{only: with(only), to: "10.51.1.1:80", want: []string{"host 10.51.1.1:80"}},
		{only: with(only), except: config.Choice{Networks: []netip.Prefix{netip.MustParsePrefix("10.50.1.0/24")}}, to: "10.50.1.1:80", want: []string{"host 10.50.1.1:80"}},
		{only: with(only), to: "both.example:80", want: []string{"host? both.example", "host 192.0.2.7:80", "tunnel 10.50.0.7:80"}},
		{only: with(only), network: "udp6", to: "six.example:53", want: []string{"host? six.example", "tunnel [2001:db8:50::1]:53"}},
		{only: with(only), network: "tcp4", to: "six.example:53"},
		{only: with(only), to: "nobody.example:53"},
		{only: with(only), to: "www.corp.example:80", want: []string{"tunnel www.corp.example:80"}},
		{only: only, without: true, to: "web.corp.example:80", want: []string{"tunnel web.corp.example:80", "host? web.corp.example", "tunnel 192.0.2.9:80"}},
		{except: except, to: "www.corp.example:80", want: []string{"host www.corp.example:80"}},
		{except: except, to: "news.example:80", want: []string{"tunnel news.example:80"}},
		{except: with(except), to: "10.50.1.1:80", want: []string{"host 10.50.1.1:80"}},
		{except: with(except), to: "both.example:80", want: []string{"tunnel? both.example", "tunnel 192.0.2.7:80", "host 10.50.0.7:80"}},
		{except: with(except), to: "news.example:80", want: []string{"tunnel? news.example", "tunnel 192.0.2.1:80"}},
		{to: "news.example:80", want: []string{"tunnel news.example:80"}},
		{to: "10.50.1.1:80", want: []string{"tunnel 10.50.1.1:80"}},
		{to: "no port"},
	} {
		var log []string
		names["web.corp.example"] = "192.0.2.9"
		tunnel := side{"tunnel", names, "192.0.2.7", &log}
		if c.without {
			tunnel.names = nil
		}
		host := side{"host", names, "192.0.2.7", &log}
		ch := newChooser(new(config.Config), tunnel)
		ch.host, ch.lookup = host, host.LookupNetIP
		ch.follow(&config.Config{Routing: config.Routing{Only: c.only, Except: c.except}})
		network := c.network
		if network == "" {
			network = "tcp"
		}
		conn, err := ch.DialContext(t.Context(), network, c.to)
		if (err == nil) != (c.want != nil) || (conn == nil) != (err != nil) || c.want != nil && !slices.Equal(log, c.want) {
			t.Errorf("%+v: %q, %v", c, log, err)
		}
	}
}

// TestNotHere: what goes past the tunnel does not come to this host itself.
func TestNotHere(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	ch := newChooser(&config.Config{Routing: config.Routing{Only: config.Choice{Domains: []string{"corp.example"}}}}, nil)
	for _, host := range []string{"127.0.0.1", "0.0.0.0", "[::ffff:127.0.0.1]", "localhost"} {
		_, port, _ := net.SplitHostPort(l.Addr().String())
		if conn, err := ch.DialContext(t.Context(), "tcp", host+":"+port); !errors.Is(err, syscall.EACCES) {
			t.Errorf("%s: %v, %v", host, conn, err)
		}
	}
}
