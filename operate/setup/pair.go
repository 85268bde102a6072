package setup

import (
	"crypto/sha256"
	_ "embed" // the template
	"encoding/base32"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"
	"time"

	"culvert/access/pki"
	"culvert/host/process"
)

//go:embed pair.conf.tmpl
var pairConfText string

// PairOptions say how this host is to be one end of a tunnel between two.
type PairOptions struct {
	Out    string // the configuration's file, made 0600
	Listen string // NAME[:PORT] by which the other host reaches this one; "": it cannot
	Now    time.Time
	Rand   io.Reader // cryptographically secure
	// InUse are networks that this host uses already: the tunnel's
	// addresses are chosen beside them.
	InUse []netip.Prefix
}

// Pairing is what one step of making a tunnel between two hosts came to.
type Pairing struct {
	// Line is to be passed to the other host; "" when there is nothing more
	// to say. It is no secret, but must arrive unchanged.
	Line string
	// Config is the file that was written; "" while the other host has not
	// answered.
	Config string
	// Check is the same on both hosts when neither line was changed on its
	// way; "" until both are known.
	Check        string
	Our4, Their4 netip.Addr
	Our6, Their6 netip.Addr
}

// Ask says what to do with an invitation that was written beside a file.
func (p *Pairing) Ask(out string) string {
	return fmt.Sprintf(`On the other host run, in one line:

culvert pair %s -o FILE

and paste the line it prints here. (Or later: culvert pair LINE -o %s)
`, p.Line, shell(out))
}

// Summary says in plain words what was made and what to do next.
func (p *Pairing) Summary() string {
	text := ""
	if p.Line != "" {
		text = "Pass this line to the other host:\n\n" + p.Line + "\n\n"
	}
	return text + fmt.Sprintf(`%s is this end of the tunnel: %v and %v here, %v and %v there.
The check code must be the same on both hosts, or somebody changed a line:
  %s
Next: culvert connect %s, and the same with its own file on the other host.
`, p.Config, p.Our4, p.Our6, p.Their4, p.Their6, p.Check, shell(p.Config))
}

// Pair takes the next step. With no line it invites: a key of this host is made
// and kept beside Out, in Out.pending, until the answer comes; asked again, it
// gives the same invitation. With another host's invitation it writes Out and
// answers. With the answer to its own invitation it writes Out and is done.
//
// Neither line holds a secret: fingerprints of certificates, where hosts
// listen, and which addresses are free. Private keys stay where they were
// made. A file that exists is never overwritten; the error wraps fs.ErrExist.
func Pair(o PairOptions, line string) (*Pairing, error) {
	p, err := o.pair(line)
	if err != nil {
		return nil, fmt.Errorf("pair: %w", err)
	}
	return p, nil
}

func (o *PairOptions) pair(line string) (*Pairing, error) {
	if o.Out == "" || strings.ContainsAny(o.Out, "\r\n\x00") {
		return nil, fmt.Errorf("file %q: expected the name of a configuration to make; give it by -o", o.Out)
	}
	if line == "" {
		return o.invite()
	}
	theirs, err := parsePairLine(line)
	if err != nil {
		return nil, err
	}
	if theirs.kind == answer {
		return o.complete(theirs)
	}
	if kept, err := o.loadPending(); err == nil && kept.Invitation == theirs.String() {
		return nil, errOwnLine
	}
	return o.answer(theirs)
}

var errOwnLine = errors.New("this line is of this host itself: run `culvert pair` with it on the other host, and take here the line printed there")

// pending is what an inviting host keeps until it is answered.
type pending struct {
	Invitation string `json:"invitation"`
	Cert       string `json:"cert"`
	Key        string `json:"key"`
}

func (o *PairOptions) pendingFile() string { return o.Out + ".pending" }

func (o *PairOptions) invite() (*Pairing, error) {
	if kept, err := o.loadPending(); err == nil {
		return &Pairing{Line: kept.Invitation}, nil
	} else if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if _, err := os.Lstat(o.Out); err == nil {
		return nil, fmt.Errorf("%s is there already and is never overwritten; move it away first, or choose another name: %w", o.Out, fs.ErrExist)
	}
	if o.Listen == "" {
		return nil, errors.New("the other host has to reach this one: give the name or address, and the UDP port, by --listen; where only the other can be reached, begin there")
	}
	line, id, err := o.identify(invitation)
	if err != nil {
		return nil, err
	}
	for i := range pairAddressCount {
		if o.free(pairAddresses(line.fingerprint, i)) {
			line.free |= 1 << i
		}
	}
	if line.free == 0 {
		return nil, errors.New("this host uses every private IPv4 network there is; make one free")
	}
	text, err := json.Marshal(pending{line.String(), string(id.CertPEM), string(id.KeyPEM)})
	if err != nil {
		return nil, err
	}
	if err := writeNew([]file{{o.pendingFile(), append(text, '\n'), privateFile}}); err != nil {
		return nil, err
	}
	return &Pairing{Line: line.String()}, nil
}

// identify makes a key of this host and the line that names it.
func (o *PairOptions) identify(kind pairKind) (*pairLine, pki.Pair, error) {
	l := &pairLine{kind: kind}
	if o.Listen != "" {
		var err error
		if l.host, l.port, err = SplitHost(o.Listen); err != nil {
			return nil, pki.Pair{}, err
		}
	}
	name := "culvert pair"
	if host, err := os.Hostname(); err == nil && len(host) > 0 && len(host) <= 64 && hostName.MatchString(host) {
		name = host
	}
	id, err := pki.SelfSigned(o.Rand, o.Now, name)
	if err != nil {
		return nil, id, err
	}
	l.fingerprint, err = fingerprintPEM(id.CertPEM)
	return l, id, err
}

func fingerprintPEM(cert []byte) (sum [sha256.Size]byte, err error) {
	certs, err := pki.ParseCertificates(cert)
	if err != nil {
		return sum, err
	}
	return sha256.Sum256(certs[0].Raw), nil
}

// answer takes an invitation.
func (o *PairOptions) answer(theirs *pairLine) (*Pairing, error) {
	ours, id, err := o.identify(answer)
	if err != nil {
		return nil, err
	}
	ours.tag = theirs.ownTag()
	choice := -1
	for i := range pairAddressCount {
		if theirs.free&(1<<i) != 0 && o.free(pairAddresses(theirs.fingerprint, i)) {
			choice = i
			break
		}
	}
	if choice < 0 {
		return nil, errors.New("every private IPv4 network that the other host has free is in use on this one; begin anew, for other choices: on the other host remove FILE.pending first")
	}
	ours.choice = uint8(choice)
	c := pairConf{invitation: theirs, answer: ours, Cert: string(id.CertPEM), Key: string(id.KeyPEM)}
	p, err := o.write(c)
	if err != nil {
		return nil, err
	}
	p.Line = ours.String()
	return p, nil
}

// complete takes the answer to this host's invitation.
func (o *PairOptions) complete(theirs *pairLine) (*Pairing, error) {
	kept, err := o.loadPending()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this line answers an invitation, and %s, where this host would have kept its own, is not there; name the same file as then by -o", o.pendingFile())
	}
	if err != nil {
		return nil, err
	}
	ours, err := parsePairLine(kept.Invitation)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", o.pendingFile(), err)
	}
	switch {
	case theirs.tag != ours.ownTag():
		return nil, errors.New("this line answers another invitation; pass this host's to the other once more, and take its new answer")
	case theirs.fingerprint == ours.fingerprint:
		return nil, errOwnLine
	case int(theirs.choice) >= pairAddressCount || ours.free&(1<<theirs.choice) == 0:
		return nil, fmt.Errorf("%w: it chose addresses that this host did not offer", ErrPairLine)
	}
	p, err := o.write(pairConf{Inviter: true, invitation: ours, answer: theirs, Cert: kept.Cert, Key: kept.Key})
	if err != nil {
		return nil, err
	}
	return p, os.Remove(o.pendingFile())
}

func (o *PairOptions) loadPending() (*pending, error) {
	text, err := process.ReadFile(o.pendingFile())
	if err != nil {
		return nil, err
	}
	kept := new(pending)
	if err := json.Unmarshal(text, kept); err != nil {
		return nil, fmt.Errorf("%s: %w; remove it and begin anew", o.pendingFile(), err)
	}
	return kept, nil
}

// pairConf fills pair.conf.tmpl.
type pairConf struct {
	Inviter                    bool
	invitation, answer         *pairLine
	Cert, Key                  string
	File                       string
	Proto                      string
	Ours                       string
	OurPort                    int
	Theirs                     reach
	Fingerprint                string
	Our4, Their4, Our6, Their6 netip.Addr
}

// write makes the configuration of this host.
func (o *PairOptions) write(c pairConf) (*Pairing, error) {
	c.fill(o.Out)
	text, err := render(pairConfText, c, template.FuncMap{"shell": shell})
	if err != nil {
		return nil, err
	}
	out, err := filepath.Abs(o.Out)
	if err != nil {
		return nil, err
	}
	if err := writeNew([]file{{out, text, privateFile}}); err != nil {
		return nil, err
	}
	return &Pairing{Config: o.Out, Check: pairCheck(c.invitation, c.answer),
		Our4: c.Our4, Their4: c.Their4, Our6: c.Our6, Their6: c.Their6}, nil
}

// fill works out what both hosts come to alike. The one that invited has the
// first address.
func (c *pairConf) fill(out string) {
	ours, theirs := c.answer, c.invitation
	first := pairAddresses(c.invitation.fingerprint, int(c.answer.choice)).Addr().Next()
	network6 := pairNetwork6(c.invitation, c.answer)
	c.Our4, c.Their4 = first.Next(), first
	c.Our6, c.Their6 = network6.Next().Next(), network6.Next()
	if c.Inviter {
		ours, theirs = theirs, ours
		c.Our4, c.Their4 = c.Their4, c.Our4
		c.Our6, c.Their6 = c.Their6, c.Our6
	}
	c.File = out
	c.Ours, c.OurPort = ours.host, ours.port
	c.Theirs = reach{Host: theirs.host, Port: theirs.port}
	c.Proto = pairProto(ours.host, theirs.host)
	c.Fingerprint = colons(theirs.fingerprint[:])
}

// pairProto binds the family that both hosts' addresses are of, or either where
// one is a name.
func pairProto(hosts ...string) string {
	proto := "udp"
	for _, host := range hosts {
		addr, err := netip.ParseAddr(host)
		switch {
		case host == "":
		case err != nil:
			return "udp"
		case addr.Is4() && proto != "udp6":
			proto = "udp4"
		case addr.Is6() && proto != "udp4":
			proto = "udp6"
		default:
			return "udp"
		}
	}
	return proto
}

func colons(b []byte) string {
	parts := make([]string, len(b))
	for i, x := range b {
		parts[i] = fmt.Sprintf("%02X", x)
	}
	return strings.Join(parts, ":")
}

// pairAddressCount is how many networks an invitation offers.
const pairAddressCount = 16

// pairAddresses is one of the networks that an invitation offers: four
// addresses somewhere in the private ranges (RFC 1918).
func pairAddresses(inviter [sha256.Size]byte, i int) netip.Prefix {
	h := sha256.Sum256(append([]byte{'a', byte(i)}, inviter[:]...))
	a := [4]byte{10, h[0], h[1], h[2] &^ 3}
	switch i % 4 {
	case 1:
		a[0], a[1] = 172, 16+h[0]%16
	case 3:
		a[0], a[1] = 192, 168
	}
	return netip.PrefixFrom(netip.AddrFrom4(a), 30)
}

// pairNetwork6 is the first address of a unique local /64 (RFC 4193).
func pairNetwork6(invitation, answer *pairLine) netip.Addr {
	h := sha256.Sum256(append([]byte{'6'}, append(invitation.fingerprint[:], answer.fingerprint[:]...)...))
	a := [16]byte{0: 0xfd}
	copy(a[1:6], h[:])
	return netip.AddrFrom16(a)
}

// free reports that this host does not use a network yet.
func (o *PairOptions) free(p netip.Prefix) bool {
	for _, used := range o.InUse {
		if used.Bits() > 0 && used.Overlaps(p) {
			return false
		}
	}
	return true
}

// pairCheck is a digest of both lines in groups of four: 120 bits, so that
// nobody can make two pairs of lines that have the same.
func pairCheck(invitation, answer *pairLine) string {
	h := sha256.Sum256(answer.append(invitation.append([]byte("culvert pair check\x00"))))
	text := base32.StdEncoding.EncodeToString(h[:15])
	var groups []string
	for group := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-")
}
