//go:build interop

package interop

import (
	"fmt"
	"regexp"
	"syscall"
	"testing"
)

// TestExitNotify: whoever goes is missed at once by the other program.
func TestExitNotify(t *testing.T) {
	t.Parallel()
	clientLeft := regexp.MustCompile(`client left|remote-exit|exit message received`)
	serverLeft := regexp.MustCompile(`asks to reconnect \(RESTART\)|server-pushed-connection-reset|Connection reset command was pushed`)
	for _, who := range formatPairings {
		t.Run(who.name()+"/client", func(t *testing.T) {
			t.Parallel()
			tun := connect(t, who, serverParty(t, plain), clientParty(t, plain, "explicit-exit-notify 1"))
			if err := tun.clientProc.stop(syscall.SIGTERM); err != nil {
				t.Errorf("exit status: %v", err)
			}
			tun.serverProc.expect(clientLeft, 1, patience)
		})
		t.Run(who.name()+"/server", func(t *testing.T) {
			t.Parallel()
			tun := connect(t, who, serverParty(t, plain, "explicit-exit-notify 1"), clientParty(t, plain))
			tun.serverProc.cmd.Process.Signal(syscall.SIGTERM)
			tun.clientProc.expect(serverLeft, 1, patience)
		})
	}
}

// TestInactive ends a client that carries nothing, by what the other program
// pushed.
func TestInactive(t *testing.T) {
	t.Parallel()
	for _, who := range formatPairings {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			_, client := newHosts(t).login(who, []string{`push "inactive 3 100000"`}, nil)
			if err := client.wait(patience); err != nil {
				t.Errorf("exit status: %v", err)
			}
			client.expect(regexp.MustCompile(`(?i)inactiv`), 1, patience)
		})
	}
}

// TestPingExit ends a client whose server was killed.
func TestPingExit(t *testing.T) {
	t.Parallel()
	for _, who := range formatPairings {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			tun := connect(t, who, serverParty(t, plain, "keepalive 1 60"), clientParty(t, plain, "pull-filter ignore ping-restart", "ping-exit 8"))
			tun.serverProc.kill()
			if err := tun.clientProc.wait(patience); err != nil {
				t.Errorf("exit status: %v", err)
			}
			tun.clientProc.expect(regexp.MustCompile(`ping-exit`), 1, patience)
		})
	}
}

// TestLongPush pushes more than one message holds.
func TestLongPush(t *testing.T) {
	t.Parallel()
	var routes []string
	for i := range 120 {
		routes = append(routes, fmt.Sprintf(`push "route 172.20.%d.0 255.255.255.0"`, i))
	}
	for _, who := range formatPairings {
		t.Run(who.name(), func(t *testing.T) {
			t.Parallel()
			tun := connect(t, who, serverParty(t, plain, routes...), clientParty(t, plain))
			found := regexp.MustCompile(`172\.20\.\d+\.0/24`).FindAllString(tun.client.ip("route"), -1)
			if len(found) != len(routes) {
				t.Errorf("%d routes of %d", len(found), len(routes))
			}
		})
	}
}

// TestPeerInfo: what push-peer-info adds reaches the other program.
func TestPeerInfo(t *testing.T) {
	t.Parallel()
	tun := connect(t, pairing{ours, stock}, serverParty(t, plain), clientParty(t, plain, "push-peer-info", "setenv UV_TEAM blue"))
	mac := regexp.MustCompile(`link/ether (\S+)`).FindStringSubmatch(tun.client.ip("link", "show", "eth0"))[1]
	for _, want := range []string{`UV_TEAM=blue`, `IV_PLAT_VER=\d`, `IV_SSL=crypto/tls`, `IV_HWADDR=` + mac} {
		tun.serverProc.expect(regexp.MustCompile(`peer info: `+want), 1, patience)
	}
}

// TestRekeyByUse renews keys by what they carried, begun by either program.
func TestRekeyByUse(t *testing.T) {
	t.Parallel()
	for _, who := range formatPairings {
		for _, limit := range []string{"reneg-bytes 3000000", "reneg-pkts 3000"} {
			t.Run(who.name()+"/"+limit, func(t *testing.T) {
				t.Parallel()
				tun := connect(t, who, serverParty(t, plain, "reneg-sec 0"), clientParty(t, plain, "reneg-sec 0", limit))
				flows := tun.pace()
				for _, p := range []*process{tun.clientProc, tun.serverProc} {
					p.expect(handshake, 3, 2*patience)
				}
				flows.up.finish(t)
				flows.down.finish(t)
			})
		}
	}
}
