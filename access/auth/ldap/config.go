package ldap

import (
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-ldap/ldap/v3"
)

// Config is what the plugin's configuration file says. Parse reads one.
type Config struct {
	URLs             []string // of servers, tried in order: ldap, ldaps or ldapi
	BindDN, Password string   // as whom entries are searched; "": as nobody
	Timeout          time.Duration
	StartTLS         bool
	CAFile, CADir    string // "" both: this system's authorities
	CertFile, Key    string // this side's own, if servers ask for one

	BaseDN       string
	Filter       string // %u stands for the user name
	RequireGroup bool
	// ChallengeResponse: passwords come with the answer to a challenge.
	ChallengeResponse bool
	Groups            []Group

	// Notes say what has no effect, and what is risky.
	Notes []Note
}

// Note is a remark on a line of the file.
type Note struct {
	Line int
	Text string
}

// Group are groups whose members may come in.
type Group struct {
	BaseDN, Filter string
	Member         string // the attribute that lists the members
	ByName         bool   // it has user names, not their entries' names
	Search         bool   // ask by a search, not by a comparison
}

// defaultTimeout is what a file without a Timeout gets: the example's.
const defaultTimeout = 15 * time.Second

// maxTimeout is an hour, in seconds.
const maxTimeout = 3600

// parser reads a file. Its key method knows what each key means.
type parser struct {
	*Config
	file     string
	sections []string                   // that are open, the innermost last
	seen     map[string]map[string]bool // keys by section
	done     map[string]bool            // sections
	current  statement
	at       map[string]int // the last line of each key
}

// Parse reads a configuration file of the plugin auth-ldap; name is for messages. An
// error is an *Error.
func Parse(name string, text []byte) (*Config, error) {
	p := &parser{Config: &Config{Timeout: defaultTimeout}, file: name, seen: map[string]map[string]bool{}, done: map[string]bool{}, at: map[string]int{}}
	p.current.line = 1
	if len(text) > maxFile {
		return nil, p.fault("", "", fmt.Sprintf("expected a file of at most %d bytes", maxFile), "name the plugin's configuration file")
	}
	l := &lexer{text: string(text), line: 1}
	for {
		s, more := l.next()
		if !more {
			break
		}
		p.current = s
		if err := p.take(s); err != nil {
			return nil, err
		}
	}
	p.current.line = l.line
	if len(p.sections) > 0 {
		return nil, p.fault(p.sections[len(p.sections)-1], "", "the section is not closed", "add </"+p.sections[len(p.sections)-1]+">")
	}
	for _, needed := range []string{"LDAP", "Authorization"} {
		if !p.done[needed] {
			return nil, p.fault("", "", "there is no section <"+needed+">", "add it")
		}
	}
	return p.Config, p.whole()
}

// fault is an error at the statement that is being read.
func (p *parser) fault(key, value, reason, mend string) error {
	return &Error{p.file, p.current.line, key, value, reason, mend}
}

func (p *parser) take(s statement) error {
	if s.unreadable != "" {
		return p.fault(s.name, "", s.unreadable, "")
	}
	switch s.kind {
	case begins:
		return p.begin(s)
	case ends:
		return p.end(s)
	}
	if len(p.sections) == 0 {
		return p.fault(s.name, "", "stands outside of a section", "expected <LDAP> or <Authorization> before it")
	}
	section := p.sections[len(p.sections)-1]
	key := canonical(s.name, keys[section])
	switch {
	case strings.EqualFold(s.name, "PFTable"):
		return p.fault(s.name, s.value, "there is no packet filter with tables here", "remove the line; client-connect and client-disconnect can run a program that keeps a firewall's sets")
	case key == "":
		return p.fault(s.name, "", "is no key of section "+section, "expected one of "+strings.Join(keys[section], ", "))
	case p.seen[section][key]:
		return p.fault(key, "", "stands there already", "keep one of the two lines")
	case s.value == "":
		return p.fault(key, "", "expected a value", "write it behind the key, or remove the line")
	}
	p.seen[section][key], p.at[key] = true, s.line
	return p.key(key, s.value)
}

// The sections, and the keys of each.
var keys = map[string][]string{
	"LDAP":          {"URL", "BindDN", "Password", "Timeout", "FollowReferrals", "TLSEnable", "TLSCACertFile", "TLSCACertDir", "TLSCertFile", "TLSKeyFile", "TLSCipherSuite"},
	"Authorization": {"BaseDN", "SearchFilter", "RequireGroup", "PasswordIsCR"},
	"Group":         {"BaseDN", "SearchFilter", "MemberAttribute", "RFC2307bis", "UseCompareOperation"},
}

// needed are the keys without which a section is of no use.
var needed = map[string][]string{"LDAP": {"URL"}, "Authorization": {"BaseDN", "SearchFilter"}, "Group": {"BaseDN", "SearchFilter", "MemberAttribute"}}

// canonical is a word as the list has it, in any case of letters; "" if it is not there.
func canonical(word string, list []string) string {
	if i := slices.IndexFunc(list, func(k string) bool { return strings.EqualFold(k, word) }); i >= 0 {
		return list[i]
	}
	return ""
}

func (p *parser) begin(s statement) error {
	within, may := "", []string{"LDAP", "Authorization"}
	if n := len(p.sections); n > 0 {
		within = p.sections[n-1]
		if may = nil; within == "Authorization" {
			may = []string{"Group"}
		}
	}
	name := canonical(s.name, may)
	switch {
	case name == "" && within == "":
		return p.fault("<"+s.name+">", "", "is no section", "expected <LDAP> or <Authorization>; <Group> stands inside of <Authorization>")
	case name == "":
		return p.fault("<"+s.name+">", "", "may not stand inside of section "+within, "close that first, by </"+within+">")
	case s.named:
		return p.fault("<"+name+">", "", "the section may have no name", "write <"+name+">")
	case name != "Group" && p.done[name]:
		return p.fault("<"+name+">", "", "stands there already", "write all of it in one section")
	}
	p.sections = append(p.sections, name)
	p.seen[name] = map[string]bool{}
	if name == "Group" {
		p.Groups = append(p.Groups, Group{})
	}
	return nil
}

func (p *parser) end(s statement) error {
	if len(p.sections) == 0 || !strings.EqualFold(s.name, p.sections[len(p.sections)-1]) {
		expected := "expected no end of a section, since none is open"
		if n := len(p.sections); n > 0 {
			expected = "expected </" + p.sections[n-1] + ">"
		}
		return p.fault("</"+s.name+">", "", expected, "")
	}
	name := p.sections[len(p.sections)-1]
	for _, key := range needed[name] {
		if !p.seen[name][key] {
			return p.fault("</"+name+">", "", "section "+name+" has no "+key, "add it")
		}
	}
	p.sections = p.sections[:len(p.sections)-1]
	p.done[name] = true
	return nil
}

// key takes a value.
func (p *parser) key(key, value string) error {
	if p.sections[len(p.sections)-1] == "Group" {
		return p.groupKey(&p.Groups[len(p.Groups)-1], key, value)
	}
	switch key {
	case "URL":
		return p.servers(value)
	case "BindDN":
		p.BindDN = value
		return p.dn(key, value)
	case "Password":
		p.Password = value
	case "Timeout":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > maxTimeout {
			return p.fault(key, value, fmt.Sprintf("expected seconds, a whole number from 0 to %d", maxTimeout), "")
		}
		if n > 0 {
			p.Timeout = time.Duration(n) * time.Second
		}
	case "FollowReferrals":
		yes, err := p.yes(key, value)
		if yes {
			p.note("FollowReferrals: has no effect: a referral leads to a server that this file does not name, and the password would go to the server of URL all the same; name the server that has the users in URL")
		}
		return err
	case "TLSEnable":
		return p.flag(&p.StartTLS, key, value)
	case "TLSCACertFile":
		p.CAFile = value
	case "TLSCACertDir":
		p.CADir = value
	case "TLSCertFile":
		p.CertFile = value
	case "TLSKeyFile":
		p.Key = value
	case "TLSCipherSuite":
		p.note("TLSCipherSuite: has no effect: TLS 1.2 or newer is used, with the suites that are good today")
	case "BaseDN":
		p.BaseDN = value
		return p.dn(key, value)
	case "SearchFilter":
		value = joined(value)
		p.Filter = value
		if !strings.Contains(value, userWord) {
			return p.fault(key, value, "expected "+userWord+" where the user name goes: without it, one entry's password would do for any name", "write it as in (uid=%u)")
		}
		return p.filter(key, strings.ReplaceAll(value, userWord, "x"), value)
	case "RequireGroup":
		return p.flag(&p.RequireGroup, key, value)
	case "PasswordIsCR":
		return p.flag(&p.ChallengeResponse, key, value)
	}
	return nil
}

func (p *parser) groupKey(g *Group, key, value string) error {
	switch key {
	case "BaseDN":
		g.BaseDN = value
		return p.dn(key, value)
	case "SearchFilter":
		value = joined(value)
		g.Filter = value
		return p.filter(key, value, value)
	case "MemberAttribute":
		g.Member = value
		return p.filter(key, "("+value+"=x)", value)
	case "RFC2307bis":
		yes, err := p.yes(key, value)
		g.ByName = !yes
		return err
	case "UseCompareOperation":
		yes, err := p.yes(key, value)
		g.Search = !yes
		return err
	}
	return nil
}

// userWord stands for the user name in a filter.
const userWord = "%u"

func (p *parser) note(text string) {
	p.Notes = append(p.Notes, Note{p.current.line, text})
}

func (p *parser) flag(to *bool, key, value string) (err error) {
	*to, err = p.yes(key, value)
	return err
}

func (p *parser) yes(key, value string) (bool, error) {
	switch strings.ToLower(value) {
	case "yes", "true", "1":
		return true, nil
	case "no", "false", "0":
		return false, nil
	}
	return false, p.fault(key, value, "expected yes or no", "")
}

func (p *parser) dn(key, value string) error {
	if _, err := ldap.ParseDN(value); err != nil {
		return p.fault(key, value, "expected the name of an entry, such as ou=People,dc=example,dc=com: "+plain(err), "")
	}
	return nil
}

func (p *parser) filter(key, filter, value string) error {
	if _, err := ldap.CompileFilter(filter); err != nil {
		return p.fault(key, value, "expected a filter of LDAP, such as (uid=%u): "+plain(err), "look at its brackets")
	}
	return nil
}

// between are blanks and ends of lines that stand between parts of a filter.
var between = regexp.MustCompile(`([()&|!])\s+([()])`)

// joined is a filter without what only makes it easier to read, which the plugin's
// library allows.
func joined(filter string) string { return between.ReplaceAllString(filter, "$1$2") }

// plain is what the library says is wrong, without what kind of error it is.
func plain(err error) string {
	text := err.Error()
	if _, after, ok := strings.Cut(text, "ldap: "); ok {
		return after
	}
	return text
}

// servers reads URLs with blanks between them.
func (p *parser) servers(value string) error {
	for _, word := range strings.Fields(value) {
		if at := strings.LastIndex(word, "@"); at >= 0 && !strings.HasPrefix(word, "ldapi:") { // what is before it may be a password
			return p.fault("URL", "…"+word[at:], "expected the address of an LDAP server without a name and a password, which BindDN and Password take", "")
		}
		u, err := parseURL(word)
		if err != nil || !slices.Contains([]string{"ldap", "ldaps", "ldapi"}, u.Scheme) || u.Host == "" && u.Scheme != "ldapi" {
			return p.fault("URL", word, "expected the address of an LDAP server, such as ldap://ldap.example.org or ldaps://ldap.example.org:636", "")
		}
		p.URLs = append(p.URLs, word)
	}
	if len(p.URLs) == 0 {
		return p.fault("URL", value, "expected the address of an LDAP server", "")
	}
	return nil
}

// parseURL reads the address of a server. The socket of ldapi may stand where a host
// does, with its slashes escaped.
func parseURL(text string) (*url.URL, error) {
	if socket, ok := strings.CutPrefix(text, "ldapi://"); ok {
		path, err := url.PathUnescape(socket)
		return &url.URL{Scheme: "ldapi", Path: path}, err
	}
	return url.Parse(text)
}

// inTheClear reports whether a server is reached over the network without TLS.
func inTheClear(server string) bool {
	u, err := parseURL(server)
	if err != nil || u.Scheme != "ldap" || u.Hostname() == "localhost" {
		return false
	}
	a, err := netip.ParseAddr(u.Hostname())
	return err != nil || !a.IsLoopback()
}

// whole checks that the keys make sense together.
func (p *parser) whole() error {
	scheme := func(want string) bool {
		return slices.ContainsFunc(p.URLs, func(u string) bool { return strings.HasPrefix(u, want+"://") })
	}
	fault := func(key, value, reason, mend string) error {
		p.current.line = p.at[key]
		return p.fault(key, value, reason, mend)
	}
	note := func(key, text string) {
		if line := p.at[key]; line > 0 {
			p.current.line = line
		}
		p.note(key + ": " + text)
	}
	half := "TLSCertFile"
	if p.CertFile == "" {
		half = "TLSKeyFile"
	}
	switch {
	case p.BindDN != "" && p.Password == "":
		return fault("BindDN", p.BindDN, "needs a Password: without one a server would let anybody be nobody", "add the line: Password ...")
	case p.StartTLS && scheme("ldaps"):
		return fault("TLSEnable", "yes", "cannot be beside a URL with ldaps, which has TLS from the start", "write: TLSEnable no")
	case (p.CertFile == "") != (p.Key == ""):
		return fault(half, "", "a certificate of this side needs its key", "give TLSCertFile and TLSKeyFile, or neither")
	case p.RequireGroup && len(p.Groups) == 0:
		return fault("RequireGroup", "yes", "there is no <Group> that anybody could be a member of", "add one to <Authorization>, or write: RequireGroup no")
	}
	if !p.RequireGroup && len(p.Groups) > 0 {
		note("RequireGroup", "says no, so that groups have no effect")
	}
	if p.Password != "" && p.BindDN == "" {
		note("Password", "has no effect without BindDN")
	}
	if !p.StartTLS && slices.ContainsFunc(p.URLs, inTheClear) {
		note("URL", "passwords cross the network in the clear; use ldaps, or TLSEnable yes")
	}
	return nil
}
