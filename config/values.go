package config

import (
	"fmt"
	"math"
	"math/bits"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/internal/domain"
)

// on is the setter of a directive without a value.
func on(field func(*Config) *bool) setter {
	return func(b *builder, _ *call) error {
		*field(b.Config) = true
		return nil
	}
}

// text is the setter of a directive whose first value is kept as it stands.
func text(field func(*Config) *string) setter {
	return func(b *builder, d *call) error {
		if d.args[0] == "" {
			return d.expected("", "a value that is not empty")
		}
		*field(b.Config) = d.args[0]
		return nil
	}
}

// integer is the setter of a directive whose value is a whole number.
func integer(least, most int, field func(*Config) *int) setter {
	return func(b *builder, d *call) error {
		n, err := d.int(0, least, most)
		if err == nil {
			*field(b.Config) = n
		}
		return err
	}
}

// Rate is a number of events in a time.
type Rate struct {
	N   int
	Per time.Duration
}

// rate is the setter of a number of events and the seconds they may come in, both
// above 0.
func rate(field func(*Config) *Rate) setter {
	return func(b *builder, d *call) error {
		n, err := d.int(0, 1, math.MaxInt32)
		if err != nil {
			return err
		}
		seconds, err := d.int(1, 1, maxSeconds)
		if err == nil {
			*field(b.Config) = Rate{n, time.Duration(seconds) * time.Second}
		}
		return err
	}
}

// maxSeconds, 68 years, keeps a time.Duration from overflowing. longest is the most
// for times that are added up, such as ping-restart's.
const (
	maxSeconds = 1<<31 - 1
	longest    = maxSeconds / 4
)

// seconds is the setter of a directive whose value is a time.
func seconds(most int, field func(*Config) *time.Duration) setter {
	return func(b *builder, d *call) error {
		n, err := d.int(0, 0, most)
		if err == nil {
			*field(b.Config) = time.Duration(n) * time.Second
		}
		return err
	}
}

// colons is the setter of a directive whose value is a list with colons.
func colons(field func(*Config) *[]string) setter {
	return func(b *builder, d *call) error {
		list := slices.DeleteFunc(strings.Split(d.args[0], ":"), func(s string) bool { return s == "" })
		if len(list) == 0 {
			return d.expected(d.args[0], "names with colons between them")
		}
		*field(b.Config) = list
		return nil
	}
}

// int is argument i as a whole number between least and most.
func (d *call) int(i, least, most int) (int, error) {
	n, err := d.int64(i, int64(least), int64(most))
	return int(n), err
}

// capped is argument i as a whole number of at least least. For one above most,
// most is taken, with a note.
func (d *call) capped(i, least, most int) (int, error) {
	n, err := d.int(i, least, maxSeconds)
	if n > most {
		d.remark(fmt.Sprintf("%d is more than the most, %d, which is taken instead", n, most))
	}
	return min(n, most), err
}

// int64 is argument i as a whole number between least and most, as OpenVPN 2.6 reads
// it: it ignores what follows the digits, and reads a negative number as 0. A number
// above a limit that is only ours becomes that limit. Each gets a note.
func (d *call) int64(i int, least, most int64) (int64, error) {
	s := d.args[i]
	digits := wholeNumber.FindString(s)
	n, _ := strconv.ParseInt(digits, 10, 64) // the largest there is, for what is larger
	rest := s[len(digits):]
	switch {
	case digits == "" && least == 0 && slices.Contains(wordsForNone, s):
		d.remark(quote(s) + " is taken as 0, which is how OpenVPN reads it; write 0")
		return 0, nil
	case digits == "" || n < least && (n >= 0 || least != 0) || n > most && most < longest:
		return 0, d.expected(s, span(least, most))
	case strings.HasPrefix(rest, "#") || strings.HasPrefix(rest, ";"):
		d.remark("what follows the number in " + quote(s) + " is taken as a comment; put a blank before it")
	case rest != "":
		d.remark(fmt.Sprintf("what follows the number in %s is ignored, as OpenVPN 2.6 does; write %d", quote(s), n))
	}
	if taken := max(least, min(n, most)); taken != n {
		d.remark(fmt.Sprintf("%s is taken as %d", quote(s), taken))
		return taken, nil
	}
	return n, nil
}

// wordsForNone are what people write for 0 where it means none, or no limit.
var wordsForNone = []string{"never", "no", "none", "off", "infinite", "unlimited", "disable", "disabled", "false", "auto", "default"}

var wholeNumber = regexp.MustCompile(`^[+-]?[0-9]+`)

// span names the numbers that are expected, without a limit that is only ours.
func span(least, most int64) string {
	if most >= longest {
		return fmt.Sprintf("a whole number, %d or more", least)
	}
	return fmt.Sprintf("a whole number from %d to %d", least, most)
}

// choice is the setter of a directive whose value is one of a few words.
func choice[T any](field func(*Config) *T, words ...word[T]) setter {
	return func(b *builder, d *call) error {
		var names []string
		for _, w := range words {
			if w.name == d.args[0] {
				*field(b.Config) = w.value
				return nil
			}
			names = append(names, w.name)
		}
		return d.expected(d.args[0], strings.Join(names, " or "))
	}
}

// word is a word of a choice and what it stands for.
type word[T any] struct {
	name  string
	value T
}

// parseMask returns the prefix length of a netmask.
func parseMask(s string) (int, bool) {
	a, err := netip.ParseAddr(s)
	if err != nil || !a.Is4() {
		return 0, false
	}
	b := a.As4()
	m := uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3])
	n := bits.LeadingZeros32(^m)
	return n, bits.OnesCount32(m) == n
}

// addr4 is argument i as an IPv4 address.
func (d *call) addr4(i int) (netip.Addr, error) {
	a, err := netip.ParseAddr(d.args[i])
	if err != nil || !a.Is4() {
		return netip.Addr{}, d.expected(d.args[i], "an IPv4 address such as 10.8.0.1")
	}
	return a, nil
}

// addr6 is argument i as an IPv6 address without a zone.
func (d *call) addr6(i int) (netip.Addr, error) {
	a, err := netip.ParseAddr(d.args[i])
	if err != nil || !a.Is6() || a.Is4In6() || a.Zone() != "" {
		return netip.Addr{}, d.expected(d.args[i], "an IPv6 address such as fd00::1")
	}
	return a, nil
}

// mask is argument i as a netmask, its prefix length.
func (d *call) mask(i int) (int, error) {
	n, ok := parseMask(d.args[i])
	if !ok {
		return 0, d.expected(d.args[i], "a netmask such as 255.255.255.0")
	}
	return n, nil
}

// prefix6 is argument i as an IPv6 address with a prefix length, as written.
func (d *call) prefix6(i int) (netip.Prefix, error) {
	p, err := netip.ParsePrefix(d.args[i])
	if err != nil || !p.Addr().Is6() || p.Addr().Is4In6() {
		return netip.Prefix{}, d.expected(d.args[i], "an IPv6 network such as fd00:1::/64")
	}
	return p, nil
}

// parseHost accepts a host's name or address, an IPv6 address also in brackets.
func parseHost(s string) (string, bool) {
	if !strings.Contains(s, ":") {
		return s, domain.Valid(s)
	}
	a, err := netip.ParseAddr(strings.TrimSuffix(strings.TrimPrefix(s, "["), "]"))
	if err != nil {
		return "", false
	}
	return a.String(), true
}

// visible reports whether s is of printable ASCII without blanks, and no longer than a
// host's name.
func visible(s string) bool {
	return s != "" && len(s) < 256 && !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r > '~' })
}

// parsePort accepts a port's number or a service's name.
func (d *call) parsePort(s string) (string, error) {
	n, err := strconv.Atoi(s)
	if err == nil && 1 <= n && n <= 65535 {
		return s, nil
	}
	isName := domain.Valid(s) && (s[0] < '0' || '9' < s[0])
	if err == nil || !isName {
		return "", d.expected(s, "a port from 1 to 65535")
	}
	return s, nil
}

// parseProto reads a protocol in any of OpenVPN's spellings, in either case.
func (d *call) parseProto(s string) (Proto, error) {
	var p Proto
	switch name := strings.ToLower(s); name {
	case "udp", "udp4", "udp6":
		p.Family = family(name[3:])
	case "tcp", "tcp4", "tcp6", "tcp-client", "tcp-server",
		"tcp4-client", "tcp4-server", "tcp6-client", "tcp6-server":
		p.TCP = true
		p.Family = family(name[3:])
		switch {
		case strings.HasSuffix(name, "-client"):
			p.End = Calls
		case strings.HasSuffix(name, "-server"):
			p.End = Listens
		}
	default:
		return p, d.expected(s, "udp, udp4, udp6, tcp, tcp4, tcp6, or tcp-client and the like")
	}
	return p, nil
}

// family reads the digit behind "udp" or "tcp".
func family(rest string) int {
	switch {
	case strings.HasPrefix(rest, "4"):
		return 4
	case strings.HasPrefix(rest, "6"):
		return 6
	}
	return 0
}
