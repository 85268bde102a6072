//go:build interop

package interop

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"
)

// shiftSource is a library by which a program has a clock that is CLOCK_SHIFT seconds
// ahead.
const shiftSource = `#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
static long shift(void) { const char *s = getenv("CLOCK_SHIFT"); return s ? atol(s) : 0; }
int clock_gettime(clockid_t id, struct timespec *t) {
	int r = syscall(SYS_clock_gettime, id, t);
	if (r == 0 && id == CLOCK_REALTIME) t->tv_sec += shift();
	return r;
}
int gettimeofday(struct timeval *restrict t, void *restrict z) {
	struct timespec now;
	(void)z;
	if (clock_gettime(CLOCK_REALTIME, &now)) return -1;
	t->tv_sec = now.tv_sec;
	t->tv_usec = now.tv_nsec / 1000;
	return 0;
}
time_t time(time_t *t) {
	struct timespec now;
	clock_gettime(CLOCK_REALTIME, &now);
	if (t) *t = now.tv_sec;
	return now.tv_sec;
}
`

// shiftLibrary is that library, built once.
var shiftLibrary = sync.OnceValues(func() (string, error) {
	source, library := filepath.Join(credentialsDir(), "shift.c"), filepath.Join(credentialsDir(), "shift.so")
	if err := os.WriteFile(source, []byte(shiftSource), 0o600); err != nil {
		return "", err
	}
	if out, err := exec.Command("gcc", "-shared", "-fPIC", "-o", library, source).CombinedOutput(); err != nil {
		return "", fmt.Errorf("gcc: %w: %s", err, out)
	}
	return library, nil
})

// shifted is stock OpenVPN with a clock that is ahead.
func shifted(ahead time.Duration) implementation {
	return implementation{stock.name, func(t testing.TB, config, stateDir string) []string {
		library, err := shiftLibrary()
		if err != nil {
			t.Fatal(err)
		}
		return slices.Concat([]string{"env", "LD_PRELOAD=" + library, fmt.Sprintf("CLOCK_SHIFT=%d", int(ahead.Seconds()))}, stock.command(t, config, stateDir))
	}}
}

// spoil relays datagrams between whoever sends to an address and another, and spoils
// those of the data channel to the one of the role: "damage" changes a bit of every third, "late" holds one of
// 250 back until 150 others have passed, "rename" puts the next key's id on all.
func spoil(at, to, how, role string) error {
	l, err := net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(at)))
	if err != nil {
		return err
	}
	far, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)))
	if err != nil {
		return err
	}
	var near netip.AddrPort
	var mu sync.Mutex
	fmt.Println("ready")
	go func() {
		out := spoiler{how: map[string]string{"client": how}[role], send: func(b []byte) {
			mu.Lock()
			defer mu.Unlock()
			l.WriteToUDPAddrPort(b, near)
		}}
		for b := make([]byte, 65536); ; {
			if n, err := far.Read(b); err == nil {
				out.pass(b[:n])
			}
		}
	}()
	in := spoiler{how: map[string]string{"server": how}[role], send: func(b []byte) { far.Write(b) }}
	for b := make([]byte, 65536); ; {
		n, from, err := l.ReadFromUDPAddrPort(b)
		if err != nil {
			return err
		}
		mu.Lock()
		near = from
		mu.Unlock()
		in.pass(b[:n])
	}
}

// say listens over TCP, and says something to whoever connects.
func say(at, text string) error {
	l, err := net.Listen("tcp", at)
	if err != nil {
		return err
	}
	fmt.Println("ready")
	for {
		c, err := l.Accept()
		if err != nil {
			return err
		}
		fmt.Fprint(c, text)
	}
}

// spoiler is one direction of spoil.
type spoiler struct {
	how  string
	send func([]byte)
	n    int    // packets of the data channel so far
	held []byte // nil: none
}

func (s *spoiler) pass(b []byte) {

	if op := b[0] >> 3; op != 6 && op != 9 { // P_DATA_V1, P_DATA_V2
		s.send(b)
		return
	}
	s.n++
	switch {
	case s.how == "damage" && s.n%3 == 0:
		b[len(b)-1] ^= 1
	case s.how == "rename":
		b[0] = b[0]&^7 | 1
	case s.how == "late" && s.n == 20:
		s.held = slices.Clone(b)
		return
	}
	s.send(b)
	if s.held != nil && s.n == 170 {
		s.send(s.held)
		s.held = nil
	}
}
