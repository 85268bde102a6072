package server

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"

	"culvert/access/auth"
	"culvert/internal/buf"
	"culvert/tunnel"
)

// TestRefusedLogin: the log has whose login was refused, and why where that is
// known.
func TestRefusedLogin(t *testing.T) {
	c := &client{name: "cli", Peer: tunnel.NewPeer(nil, nil, buf.Path{}, nil)}
	c.login.user = "joe"
	for reason, want := range map[string]string{"": "", "too late": `reason="too late"`, "CRV1:R:id:am9l:PIN": `reason="a challenge"`} {
		var log bytes.Buffer
		s := &Server{log: slog.New(slog.NewTextHandler(&log, nil))}
		s.refusedLogin(c, auth.Verdict{Reason: reason})
		if got := log.String(); !strings.Contains(got, "user=joe") || !strings.Contains(got, want) || strings.Contains(got, "reason=") != (want != "") {
			t.Errorf("%q: %s", reason, got)
		}
	}
}
