package backend

import (
	"time"

	"culvert/role/server"
	"culvert/session"
)

// Handshake is how a handshake goes, or went: the first of a session, or a renewal of its
// keys. Each time is when a stage ended; one that is not set did not end, or there is no
// such stage. A stage begins when the one before it ended.
type Handshake struct {
	Began    time.Time `json:"began" doc:"when the peer had proven its address, or this end sent its first packet"`
	Answer   time.Time `json:"answer,omitzero" doc:"when the peer's first packet came"`
	TLS      time.Time `json:"tls,omitzero" doc:"when TLS was up"`
	Keys     time.Time `json:"keys,omitzero" doc:"when the peer's key exchange message was read"`
	Decision time.Time `json:"decision,omitzero" doc:"when a server had decided about its client"`
	Push     time.Time `json:"push,omitzero" doc:"when the settings were sent, or had come"`
	Up       time.Time `json:"up,omitzero" doc:"when the keys of the data channel were in use"`
	// Stage is where it is, or stopped.
	Stage   string `json:"stage" doc:"where it is or stopped: answer, tls, keys, decision, push or up"`
	Outcome string `json:"outcome,omitempty" doc:"completed, refused, abandoned, displaced, cut-short or failed; not set while it is under way"`
	By      string `json:"by,omitempty" doc:"who refused: login, key, list, rules, program, settings, cipher or room"`
}

// handshakeOf returns how a handshake went, nil where there was none. Those of a client or of
// two hosts are told in the words of a server's.
func handshakeOf(h server.Handshake) *Handshake {
	if h.Began.IsZero() {
		return nil
	}
	return &Handshake{
		Began: h.Began, Answer: h.Ends[session.StageAnswer], TLS: h.Ends[session.StageTLS], Keys: h.Ends[session.StageKeys],
		Decision: h.Ends[session.StageDecision], Push: h.Ends[session.StagePush], Up: h.Ends[session.StageUp],
		Stage: h.Stage().String(), Outcome: h.Outcome.String(), By: string(h.By),
	}
}

// ended returns how a handshake of a client or of two hosts ended.
func ended(c session.Course, how server.Outcome) *Handshake {
	return handshakeOf(server.Handshake{Course: c, Outcome: how})
}
