package negotiate

import (
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"culvert/internal/printable"
)

// ErrChallenge is wrapped by what is wrong with a challenge.
var ErrChallenge = errors.New("bad challenge")

// ParseAuthPending reads the keywords of AUTH_PENDING: how long the server
// waits for a login to end, or usual if it does not say.
func ParseAuthPending(text string, usual time.Duration) time.Duration {
	for keyword := range strings.SplitSeq(text, ",") {
		words := strings.Fields(keyword)
		if len(words) != 2 || words[0] != "timeout" {
			continue
		}
		if n, err := strconv.ParseUint(words[1], 10, 24); err == nil && n > 0 {
			return time.Duration(n) * time.Second
		}
	}
	return usual
}

// InfoPre is the text of INFO_PRE: something a user has to do. One of URL and
// Challenge is set, or neither where the kind is not known.
type InfoPre struct {
	Text string // as it came, fit for a log
	// URL is to be opened in a browser (OPEN_URL, WEB_AUTH).
	URL string
	// Challenge is a question to the user (CR_TEXT). Answer says that an answer
	// is wanted, Echo that it may be shown as it is typed.
	Challenge    string
	Answer, Echo bool
}

// ParseInfoPre reads the text after "INFO_PRE,".
func ParseInfoPre(text string) InfoPre {
	i := InfoPre{Text: printable.Name(text)}
	kind, rest, _ := strings.Cut(text, ":")
	switch kind {
	case "OPEN_URL":
		i.URL = webURL(rest)
	case "WEB_AUTH":
		// The flags before the address may hold colons of their own.
		if at := strings.Index(rest, ":http"); at >= 0 {
			i.URL = webURL(rest[at+1:])
		}
	case "CR_TEXT":
		flags, challenge, _ := strings.Cut(rest, ":")
		i.Challenge = printable.Name(challenge)
		i.Answer, i.Echo = hasFlag(flags, "R"), hasFlag(flags, "E")
	}
	return i
}

// webURL lets only addresses of the web through: what a server sends is opened
// by the user.
func webURL(text string) string {
	if !strings.HasPrefix(text, "https://") && !strings.HasPrefix(text, "http://") || strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return ""
	}
	return text
}

func hasFlag(flags, flag string) bool {
	return slices.Contains(strings.Split(flags, ","), flag)
}

// Challenge is a dynamic challenge: the reason of an AUTH_FAILED that asks for
// another login with the answer to a question in it.
//
//	CRV1:flags:state:username in base64:question
type Challenge struct {
	State        string // opaque, goes back to the server
	Username     string
	Text         string // the question, fit for a terminal
	Answer, Echo bool
}

const dynamicChallenge = "CRV1:"

// IsChallenge reports whether the reason of an AUTH_FAILED is a challenge.
func IsChallenge(reason string) bool { return strings.HasPrefix(reason, dynamicChallenge) }

// ParseChallenge reads a dynamic challenge. It fails with ErrChallenge.
func ParseChallenge(reason string) (*Challenge, error) {
	fields := strings.SplitN(reason, ":", 5)
	if len(fields) != 5 || fields[0]+":" != dynamicChallenge {
		return nil, fmt.Errorf("%w: expected CRV1:flags:state:user:question, got %.40q", ErrChallenge, reason)
	}
	name, err := base64.StdEncoding.DecodeString(fields[3])
	if err != nil {
		return nil, fmt.Errorf("%w: the user name is not in base64", ErrChallenge)
	}
	return &Challenge{State: fields[2], Username: string(name), Text: printable.Name(fields[4]),
		Answer: hasFlag(fields[1], "R"), Echo: hasFlag(fields[1], "E")}, nil
}

// Password is what answers the challenge in place of a password.
func (c *Challenge) Password(answer string) string { return "CRV1::" + c.State + "::" + answer }

// StaticResponse packs a password and the answer to a static challenge into
// one (SCRV1).
func StaticResponse(password, answer string) string {
	encode := base64.StdEncoding.EncodeToString
	return "SCRV1:" + encode([]byte(password)) + ":" + encode([]byte(answer))
}

// ParseToken finds auth-token among pushed options, and the user name that
// goes with it; "" where there is none.
func ParseToken(options []string) (token, username string) {
	for _, option := range options {
		words := strings.Fields(option)
		if len(words) != 2 {
			continue
		}
		switch words[0] {
		case "auth-token":
			token = words[1]
		case "auth-token-user":
			if name, err := base64.StdEncoding.DecodeString(words[1]); err == nil {
				username = string(name)
			}
		}
	}
	return token, username
}
