package pam

import (
	"slices"
	"strings"

	"culvert/access/auth"
)

// Login is a client that logs in.
type Login struct {
	Username, Password string
	CommonName         string // of its certificate; "" without one
	Remote             string // its address, which modules see as PAM_RHOST
}

// Request is what the helper program is to ask PAM. Make it with NewRequest.
type Request struct {
	Service string // names a file of /etc/pam.d
	// Prompts are pairs: how a module's question begins, and what answers it. Without
	// any, what is asked without echo is answered by the password, and all else by the
	// user name.
	Prompts []string
	Login
	OTP string // the answer to static-challenge; "" if there is none
}

// NewRequest returns the request about a login. A password as a client with
// static-challenge sends it (SCRV1) is taken apart.
func NewRequest(service string, prompts []string, l Login) *Request {
	r := &Request{Service: service, Prompts: prompts, Login: l}
	if password, answer, ok := auth.SplitStatic(l.Password); ok {
		r.Password, r.OTP = password, answer
	}
	return r
}

// The words of an answer that stand for what the client sent (README.auth-pam of
// OpenVPN).
const (
	wordUsername   = "USERNAME"
	wordPassword   = "PASSWORD"
	wordCommonName = "COMMONNAME"
	wordOTP        = "OTP"
)

// User is whom PAM is told from the start; "" if a module has to ask.
func (r *Request) User() string {
	if len(r.Prompts) > 0 {
		return ""
	}
	return r.Username
}

// Respond answers a module's question, which is hidden if what is typed would not be
// shown. It fails where no prompt is the beginning of the question, letters of either
// case, and where the client did not send what the answer needs.
func (r *Request) Respond(question string, hidden bool) (answer string, ok bool) {
	if len(r.Prompts) == 0 {
		if hidden {
			return r.Password, true
		}
		return r.Username, true
	}
	question = strings.TrimLeftFunc(question, func(c rune) bool { return !isWord(c) })
	for pair := range slices.Chunk(r.Prompts, 2) {
		if len(pair) == 2 && len(question) >= len(pair[0]) && strings.EqualFold(question[:len(pair[0])], pair[0]) {
			return r.fill(pair[1])
		}
	}
	return "", false
}

func isWord(c rune) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

// fill puts what the client sent into an answer.
func (r *Request) fill(answer string) (string, bool) {
	if r.CommonName == "" && strings.Contains(answer, wordCommonName) || r.OTP == "" && strings.Contains(answer, wordOTP) {
		return "", false
	}
	return strings.NewReplacer(wordUsername, r.Username, wordPassword, r.Password, wordCommonName, r.CommonName, wordOTP, r.OTP).Replace(answer), true
}

// Append appends the request as the helper program reads it.
func (r *Request) Append(b []byte) ([]byte, error) {
	return appendFrame(b, append([]string{r.Service, r.Username, r.Password, r.CommonName, r.Remote, r.OTP}, r.Prompts...))
}

// ParseRequest reads what Append wrote.
func ParseRequest(b []byte) (*Request, error) {
	all, err := parseFrame(b)
	if err != nil {
		return nil, err
	}
	if len(all) < 6 || len(all)%2 != 0 || all[0] == "" {
		return nil, errFrame
	}
	return &Request{Service: all[0], Login: Login{Username: all[1], Password: all[2], CommonName: all[3], Remote: all[4]}, OTP: all[5], Prompts: all[6:]}, nil
}

// Answer is what PAM said.
type Answer struct {
	OK bool
	// Why says, in words of PAM, why not; it is for this side's log.
	Why string
	// Unanswered is a module's question that nothing answers.
	Unanswered string
}

// Append appends the answer as ParseAnswer reads it. What is too long is cut.
func (a *Answer) Append(b []byte) ([]byte, error) {
	verdict := "no"
	if a.OK {
		verdict = "yes"
	}
	return appendFrame(b, []string{verdict, bounded(a.Why), bounded(a.Unanswered)})
}

func bounded(s string) string { return s[:min(len(s), maxString)] }

// ParseAnswer reads an answer.
func ParseAnswer(b []byte) (Answer, error) {
	all, err := parseFrame(b)
	if err != nil {
		return Answer{}, err
	}
	if len(all) != 3 || all[0] != "yes" && all[0] != "no" {
		return Answer{}, errFrame
	}
	return Answer{OK: all[0] == "yes", Why: all[1], Unanswered: all[2]}, nil
}
