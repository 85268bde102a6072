package reach

import (
	"bufio"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"culvert/config"
	"culvert/role/profile"
)

// manager chooses as it was told, in turn, and notes what it was asked.
type manager struct {
	choices []Choice
	proxies []Proxy
	logins  []profile.Answer
	asked   []string
}

func (m *manager) Remote(ctx context.Context, r config.Remote) (c Choice, err error) {
	m.asked = append(m.asked, r.Host+":"+r.Port)
	if len(m.choices) == 0 {
		return c, context.Canceled
	}
	c, m.choices = m.choices[0], m.choices[1:]
	return c, nil
}

func (m *manager) Proxy(_ context.Context, n int, r config.Remote) (p Proxy, err error) {
	m.asked = append(m.asked, string(rune('0'+n))+" "+r.Host)
	if len(m.proxies) == 0 {
		return p, context.Canceled
	}
	p, m.proxies = m.proxies[0], m.proxies[1:]
	return p, nil
}

func (m *manager) Ask(_ context.Context, q profile.Question) (a profile.Answer, err error) {
	m.asked = append(m.asked, string(q.Realm))
	if len(m.logins) == 0 {
		return a, context.Canceled
	}
	a, m.logins = m.logins[0], m.logins[1:]
	return a, nil
}

func (m *manager) Refused(r profile.Realm, _ string) { m.asked = append(m.asked, "refused "+string(r)) }

// literal resolves nothing but addresses.
func literal(_ context.Context, _, host string) ([]netip.Addr, error) {
	a, err := netip.ParseAddr(host)
	return []netip.Addr{a}, err
}

func managed(m *manager, c config.Management, hosts ...string) *Remotes {
	r := remotesOf(0, literal, hosts...)
	r.cfg.Management, r.Chooser = c, m
	return r
}

// TestChoosingRemotes: remotes are taken, replaced and passed over; after an end, the
// same one is asked about again.
func TestChoosingRemotes(t *testing.T) {
	m := &manager{choices: []Choice{{}, {Host: "192.0.2.9", Port: "443"}, {Skip: 1}, {Skip: 2}, {}, {}, {}}}
	r := managed(m, config.Management{QueryRemote: true, QueryProxy: true}, "192.0.2.1", "192.0.2.2", "192.0.2.3")
	var got []string
	next := func() {
		t.Helper()
		target, err := r.Next(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, target.Addr.String())
	}
	next()
	next()       // another address
	next()       // the third is passed over, then two, and the third is taken
	r.Stay()     // after a restart
	next()       //
	r.StayAnew() //
	next()
	if want := []string{"192.0.2.1:1194", "192.0.2.9:443", "192.0.2.3:1194", "192.0.2.3:1194", "192.0.2.3:1194"}; !slices.Equal(got, want) {
		t.Errorf("tried %v, want %v", got, want)
	}
	if want := []string{"192.0.2.1:1194", "192.0.2.2:1194", "192.0.2.3:1194", "192.0.2.1:1194", "192.0.2.3:1194", "192.0.2.3:1194", "192.0.2.3:1194"}; !slices.Equal(m.asked, want) {
		t.Errorf("asked about %v, want %v", m.asked, want)
	}
	if _, err := r.Next(t.Context()); !errors.Is(err, context.Canceled) {
		t.Errorf("no answer: %v", err)
	}
	if l := r.List(); len(l) != 3 || l[1].Host != "192.0.2.2" {
		t.Errorf("the list is %+v", l)
	}
}

func TestChoosingProxies(t *testing.T) {
	m := &manager{proxies: []Proxy{{}, {Kind: ThroughHTTP, Host: "192.0.2.7", Port: "8080", NoClear: true}, {Kind: ThroughSOCKS, Host: "192.0.2.8", Port: "1080"}, {Kind: ThroughHTTP, Host: "192.0.2.7", Port: "8080"}}}
	r := managed(m, config.Management{QueryProxy: true}, "192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.4")
	r.cfg.Link.HTTPProxy = &config.HTTPProxy{Host: "192.0.2.6", Port: "1", Agent: "x"}
	for i := range r.list {
		r.list[i].Proto.TCP = i < 3
	}
	for _, want := range []string{"192.0.2.1:1194", "192.0.2.7:8080", "192.0.2.8:1080"} {
		if target, err := r.Next(t.Context()); err != nil || target.Addr.String() != want {
			t.Errorf("goes to %v, %v; want %s", target.Addr, err, want)
		} else if h := target.Settings.Link.HTTPProxy; h != nil && (h.Auth != config.ProxyNoClear || h.Agent != "x") {
			t.Errorf("by %+v", h)
		}
	}
	if _, err := r.Next(t.Context()); err == nil || !strings.Contains(err.Error(), "over UDP") {
		t.Errorf("HTTP for UDP: %v", err)
	}
	if want := []string{"1 192.0.2.1", "2 192.0.2.2", "3 192.0.2.3", "4 192.0.2.4"}; !slices.Equal(m.asked, want) {
		t.Errorf("asked %v, want %v", m.asked, want)
	}
}

// TestProxyLoginByManager: the login of an HTTP proxy is asked for when the proxy wants
// one, again when it refuses, and kept.
func TestProxyLoginByManager(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			request, err := http.ReadRequest(bufio.NewReader(conn))
			if err == nil && request.Header.Get("Proxy-Authorization") == "Basic YWRhOnJpZ2h0" {
				_, _ = conn.Write([]byte("HTTP/1.0 200 OK\r\n\r\n"))
				continue
			}
			_, _ = conn.Write([]byte("HTTP/1.0 407 No\r\nProxy-Authenticate: Basic realm=\"x\"\r\n\r\n"))
			conn.Close()
		}
	}()
	m := &manager{logins: []profile.Answer{{Username: "ada", Password: "wrong"}, {Username: "ada", Password: "right"}}}
	d := Dialer{Asker: m}
	cfg := &config.Config{Timers: config.Timers{HandWindow: 10 * time.Second}}
	cfg.Link.HTTPProxy = &config.HTTPProxy{Host: "127.0.0.1", Auth: config.ProxyAuto, Ask: true}
	target := Target{Remote: config.Remote{Proto: config.Proto{TCP: true}}, Settings: cfg, Addr: netip.MustParseAddrPort(listener.Addr().String()), host: "vpn.example", port: 1194}
	for range 2 {
		l, err := d.Open(t.Context(), target)
		if err != nil {
			t.Fatal(err)
		}
		l.Close()
	}
	if want := []string{"HTTP Proxy", "refused HTTP Proxy", "HTTP Proxy"}; !slices.Equal(m.asked, want) {
		t.Errorf("asked %v, want %v", m.asked, want)
	}
	delete(d.logins, ofHTTP(cfg.Link.HTTPProxy))
	if _, err := d.Open(t.Context(), target); !errors.Is(err, context.Canceled) {
		t.Errorf("no answer: %v", err)
	}
}
