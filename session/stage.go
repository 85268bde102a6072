package session

// stage says how far the handshake came, for whoever must find out why it
// stopped: first what is known, then what that usually means.
func (g *generation) stage() string {
	switch {
	case !g.heard:
		return "nothing was received from the peer: is it running, are the address and port right, does a firewall pass packets both ways, do both sides have the same tls-auth or tls-crypt key?"
	case g.phase == phaseReset:
		return "the peer's packets arrive but it has not answered the reset"
	case g.phase <= phaseKeys && g.tls != nil:
		return g.halfway()
	case g.phase == phaseVerdict:
		return "the check of the peer's login has not ended"
	case g.phase == phasePush:
		return "the keys are exchanged, the server has not sent its push reply"
	}
	return "data keys are in place"
}

// stage is the generation's, or says of a peer whose packets come and all fail that
// they do.
func (c *control) stage(g *generation) string {
	if g.heard || c.stats.BadControl == 0 {
		return g.stage()
	}
	return "packets come from the peer's address, and none of them fits this side's tls-auth or tls-crypt key, its direction or digest (or they are damaged): give both sides the same key file, the other `key-direction`, and the same `auth`"
}

// largePacket is a size that a path may drop while it passes smaller packets.
const largePacket = 400

// What to say about paths that lose large packets, for each direction.
const (
	narrowOut = "large packets of this side are never acknowledged, while smaller ones are: the path drops them (try max-packet-size 600 here)"
	narrowIn  = "the path mostly drops the peer's large packets then (try max-packet-size 600 there)"
)

// What to say of a peer that acknowledges nothing more, and of one that has nothing
// of TLS in common with a client.
const (
	endedSilently = "it ended the session, or refused this side's certificate, without saying so (OpenVPN mostly sends no TLS alert), and its log says why"
	nothingCommon = "the peer has a certificate of a kind that is not taken here (" + kindsTaken + "), or has nothing else of TLS in common with this side, and falls silent; this side offers "
)

// anew is what a handshake that stopped says if the peer has begun another one since: it
// ended this one itself. It is "" where that tells nothing.
func (g *generation) anew() string {
	if !g.heard || g.tls == nil || !g.tls.answered || g.ch.Stalled().Size == 0 || g.ch.Stalled().Overtaken {
		return ""
	}
	return "TLS began, and then the peer gave up and began anew: it refused this side's certificate, or ended the session for another reason, without saying so (OpenVPN mostly sends no TLS alert), and its log says why"
}

// halfway is the stage of a handshake whose TLS has begun.
func (g *generation) halfway() string {
	stalled := g.ch.Stalled()
	large := stalled.Size > max(largePacket, g.ch.Passed())
	// One that passed is proof that a large packet alone is missing, and a small one that
	// did not, that more is.
	narrow, silent := large && stalled.Overtaken, large && !stalled.Overtaken && stalled.Least <= largePacket
	switch {
	case g.ch.Gap():
		return "some of the peer's TLS arrives, but not all of it in between; " + narrowIn
	case narrow && g.tls.answered:
		return "the peer answers, but " + narrowOut
	case narrow:
		return "the peer answered the reset, but " + narrowOut
	case large && !silent && g.tls.answered:
		return "TLS began, and then the peer stopped acknowledging what this side sends, all of it in large packets: either the path drops those (try max-packet-size 600 here), or " + endedSilently
	case large && !silent:
		return "the peer answered the reset, but acknowledges no large packet of this side: the path drops them (try max-packet-size 600 here), or " + nothingCommon + g.tls.offer()
	case !g.tls.answered && g.tls.server:
		return "the peer answered the reset, but its TLS hello does not come"
	case !g.tls.answered:
		return "the peer answered the reset, and falls silent at the TLS hello: its certificate is of a kind that is not taken here (" + kindsTaken + "), or it finds no version or cipher suite in common (tls-version-min, tls-cipher), and its log says which; this side offers " + g.tls.offer() +
			". Or the path loses the peer's answer, as a path does that drops large packets"
	case stalled.Size > 0:
		return "TLS began, and then the peer stopped acknowledging what this side sends, small packets too: " + endedSilently + "; or the path is gone"
	case g.phase == phaseKeys:
		return "TLS is up on this side and the peer has all that this side sent, its certificate included, but has sent nothing of its own since: it is still checking it, or refused it without saying so, and its log says why"
	}
	return "TLS began and the peer has all that this side sent, but not all of the peer's own TLS arrived; " + narrowIn + ", or it refused this side's certificate without saying so, and its log says why"
}
