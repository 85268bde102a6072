package filter

import (
	"strings"
	"testing"

	"culvert/operate/manage/packettest"
)

var (
	echo   = packettest.Echo("10.8.0.6", "10.8.0.1", 84)
	syn    = packettest.TCP("10.8.0.6:40000", "192.0.2.80:443", "S", 0)
	dns    = packettest.UDP("10.8.0.6:5353", "10.8.0.1:53", 30)
	late   = packettest.LaterFragment("10.8.0.6", "10.8.0.1")
	echo6  = packettest.Echo("fd00:8::6", "fd00:8::1", 104)
	syn6   = packettest.TCP("[fd00:8::6]:40000", "[2001:db8::80]:443", "S", 10)
	frames = map[string][]byte{
		"arp":  packettest.ARP("02:00:00:00:00:01", "10.8.0.6", "10.8.0.1"),
		"dns":  packettest.Frame("02:00:00:00:00:01", "02:00:00:00:00:02", 0, dns),
		"vlan": packettest.Frame("02:00:00:00:00:01", "ff:ff:ff:ff:ff:ff", 7, dns),
	}
	packets = map[string][]byte{"echo": echo, "syn": syn, "dns": dns, "late": late, "echo6": echo6, "syn6": syn6}
)

// matched are the names of the packets that match, in alphabetical order.
func matched(t *testing.T, text string, link Link, packets map[string][]byte) string {
	t.Helper()
	f, err := Parse(text, link)
	if err != nil {
		t.Errorf("%s: %v", text, err)
		return ""
	}
	var names []string
	for _, name := range []string{"arp", "dns", "echo", "echo6", "late", "syn", "syn6", "vlan"} {
		if p, ok := packets[name]; ok && f.Match(p) {
			names = append(names, name)
		}
	}
	return strings.Join(names, " ")
}

func TestMatch(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "dns echo echo6 late syn syn6",
		"icmp":                              "echo",
		"icmp6":                             "echo6",
		"ip":                                "dns echo late syn",
		"ip6":                               "echo6 syn6",
		"tcp":                               "syn syn6",
		"udp":                               "dns late",
		"not icmp":                          "dns echo6 late syn syn6",
		"! icmp and ip":                     "dns late syn",
		"not not icmp":                      "echo",
		"not (icmp or udp)":                 "echo6 syn syn6",
		"host 10.8.0.1":                     "dns echo late",
		"10.8.0.1":                          "dns echo late",
		"src host 10.8.0.1":                 "",
		"src 10.8.0.6":                      "dns echo late syn",
		"dst fd00:8::1":                     "echo6",
		"ip host 10.8.0.6 and tcp":          "syn",
		"net 10.8.0.0/24":                   "dns echo late syn",
		"dst net 10.8":                      "dns echo late",
		"dst net fd00:8::/32":               "echo6",
		"src and dst net 10.8.0.0/16":       "dns echo late",
		"src or dst net 192.0.2.0/24":       "syn",
		"src 10.8.0.6 and dst 10.8.0.1":     "dns echo late",
		"port 443":                          "syn syn6",
		"tcp port 443 or 53":                "syn syn6",
		"port 443 or 53":                    "dns syn syn6",
		"port (443 or 53)":                  "dns syn syn6",
		"udp dst port domain":               "dns",
		"dst portrange 400-500":             "syn syn6",
		"src port 443":                      "",
		"ip proto 1":                        "echo",
		`ip6 proto \tcp`:                    "syn6",
		"proto 17":                          "dns late",
		"less 58":                           "dns late syn",
		"greater 104":                       "echo6",
		"icmp or tcp and port 443":          "syn syn6", // from left to right
		"icmp or (tcp and port 443)":        "echo syn syn6",
		"icmp[icmptype] = icmp-echo":        "echo",
		"not icmp[icmptype] = icmp-echo":    "dns echo6 late syn syn6",
		"icmp6[0] == 128":                   "echo6",
		"tcp[tcpflags] & tcp-syn != 0":      "syn syn6",
		"tcp[13] & (tcp-ack|tcp-rst) != 0":  "",
		"(tcp[12] >> 4) * 4 = 20":           "syn syn6",
		"ip[2:2] > 60 or tcp[2:2] = 443":    "echo syn syn6",
		"ip[6:2] & 0x1fff != 0":             "late",
		"udp[0:2] = 5353":                   "dns",
		"ip[2000] = 0":                      "",
		"not ip[2000] = 0":                  "echo6 syn6",
		"len - 84 = 0":                      "echo",
		"ip[0] / 0 = 1":                     "",
		"ip6[6] = 6":                        "syn6",
		"multicast":                         "",
		"udp && port 53 || icmp":            "dns echo",
		"host 10.8.0.1 and port 53 or icmp": "dns echo",
	} {
		if got := matched(t, text, IP, packets); got != want {
			t.Errorf("%q matches %q, want %q", text, got, want)
		}
	}
}

func TestMatchFrames(t *testing.T) {
	for text, want := range map[string]string{
		"":                               "arp dns vlan",
		"arp":                            "arp",
		"arp host 10.8.0.1":              "arp",
		"host 10.8.0.1":                  "arp dns vlan",
		"ip":                             "dns vlan",
		"vlan":                           "vlan",
		"vlan 7 and udp port 53":         "vlan",
		"vlan 8":                         "",
		"ether src 02:00:00:00:00:01":    "arp dns vlan",
		"ether dst 02:00:00:00:00:02":    "dns",
		"ether host 02:00:00:00:00:02":   "dns",
		"ether broadcast":                "arp vlan",
		"broadcast and not arp":          "vlan",
		"multicast":                      "arp vlan",
		"ip multicast":                   "",
		"ether proto arp":                "arp",
		"ether proto 0x0800":             "dns vlan",
		"ether[0] & 1 = 1":               "arp vlan",
		"ether[6:4] = 0x02000000 and ip": "dns vlan",
		"len < 61":                       "arp",
	} {
		if got := matched(t, text, Ethernet, frames); got != want {
			t.Errorf("%q matches %q, want %q", text, got, want)
		}
	}
}

// TestMistakes: what is wrong is said with what would do.
func TestMistakes(t *testing.T) {
	for text, want := range map[string]string{
		"and":                                "expected a condition such as",
		"icmp and":                           "ends too early",
		"(icmp":                              "expected `)`",
		"icmp)":                              "expected the end",
		"icmp udp":                           "expected the end, `and` or `or`",
		"host":                               "an IP address",
		"host example.org":                   "names are not looked up",
		"hots 10.8.0.1":                      "no word of the filter's",
		"port x-y":                           "no port",
		"port 65536":                         "no port",
		"net 10.8.0.1/24":                    "did you mean 10.8.0.0/24",
		"net banana":                         "expected one such as",
		"proto 256":                          "no protocol",
		"ip6 proto":                          "a protocol such as 6",
		"tcp host 10.8.0.1":                  "tcp and host 10.8.0.1",
		"ether src 1:2":                      "no Ethernet header",
		"arp":                                "no Ethernet header",
		"vlan 3":                             "no Ethernet header",
		"broadcast":                          "no Ethernet header",
		"ip broadcast":                       "depends on the network's mask",
		"tcp[13":                             "expected `]`",
		"tcp[13:3] = 1":                      "1, 2 or 4",
		"tcp[x] = 1":                         "an offset",
		"tcp[13] = y":                        "expected a number",
		"less":                               "number of bytes",
		"icmp ; udp":                         "has no meaning",
		"icmp \x00":                          "has no meaning",
		strings.Repeat("(", 1000):            "deep",
		strings.Repeat("not ", 900) + "icmp": "deep",
		strings.Repeat("icmp or ", MaxLen) + "icmp": "at most 4096",
	} {
		_, err := Parse(text, IP)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %v, want %q in it", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"ether src 1:2": "is not an Ethernet address", "vlan 9999": "at most 4095", "ether port 3": "no meaning", "ether": "src, dst, host", "arp proto 3": "no protocols inside",
	} {
		if _, err := Parse(text, Ethernet); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q in it", text, err, want)
		}
	}
}

// TestCutOff: no packet is too short to be looked at.
func TestCutOff(t *testing.T) {
	for _, text := range []string{"port 53", "tcp[13] & 2 != 0", "host 10.8.0.1", "icmp6", "vlan 7", "ip6 and src net fd00::/8", "ip[0:4] > 3"} {
		for _, link := range []Link{IP, Ethernet} {
			f, err := Parse(text, link)
			if err != nil {
				continue
			}
			for _, p := range []map[string][]byte{packets, frames} {
				for _, whole := range p {
					for n := range whole {
						f.Match(whole[:n:n])
					}
				}
			}
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"tcp port 443 or 53", "not (icmp or ip[2:2] & 3 << 2 = 4)", "src or dst net 10.8", "vlan 7 and ether host 02:00:00:00:00:01", "portrange 1-2", "ip6 proto \\tcp", "len - 3 > 5"} {
		f.Add(text, echo)
		f.Add(text, frames["vlan"])
	}
	f.Fuzz(func(t *testing.T, text string, packet []byte) {
		for _, link := range []Link{IP, Ethernet} {
			filter, err := Parse(text, link)
			if err != nil {
				continue
			}
			opposite, err := Parse("not ("+text+")", link)
			if filter != nil && err == nil && filter.Match(packet) && opposite.Match(packet) {
				t.Error("it matches, and so does the opposite")
			}
		}
	})
}
