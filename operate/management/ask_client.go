package management

import (
	"context"
	"encoding/base64"
	"encoding/pem"
	"fmt"
	"strconv"
	"strings"

	"culvert/config"
	"culvert/role/client"
	"culvert/role/profile/reach"
)

// remoteAnswer and proxyAnswer are what readers choose.
type (
	remoteAnswer = reach.Choice
	proxyAnswer  = reach.Proxy
)

// managed is the back end of a client.
type managed interface{ Controls() client.Controls }

// clientOf returns what may be done to the client at work, or answers that there is none.
func clientOf(r *reader, name string) (x client.Controls, ok bool) {
	m, ok := r.i.tunnel().(managed)
	if !ok {
		r.unsupported(name)
		return x, false
	}
	return m.Controls(), true
}

// Remote is reach.Chooser's: readers are asked by >REMOTE.
func (d Desk) Remote(ctx context.Context, remote config.Remote) (reach.Choice, error) {
	line := fmt.Sprintf(">REMOTE:%s,%s,%s", remote.Host, remote.Port, proto(remote.Proto))
	return d.i.asks.remote.ask(ctx, d.i, "REMOTE", alike(line), nothing)
}

// Proxy is reach.Chooser's: readers are asked by >PROXY.
func (d Desk) Proxy(ctx context.Context, number int, remote config.Remote) (reach.Proxy, error) {
	line := fmt.Sprintf(">PROXY:%d,%s,%s", number, strings.ToUpper(remote.Proto.Transport()), remote.Host)
	return d.i.asks.proxy.ask(ctx, d.i, "PROXY", alike(line), nothing)
}

// proto is a client's protocol in OpenVPN's word.
func proto(p config.Proto) string {
	name := p.Transport()
	if p.Family != 0 {
		name += strconv.Itoa(p.Family)
	}
	if p.TCP {
		name += "-client"
	}
	return name
}

// mostSkipped keeps a number of remotes to pass over within reason.
const mostSkipped = 1000

// doRemote is ACCEPT, SKIP [n] or MOD host port.
func doRemote(r *reader, args []string) {
	var c reach.Choice
	ok := true
	switch {
	case args[0] == "ACCEPT":
	case args[0] == "SKIP" && len(args) > 1:
		c.Skip = min(number(args[1]), mostSkipped)
		ok = c.Skip > 0
	case args[0] == "SKIP":
		c.Skip = 1
	case args[0] == "MOD" && len(args) > 2:
		c.Host, c.Port = args[1], args[2]
		ok = c.Host != "" && c.Port != ""
	default:
		ok = false
	}
	if _, client := clientOf(r, "remote"); !client {
		return
	}
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	if !ok || !i.asks.remote.take(c) {
		r.refuse("remote command failed")
		return
	}
	r.ok("remote command succeeded")
}

// doProxy is NONE, HTTP host port [nct] or SOCKS host port. As with OpenVPN, one that
// nobody asked for succeeds, and changes nothing.
func doProxy(r *reader, args []string) {
	var p reach.Proxy
	switch {
	case args[0] == "NONE":
	case args[0] == "HTTP" && len(args) > 2:
		p = reach.Proxy{Kind: reach.ThroughHTTP, Host: args[1], Port: args[2], NoClear: len(args) > 3 && args[3] == "nct"}
	case args[0] == "SOCKS" && len(args) > 2:
		p = reach.Proxy{Kind: reach.ThroughSOCKS, Host: args[1], Port: args[2]}
	default:
		if _, client := clientOf(r, "proxy"); client {
			r.refuse("proxy command failed")
		}
		return
	}
	if _, client := clientOf(r, "proxy"); !client {
		return
	}
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	i.asks.proxy.take(p)
	r.ok("proxy command succeeded")
}

func doRemoteCount(r *reader, _ []string) {
	if x, ok := clientOf(r, "remote-entry-count"); ok {
		r.say(strconv.Itoa(len(x.Remotes())), "END")
	}
}

// doRemoteGet shows the remotes from the first number on and before the second, or all.
func doRemoteGet(r *reader, args []string) {
	x, ok := clientOf(r, "remote-entry-get")
	if !ok {
		return
	}
	list := x.Remotes()
	from, to := 0, len(list)
	if args[0] != "all" {
		from = min(max(0, number(args[0])), len(list))
		to = from + 1
		if len(args) > 1 {
			to = number(args[1])
		}
	}
	var lines []string
	for n := from; n < min(to, len(list)); n++ {
		e := list[n]
		lines = append(lines, fmt.Sprintf("%d,%s,%s,%s,enabled", n, e.Host, e.Port, proto(e.Proto)))
	}
	r.say(append(lines, "END")...)
}

// retries are the words of auth-retry.
var retries = []struct {
	word  string
	value config.AuthRetry
}{{"none", config.AuthRetryNone}, {"nointeract", config.AuthRetryNoInteract}, {"interact", config.AuthRetryInteract}}

// doAuthRetry shows what a client does when its login is refused, or changes it.
func doAuthRetry(r *reader, args []string) {
	if len(args) == 0 {
		for _, w := range retries {
			if w.value == authRetry(r.i) {
				r.ok("auth-retry=%s", w.word)
			}
		}
		return
	}
	for _, w := range retries {
		if w.word == args[0] {
			setAuthRetry(r.i, w.value)
			r.ok("auth-retry parameter changed")
			return
		}
	}
	r.say("--auth-retry method must be 'interact', 'nointeract', or 'none'", "ERROR: bad auth-retry parameter")
}

// authRetry is the client's, or of the configuration as long as there is none.
func authRetry(i *Interface) config.AuthRetry {
	if m, ok := i.tunnel().(managed); ok {
		return m.Controls().AuthRetry()
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.asks.retry != nil {
		return *i.asks.retry
	}
	return i.process.AuthRetry()
}

// setAuthRetry changes the client's, at once or when there is one.
func setAuthRetry(i *Interface, value config.AuthRetry) {
	i.mu.Lock()
	i.asks.retry = &value
	i.mu.Unlock()
	if m, ok := i.tunnel().(managed); ok {
		m.Controls().SetAuthRetry(value)
	}
}

// attached tells a client what readers set before there was one. The caller holds the
// lock.
func (a *asks) attached(b any) {
	if m, ok := b.(managed); ok && a.retry != nil {
		m.Controls().SetAuthRetry(*a.retry)
	}
}

// forget forgets the passwords that were entered.
func forget(i *Interface) {
	if m, ok := i.tunnel().(managed); ok {
		m.Controls().ForgetPasswords()
	}
}

// doChallengeResponse sends the server the answer to >INFOMSG:CR_TEXT.
func doChallengeResponse(r *reader, args []string) {
	x, ok := clientOf(r, "cr-repsonse") // as OpenVPN spells it
	if !ok {
		return
	}
	if err := x.Respond(args[0]); err != nil {
		r.refuse("command failed")
		return
	}
	r.ok("command succeeded")
}

// signRequest is what is to be signed, and how.
type signRequest struct{ data, algorithm string }

// Sign is profile.KeyStore's: readers are asked by >PK_SIGN, or those from before
// version 2 by >RSA_SIGN.
func (d Desk) Sign(ctx context.Context, data []byte, algorithm string) ([]byte, error) {
	s := signRequest{base64.StdEncoding.EncodeToString(data), algorithm}
	return d.i.asks.sign.ask(ctx, d.i, signing, s.line, nothing)
}

// signing is the kind of the standing message of a signature.
const signing = "PK_SIGN"

func (s signRequest) line(version int) string {
	switch {
	case version > 2:
		return ">PK_SIGN:" + s.data + "," + s.algorithm
	case version == 2:
		return ">PK_SIGN:" + s.data
	}
	return ">RSA_SIGN:" + s.data
}

// takeSignature takes the signature in the lines after a command, whose name in answers is
// another.
func takeSignature(r *reader, command, name string) {
	i := r.i
	i.mu.Lock()
	waits := i.asks.sign.answer != nil
	i.mu.Unlock()
	if !waits {
		r.unavailable(command)
		return
	}
	r.several(func(lines []string) {
		signature, err := decode(lines)
		if err != nil || len(signature) == 0 {
			r.refuse("%s command failed", name)
			return
		}
		taken(r, name, &i.asks.sign, signature)
	})
}

// taken answers a question, and the reader.
func taken(r *reader, name string, q *question[[]byte], answer []byte) {
	r.i.mu.Lock()
	defer r.i.mu.Unlock()
	if !q.take(answer) {
		r.refuse("%s command failed", name)
		return
	}
	r.ok("%s command succeeded", name)
}

// decode joins lines of base64.
func decode(lines []string) ([]byte, error) {
	return base64.StdEncoding.DecodeString(strings.Join(strings.Fields(strings.Join(lines, "")), ""))
}

// Certificate is profile.KeyStore's: readers are asked by >NEED-CERTIFICATE.
func (d Desk) Certificate(ctx context.Context, hint string) ([]byte, error) {
	return d.i.asks.cert.ask(ctx, d.i, "NEED-CERTIFICATE", alike(">NEED-CERTIFICATE:"+hint), nothing)
}

// doCertificate takes a certificate in PEM, or the same in base64, up to END.
func doCertificate(r *reader, _ []string) {
	i := r.i
	i.mu.Lock()
	waits := i.asks.cert.answer != nil
	i.mu.Unlock()
	if !waits {
		r.unavailable("certificate")
		return
	}
	r.several(func(lines []string) { taken(r, "certificate", &i.asks.cert, certificate(lines)) })
}

// certificate is the PEM in lines: as they are, in base64, or made of DER in base64.
func certificate(lines []string) []byte {
	text := strings.Join(lines, "\n") + "\n"
	const mark = "-----BEGIN"
	if strings.Contains(text, mark) {
		return []byte(text)
	}
	der, err := decode(lines)
	switch {
	case err != nil || len(der) == 0:
		return []byte(text) // whoever asked says what is wrong with it
	case strings.HasPrefix(string(der), mark):
		return der
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}
