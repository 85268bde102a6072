package server_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"culvert/access"
	"culvert/internal/simnet"
	"culvert/role/server"
	"culvert/session"
)

// TestCourses: events tell how a client's handshakes went, and the server counts how first
// ones ended.
func TestCourses(t *testing.T) {
	inBubble(t, simnet.Options{Delay: 10 * time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serveText(ours().serverConf("reneg-sec 20 20"), decider{})
		w.connect("anna", "")
		up := happened[server.Up](s)[0].Handshake
		if up.Outcome != server.Completed || up.Stage() != session.StageUp || up.By != "" {
			t.Errorf("up: %+v", up)
		}
		for _, stage := range []session.Stage{session.StageAnswer, session.StageTLS, session.StageKeys, session.StageDecision, session.StagePush, session.StageUp} {
			if took, ended := up.Took(stage); !ended || took > time.Second {
				t.Errorf("stage %v took %v", stage, took)
			}
		}
		if took, _ := up.Took(session.StageTLS); took < 20*time.Millisecond {
			t.Errorf("TLS took %v over a path of 20 ms", took)
		}
		if in := happened[server.Entering](s)[0].Handshake; in.Stage() != session.StageDecision || in.Outcome != server.UnderWay {
			t.Errorf("entering: %+v", in)
		}

		w.until(time.Minute, "keys are renewed", func() bool { return len(happened[server.Renewed](s)) > 0 })
		if renewed := happened[server.Renewed](s)[0].Handshake; renewed.Outcome != server.Completed || !renewed.Began.After(up.Ends[session.StageUp]) {
			t.Errorf("renewed: %+v", renewed)
		}

		b := w.dial("bert", "")
		<-b.ended
		refused := happened[server.Refused](s)[0].Handshake
		if refused.Outcome != server.TurnedAway || refused.By != access.ByRules || refused.Stage() != session.StageDecision {
			t.Errorf("refused: %+v", refused)
		}
		w.until(time.Minute, "the refused client is gone", func() bool { return len(happened[server.Ended](s)) > 0 })
		if gone := happened[server.Ended](s)[0].Handshake; gone.Outcome != server.TurnedAway || gone.By != access.ByRules {
			t.Errorf("gone: %+v", gone)
		}

		// A client that does not know the server's authority ends it within TLS.
		text := strings.ReplaceAll(ours().profile(t, "carl", ""), "remote-cert-tls server", "remote-cert-tls client")
		c := w.dialText(netip.MustParseAddrPort("192.0.2.77:4000"), "carl", text)
		w.until(2*time.Minute, "who fails in TLS is counted", func() bool {
			n := server.HandshakesOf(s.Server)
			return n[session.StageTLS][server.Broken]+n[session.StageKeys][server.Broken]+n[session.StageTLS][server.Abandoned]+n[session.StageKeys][server.Abandoned] > 0
		})
		c.stop()
		if n := server.HandshakesOf(s.Server); n[session.StageUp][server.Completed] != 1 || n[session.StageDecision][server.TurnedAway] != 1 {
			t.Errorf("counted %v", n)
		}
	})
}

// TestRoomRefuses: a server without room says that it is that.
func TestRoomRefuses(t *testing.T) {
	inBubble(t, simnet.Options{Delay: time.Millisecond}, func(t *testing.T, w *world) {
		s := w.serve("max-clients 1")
		w.connect("anna", "")
		w.dial("bert", "")
		w.until(time.Minute, "one refused", func() bool { return len(happened[server.Refused](s)) > 0 })
		if got := happened[server.Refused](s)[0].Handshake.By; got != access.ByRoom {
			t.Errorf("refused by %q", got)
		}
	})
}
