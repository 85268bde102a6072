package devices

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/access"
	"culvert/access/users"
	"culvert/config"
	"culvert/store"
	"culvert/store/memory"
)

var then = time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)

// office is a directory of alice with a phone, bob, who is disabled, and carl, who may have
// one device.
func office(t *testing.T) *users.Directory {
	s, ctx, one := memory.New(), t.Context(), 1
	b := users.NewBook(s, func() time.Time { return then })
	for _, u := range []users.User{{Name: "alice"}, {Name: "bob", Disabled: true}, {Name: "carl", MaxDevices: &one}} {
		if err := b.AddUser(ctx, u); err != nil {
			t.Fatal(err)
		}
		if u.Name == "carl" {
			continue
		}
		if _, err := b.AddDevice(ctx, users.Device{User: u.Name, Name: "phone"}, users.Addresses{}); err != nil {
			t.Fatal(err)
		}
	}
	for key, record := range map[string]any{
		"devices/alice/phone": users.Device{User: "alice", Name: "phone", CommonName: "phone.alice", IPv4: netip.MustParseAddr("10.8.0.9"), IPv6: netip.MustParseAddr("fd00::9")},
		"addresses/10.8.0.9":  "alice/phone",
	} {
		put(t, s, key, record)
	}
	d, err := users.Open(ctx, s, func(err error) { t.Error(err) })
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// asking has a decider decide about clients, each with a number of its own.
type asking struct {
	*Decider
	number uint64
}

func (a *asking) decide(cn, user, name string, s *config.PerClient) string {
	a.number++
	err := a.Decide(context.Background(), &access.Applicant{Identity: access.Identity{CommonName: cn, User: user, Name: name}, Number: a.number}, s)
	if err != nil {
		return err.Error()
	}
	return ""
}

func TestAddresses(t *testing.T) {
	directory := office(t)
	d := &asking{Decider: NewDecider(directory, false, func() time.Time { return then })}
	var own config.PerClient
	if why := d.decide("phone.alice", "", "phone.alice", &own); why != "" || own.Ifconfig.Local != netip.MustParseAddr("10.8.0.9") || own.IfconfigIPv6.Local.Addr() != netip.MustParseAddr("fd00::9") {
		t.Errorf("%+v, %s", own, why)
	}
	file := &config.Ifconfig{Local: netip.MustParseAddr("10.8.0.7")}
	own = config.PerClient{Ifconfig: file}
	if why := d.decide("phone.alice", "alice", "alice", &own); why != "" || own.Ifconfig != file {
		t.Errorf("%+v, %s", own, why)
	}
	if !directory.Keeps(netip.MustParseAddr("10.8.0.9")) || directory.Keeps(netip.MustParseAddr("10.8.0.8")) {
		t.Error("other addresses are kept")
	}
}

func TestBarred(t *testing.T) {
	d := &asking{Decider: NewDecider(office(t), false, func() time.Time { return then })}
	for _, c := range []struct{ cn, user, want string }{
		{"phone.bob", "", "user bob is disabled"},
		{"phone.alice", "eve", "is that of device phone of alice, and not of eve"},
		{"old-client", "", ""},
		{access.Nameless, "", ""},
		{access.Nameless, "eve", ""},
	} {
		if why := d.decide(c.cn, c.user, c.cn, new(config.PerClient)); why != c.want && (c.want == "" || !strings.Contains(why, c.want)) {
			t.Errorf("%v: %q", c, why)
		}
	}
}

// TestSessions of a user without devices count as devices, until they have ended; one that
// takes another's place does not count twice.
func TestSessions(t *testing.T) {
	d := &asking{Decider: NewDecider(office(t), false, func() time.Time { return then })}
	carl := func(name string) string { return d.decide(access.Nameless, "carl", name, new(config.PerClient)) }
	if why := carl(access.Nameless); why != "" {
		t.Error(why)
	}
	if why := carl(access.Nameless); why != "carl has 1 devices and sessions, and the user's record allows 1" {
		t.Error(why)
	}
	d.Gone(1)
	d.Gone(1)
	for range 2 {
		if why := carl("carl"); why != "" {
			t.Error(why)
		}
	}
	for n := range d.number {
		d.Gone(n + 1)
	}
	if len(d.sessions) != 0 || len(d.owners) != 0 {
		t.Errorf("%v, %v", d.sessions, d.owners)
	}
}

func put(t *testing.T, s store.Store, key string, record any) {
	t.Helper()
	value, err := store.Encode(1, record)
	if err == nil {
		_, err = s.Commit(t.Context(), store.Txn{Put: []store.Put{{Key: key, Value: value}}})
	}
	if err != nil {
		t.Fatal(err)
	}
}
