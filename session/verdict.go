package session

import "culvert/session/negotiate"

// verdict is a server's decision about a client, and the push reply or refusal
// that tells the client: it is sent once the client asks, or at once to one that
// takes it unasked. The zero value waits for a client.
type verdict struct {
	hello     *Hello // who the client is; nil: not known yet
	requested bool   // the client has asked
	decided   bool
	admitted  bool     // the decision
	reply     []string // its messages; kept for a client that asks again
}

// asked reports whether a client waits for the decision.
func (v *verdict) asked() bool { return v.hello != nil && !v.decided }

// admit decides for the client; reply is what it is pushed.
func (v *verdict) admit(reply []string) { v.reply, v.decided, v.admitted = reply, true, true }

// refuse decides against the client, which is told unasked.
func (v *verdict) refuse(reason string) {
	v.reply, v.decided, v.requested = []string{authFailed(reason)}, true, true
}

// due reports whether the reply is to be sent now.
func (v *verdict) due() bool {
	return v.reply != nil && (v.requested || v.takes(negotiate.ProtoRequestPush))
}

// takes reports whether the client has said that it knows a feature.
func (v *verdict) takes(feature negotiate.Proto) bool {
	return v.hello != nil && v.hello.PeerInfo.Has(feature)
}

// forget drops the reply: given again, it would take back what the client was
// told since.
func (v *verdict) forget() { v.reply = nil }

func authFailed(reason string) string {
	if reason == "" {
		return "AUTH_FAILED"
	}
	return "AUTH_FAILED," + reason
}
