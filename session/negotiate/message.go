package negotiate

import (
	"strconv"
	"strings"
	"time"
)

// Restart is what a server says with RESTART, HALT or AUTH_FAILED: go, and
// what to do next.
type Restart struct {
	Reason string
	// SameServer: reconnect to the server that said it.
	SameServer bool
	// NextAddress, NextRemote: skip the rest of this name's addresses, or
	// of this remote (AUTH_FAILED,TEMP).
	NextAddress, NextRemote bool
	// Backoff is the least time to wait.
	Backoff time.Duration
	// Temporary: trying again makes sense (AUTH_FAILED,TEMP).
	Temporary bool
	// SessionOver: a token is no longer good; to log in anew may help
	// (AUTH_FAILED,SESSION).
	SessionOver bool
}

// ParseRestart reads the text after "RESTART," or "HALT,": flags in brackets,
// then words for people.
func ParseRestart(text string) Restart {
	flags, reason := bracketed(text)
	return Restart{
		Reason:     reason,
		SameServer: !strings.Contains(flags, "N"),
		Temporary:  true,
	}
}

// ParseAuthFailed reads the text after "AUTH_FAILED,": perhaps TEMP with
// keywords, perhaps SESSION, then words for people.
func ParseAuthFailed(text string) Restart {
	rest, temporary := strings.CutPrefix(text, "TEMP")
	if !temporary {
		reason, over := strings.CutPrefix(text, "SESSION:")
		return Restart{Reason: reason, SameServer: true, SessionOver: over}
	}
	keywords, reason := bracketed(rest)
	r := Restart{Reason: strings.TrimPrefix(reason, ":"), Temporary: true}
	for keyword := range strings.SplitSeq(keywords, ",") {
		r.keyword(strings.Fields(keyword))
	}
	return r
}

func (r *Restart) keyword(words []string) {
	if len(words) != 2 {
		return
	}
	switch words[0] + " " + words[1] {
	case "advance no":
		r.SameServer = true
	case "advance addr":
		r.NextAddress = true
	case "advance remote":
		r.NextRemote = true
	}
	if words[0] == "backoff" {
		if n, err := strconv.ParseUint(words[1], 10, 16); err == nil {
			r.Backoff = time.Duration(n) * time.Second
		}
	}
}

// bracketed splits "[inside]rest".
func bracketed(text string) (inside, rest string) {
	if strings.HasPrefix(text, "[") {
		if in, after, ok := strings.Cut(text[1:], "]"); ok {
			return in, after
		}
	}
	return "", text
}
