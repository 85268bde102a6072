//go:build interop

package interop

import (
	"bufio"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
)

// double stands in for openvpn-auth-oauth2: it says to the management interface what
// version 2.0 of that program was recorded to say, and to the browser and the provider
// what OpenID Connect asks for.
type double struct {
	at       string // its own URL
	provider string
	conn     net.Conn

	mu     sync.Mutex
	logins map[string]string // "CID KID" by the state in the page's address
	proofs map[string]string // the secret behind a code challenge, by state
	fresh  map[string]string // refresh tokens, by CID
}

// signOnDouble manages the process behind a socket, until one of them ends.
func signOnDouble(socket, host string) error {
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	d := &double{at: "http://" + host + ":9000", provider: "http://" + host + ":9100", conn: conn,
		logins: map[string]string{}, proofs: map[string]string{}, fresh: map[string]string{}}
	http.HandleFunc("GET /oauth2/start", d.start)
	http.HandleFunc("GET /oauth2/callback", d.callback)
	failed := make(chan error, 2)
	go func() { failed <- http.ListenAndServe(host+":9000", nil) }()
	go func() { failed <- d.read() }()
	return <-failed
}

var clientMessage = regexp.MustCompile(`^>CLIENT:(CONNECT|REAUTH),(\d+),(\d+)$`)

// neverSignsIn is a user name for whom the double waits four seconds. For others it waits as
// long as a busy machine needs.
const neverSignsIn = "nobody"

func (d *double) read() error {
	var client []string // who wants to come in: what its message says before its variables
	limit := 0
	for in := bufio.NewScanner(d.conn); ; {
		if !in.Scan() {
			return in.Err()
		}
		line := in.Text()
		fmt.Println(line)
		switch found := clientMessage.FindStringSubmatch(line); {
		case strings.HasPrefix(line, ">INFO:"):
			fmt.Fprintln(d.conn, "version")
		case strings.HasPrefix(line, ">HOLD:"):
			fmt.Fprintln(d.conn, "hold release")
		case strings.HasPrefix(line, "ERROR:"):
			return fmt.Errorf("a command was refused: %s", line)
		case found != nil:
			client, limit = found, 30
		case line == ">CLIENT:ENV,username="+neverSignsIn:
			limit = 4
		case line == ">CLIENT:ENV,END" && client != nil:
			d.login(client[2], client[3], limit)
			client = nil
		}
	}
}

// login lets a client in whose user is still known, or sends the user to a page, and waits
// for so many seconds.
func (d *double) login(cid, kid string, limit int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if old := d.fresh[cid]; old != "" {
		if _, fresh := d.tokens(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {old}}); fresh != "" {
			d.fresh[cid] = fresh
			fmt.Fprintf(d.conn, "client-auth-nt %s %s\n", cid, kid)
			return
		}
	}
	state := rand.Text()
	d.logins[state], d.proofs[state] = cid+" "+kid, rand.Text()
	fmt.Fprintf(d.conn, "client-pending-auth %s %s \"WEB_AUTH::%s/oauth2/start?state=%s\" %d\n", cid, kid, d.at, state, limit)
}

// start sends the browser on to the provider.
func (d *double) start(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	state := r.FormValue("state")
	proof := sha256.Sum256([]byte(d.proofs[state]))
	http.Redirect(w, r, d.provider+"/authorize?"+url.Values{"client_id": {"lab"}, "redirect_uri": {d.at + "/oauth2/callback"}, "response_type": {"code"}, "state": {state},
		"code_challenge": {word(proof[:])}, "code_challenge_method": {"S256"}}.Encode(), http.StatusFound)
}

// callback decides.
func (d *double) callback(w http.ResponseWriter, r *http.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	state := r.FormValue("state")
	login := d.logins[state]
	identity, fresh := d.tokens(url.Values{"grant_type": {"authorization_code"}, "code": {r.FormValue("code")}, "code_verifier": {d.proofs[state]}, "redirect_uri": {d.at + "/oauth2/callback"}})
	if _, groups := claims(identity); !slices.Contains(groups, "vpn") {
		fmt.Fprintf(d.conn, "client-deny %s \"client rejected\"\n", login)
		http.Error(w, "you may not", http.StatusForbidden)
		return
	}
	fmt.Fprintf(d.conn, "client-auth %s\nEND\n", login)
	cid, _, _ := strings.Cut(login, " ")
	d.fresh[cid] = fresh
}

// tokens asks the provider; "" for what it does not give.
func (d *double) tokens(asked url.Values) (identity, fresh string) {
	asked.Set("client_id", "lab")
	resp, err := http.PostForm(d.provider+"/token", asked)
	if err != nil {
		return "", ""
	}
	defer resp.Body.Close()
	var got struct {
		Identity string `json:"id_token"`
		Fresh    string `json:"refresh_token"`
	}
	json.NewDecoder(resp.Body).Decode(&got)
	return got.Identity, got.Fresh
}
