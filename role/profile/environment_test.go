package profile

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"culvert/config"
)

// TestSockets: programs are told of each way to a server, with its proxy, whichever is
// in use, as by OpenVPN 2.6.14 (recorded).
func TestSockets(t *testing.T) {
	const client = "client\ndev tun\nnobind\nauth-user-pass\nca ca.crt\n"
	about := regexp.MustCompile(`^(proto|local|local_port|remote|remote_port|(http|socks)_proxy_(server|port))_\d=`)
	for lines, want := range map[string]string{
		client + "proto tcp-client\nremote 198.18.0.1 1194\nhttp-proxy 127.0.0.1 3128\n": "proto_1=tcp-client remote_1=198.18.0.1 remote_port_1=1194 " +
			"http_proxy_server_1=127.0.0.1 http_proxy_port_1=3128",
		client + "proto tcp-client\nremote 198.18.0.1 1194\nsocks-proxy 127.0.0.1 1080\n": "proto_1=tcp-client remote_1=198.18.0.1 remote_port_1=1194 " +
			"socks_proxy_server_1=127.0.0.1 socks_proxy_port_1=1080",
		client + "<connection>\nremote 198.18.0.1 1194 tcp-client\nhttp-proxy 127.0.0.1 3128\n</connection>\n<connection>\nremote 198.18.0.1 1199 tcp-client\n</connection>\n": "proto_1=tcp-client " +
			"remote_1=198.18.0.1 remote_port_1=1194 http_proxy_server_1=127.0.0.1 http_proxy_port_1=3128 proto_2=tcp-client remote_2=198.18.0.1 remote_port_2=1199",
	} {
		c, err := config.ParseFile("test.conf", []byte(lines), func(string) ([]byte, error) { return []byte("-----BEGIN CERTIFICATE-----"), nil })
		if err != nil {
			t.Fatal(err)
		}
		all := []*config.Config{c}
		for _, r := range c.Link.Remotes {
			if r.Settings != nil {
				all = append(all, r.Settings)
			}
		}
		for _, c := range all {
			told := slices.DeleteFunc(Environment(c).List(), func(v string) bool { return !about.MatchString(v) })
			if got := strings.Join(told, " "); got != want {
				t.Errorf("%s: they are told\n%s, want\n%s", lines, got, want)
			}
		}
	}
}
