package hub

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"culvert/nic/frame"
)

// Type is a type of adapter.
type Type string

// The types.
const (
	TAP  Type = "tap"  // a device of the kernel
	Null Type = "null" // drops every frame
)

// Spec describes an adapter, as users write it: NAME[,mac=M][,vlan=N][,mtu=N]
// [,netns=NS][,flood=N][,type=tap|null][,ownmac][,down].
type Spec struct {
	Name  string
	Type  Type
	MAC   frame.MAC // zero: an address that is always the same for this adapter
	VLAN  uint16
	MTU   int    // 0: the uplink's
	Netns string // a name, as in `ip netns`, or a path; "": the hub's own
	Flood int    // frames a second to all others; 0: the hub's
	// OwnMAC lets the adapter send from its own address only.
	OwnMAC bool
	Down   bool
}

// keys are the settings that may follow the name, and how to parse them.
var keys = []struct {
	name string
	set  func(s *Spec, value string) error
}{
	{"mac", func(s *Spec, v string) (err error) {
		if s.MAC, err = frame.ParseMAC(v); err == nil && !s.MAC.IsStation() {
			err = fmt.Errorf("%s is not the address of a single station: choose one whose first byte is even, such as 02:00:5e:10:00:01", v)
		}
		return err
	}},
	{"vlan", func(s *Spec, v string) error {
		n, err := number(v, 1, frame.MaxVLAN)
		s.VLAN = uint16(n)
		return err
	}},
	{"mtu", func(s *Spec, v string) (err error) {
		s.MTU, err = number(v, 68, 65521)
		return err
	}},
	{"netns", func(s *Spec, v string) (err error) {
		s.Netns, err = v, nonempty(v)
		return err
	}},
	{"flood", func(s *Spec, v string) (err error) {
		s.Flood, err = number(v, 1, 1<<30)
		return err
	}},
	{"type", func(s *Spec, v string) error {
		if s.Type = Type(v); s.Type != TAP && s.Type != Null {
			return fmt.Errorf("%q: expected tap or null", v)
		}
		return nil
	}},
	{"ownmac", func(s *Spec, v string) error {
		s.OwnMAC = true
		return valueless(v)
	}},
	{"down", func(s *Spec, v string) error {
		s.Down = true
		return valueless(v)
	}},
}

func valueless(s string) error {
	if s != "" {
		return errors.New("takes no value")
	}
	return nil
}

func number(s string, least, most int) (int, error) {
	n, err := strconv.Atoi(s)
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%q: expected a number from %d to %d", s, least, most)
	}
	return n, nil
}

func nonempty(s string) error {
	if s == "" {
		return errors.New("a value is missing")
	}
	return nil
}

// ParseSpec parses an adapter.
func ParseSpec(text string) (s Spec, err error) {
	parts := strings.Split(text, ",")
	s = Spec{Name: parts[0], Type: TAP}
	if s.Name == "" || strings.ContainsAny(s.Name, "/=%\x00 \t\n") || len(s.Name) > 15 {
		return Spec{}, fmt.Errorf("adapter %q: expected it to begin with a device's name of 1 to 15 bytes, such as tap0,vlan=7", text)
	}
	for _, part := range parts[1:] {
		key, value, _ := strings.Cut(part, "=")
		i := slices.IndexFunc(keys, func(k struct {
			name string
			set  func(*Spec, string) error
		}) bool {
			return k.name == key
		})
		if i < 0 {
			return Spec{}, fmt.Errorf("adapter %s: unknown setting %q: expected %s", s.Name, key, keyNames())
		}
		if err := keys[i].set(&s, value); err != nil {
			return Spec{}, fmt.Errorf("adapter %s: %s: %w", s.Name, key, err)
		}
	}
	return s, nil
}

func keyNames() string {
	var names []string
	for _, k := range keys {
		names = append(names, k.name)
	}
	return strings.Join(names, ", ")
}

// String returns the adapter as ParseSpec parses it.
func (s Spec) String() string {
	b := []string{s.Name}
	add := func(given bool, key string, value any) {
		if given {
			b = append(b, fmt.Sprintf("%s=%v", key, value))
		}
	}
	add(s.MAC != frame.MAC{}, "mac", s.MAC)
	add(s.VLAN != 0, "vlan", s.VLAN)
	add(s.MTU != 0, "mtu", s.MTU)
	add(s.Netns != "", "netns", s.Netns)
	add(s.Flood != 0, "flood", s.Flood)
	add(s.Type != TAP, "type", s.Type)
	if s.OwnMAC {
		b = append(b, "ownmac")
	}
	if s.Down {
		b = append(b, "down")
	}
	return strings.Join(b, ",")
}
