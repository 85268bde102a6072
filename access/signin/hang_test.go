package signin

import (
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"

	"culvert/access/auth"
	"culvert/access/auth/ldap"
	"culvert/access/auth/radius"
	"culvert/access/hooks"
)

// silent is a directory that takes questions and answers none.
type silent struct {
	address string
	asked   chan struct{} // gets one for each question
	end     func()        // hangs up on all who ask
}

func silentTCP(t *testing.T) silent {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := silent{l.Addr().String(), make(chan struct{}, 1000), nil}
	var mu sync.Mutex
	var open []net.Conn
	var working sync.WaitGroup
	working.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			open = append(open, c)
			mu.Unlock()
			s.asked <- struct{}{}
		}
	})
	s.end = func() {
		l.Close()
		working.Wait()
		mu.Lock()
		defer mu.Unlock()
		for _, c := range open {
			c.Close()
		}
	}
	return s
}

func silentUDP(t *testing.T) silent {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := silent{c.LocalAddr().String(), make(chan struct{}, 1000), nil}
	var working sync.WaitGroup
	working.Go(func() {
		b := make([]byte, 4096)
		for {
			if _, _, err := c.ReadFrom(b); err != nil {
				return
			}
			s.asked <- struct{}{}
		}
	})
	s.end = func() {
		c.Close()
		working.Wait()
	}
	return s
}

// TestRealDirectoryThatHangs: while as many wait for a directory as may, and as many again for
// their turn, somebody with a password of here signs in. When the directory hangs up, those who
// waited hear that it does not work, and the log which one it was.
func TestRealDirectoryThatHangs(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		silent func(*testing.T) silent
		source func(address string) (auth.Source, error)
	}{
		"ldap": {silentTCP, func(address string) (auth.Source, error) {
			conf := fmt.Sprintf("<LDAP>\n\tURL ldap://%s\n\tTimeout 15\n</LDAP>\n<Authorization>\n\tBaseDN \"dc=example\"\n\tSearchFilter \"(uid=%%u)\"\n</Authorization>\n", address)
			return ldap.ReadSource("ldap.conf", []byte(conf), ldap.Options{Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(sourceAtOnce)})
		}},
		"radius": {silentUDP, func(address string) (auth.Source, error) {
			return radius.NewSource(radius.Options{Servers: []radius.Server{{Address: address, Secret: []byte("secret")}}, Log: slog.New(slog.DiscardHandler), Slots: hooks.NewSlots(sourceAtOnce)}), nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := c.silent(t)
			source, err := c.source(s.address)
			if err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, people(t), source)
			ended := make(chan auth.Verdict, 2*sourceAtOnce)
			for i := range cap(ended) {
				r := client("laptop", fmt.Sprint("user", i), "secret", at(netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i), 1}), 32).String()))
				go func() { ended <- w.Check(t.Context(), r, nil) }()
			}
			for range sourceAtOnce {
				<-s.asked
			}
			if v := w.check(client("phone.alice", "alice", "correct horse")); !v.OK {
				t.Errorf("meanwhile: %+v", v)
			}
			select {
			case v := <-ended:
				t.Errorf("somebody did not wait: %+v", v)
			default:
			}
			s.end()
			for range cap(ended) {
				v := <-ended
				if v.Reason != "signing in does not work at the moment; try again later" || v.Err == nil || !strings.Contains(v.Err.Error(), name) {
					t.Fatalf("%+v", v)
				}
			}
		})
	}
}
