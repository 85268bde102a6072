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

// PairOptions say how this host becomes one end of a tunnel between two.
type PairOptions struct {
	Out    string // the configuration to write, with mode 0600
	Listen string // NAME[:PORT] where the other host reaches this one; "": it cannot
	Now    time.Time
	Rand   io.Reader // cryptographically secure
	// InUse are the networks that this host uses. The tunnel's addresses avoid
	// them.
	InUse []netip.Prefix
}

// Pairing is the result of one step of making a tunnel between two hosts.
type Pairing struct {
	// Line is what to give to the other host; "" if there is nothing more to
	// give. It is not secret, but must arrive unchanged.
	Line string
	// Config is the file that was written; "" until the other host has
	// answered.
	Config string
	// Check is the same on both hosts if neither line was changed on its way;
	// "" until both lines are known.
	Check        string
	Our4, Their4 netip.Addr
	Our6, Their6 netip.Addr
}

// Ask tells a person what to do with an invitation. out is the configuration
// that it is for.
func (p *Pairing) Ask(out string) string {
	return fmt.Sprintf(`On the other host, run this, in one line:

culvert pair %s -o FILE

Then paste the line it prints here. (Or do that later: culvert pair LINE -o %s)
`, p.Line, shell(out))
}

// Summary describes for a person what was made, and what to do next.
func (p *Pairing) Summary() string {
	text := ""
	if p.Line != "" {
		text = "Give this line to the other host:\n\n" + p.Line + "\n\n"
	}
	return text + fmt.Sprintf(`%s is this end of the tunnel: %v and %v here, %v and %v there.
The check code must be the same on both hosts. If not, somebody changed a line:
  %s
Next: culvert connect %s, and the same on the other host with its own file.
`, p.Config, p.Our4, p.Our6, p.Their4, p.Their6, p.Check, shell(p.Config))
}

// Pair takes the next step. Without a line it invites the other host: it makes a
// key for this host, and keeps it in Out.pending until the answer comes; called
// again, it returns the same invitation. With another host's invitation it writes
// Out and answers. With the answer to its own invitation it writes Out and is
// done.
//
// The lines hold no secrets: only fingerprints of certificates, where hosts
// listen, and which addresses are free. Private keys never leave their host. A
// file that exists is never overwritten; the error wraps fs.ErrExist.
func Pair(o PairOptions, line string) (*Pairing, error) {
	p, err := o.pair(line)
	if err != nil {
		return nil, fmt.Errorf("pair: %w", err)
	}
	return p, nil
}

func (o *PairOptions) pair(line string) (*Pairing, error) {
	if o.Out == "" || strings.ContainsAny(o.Out, "\r\n\x00") {
		return nil, fmt.Errorf("file %q: expected the name of the configuration to write; set it with -o", o.Out)
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

var errOwnLine = errors.New("this line comes from this host: use it on the other host, and paste here the line that is printed there")

// pending is what an inviting host keeps until the answer comes.
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
		return nil, fmt.Errorf("%s exists and is never overwritten; move it away first, or choose another name: %w", o.Out, fs.ErrExist)
	}
	if o.Listen == "" {
		return nil, errors.New("the other host must be able to reach this one: set this host's name or address, and UDP port, with --listen; if only the other host can be reached, begin there")
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
		return nil, errors.New("this host uses all private IPv4 networks; free one")
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

// identify makes a key for this host, and the line that names it.
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

// answer accepts an invitation.
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
		return nil, errors.New("this host uses every private IPv4 network that the other host offers; begin anew for other networks: remove FILE.pending on the other host first")
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

// complete accepts the answer to this host's invitation.
func (o *PairOptions) complete(theirs *pairLine) (*Pairing, error) {
	kept, err := o.loadPending()
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("this line answers an invitation, but %s, where this host keeps its own, does not exist; use the same -o as for the invitation", o.pendingFile())
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
		return nil, errors.New("this line answers another invitation; give this host's line to the other host again, and use its new answer")
	case theirs.fingerprint == ours.fingerprint:
		return nil, errOwnLine
	case int(theirs.choice) >= pairAddressCount || ours.free&(1<<theirs.choice) == 0:
		return nil, fmt.Errorf("%w: it chooses addresses that this host did not offer", ErrPairLine)
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
		return nil, fmt.Errorf("%s: %w; remove the file and begin anew", o.pendingFile(), err)
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

// fill derives the settings, the same on both hosts. The inviting host has the
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

// pairProto returns the protocol with the address family of both hosts, or with
// no family if a host is a name.
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

// pairAddressCount is the number of networks that an invitation offers.
const pairAddressCount = 16

// pairAddresses returns one of the networks that an invitation offers: four
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

// pairNetwork6 returns the first address of a unique local /64 (RFC 4193).
func pairNetwork6(invitation, answer *pairLine) netip.Addr {
	h := sha256.Sum256(append([]byte{'6'}, append(invitation.fingerprint[:], answer.fingerprint[:]...)...))
	a := [16]byte{0: 0xfd}
	copy(a[1:6], h[:])
	return netip.AddrFrom16(a)
}

// free reports whether this host does not use a network yet.
func (o *PairOptions) free(p netip.Prefix) bool {
	for _, used := range o.InUse {
		if used.Bits() > 0 && used.Overlaps(p) {
			return false
		}
	}
	return true
}

// pairCheck returns a digest of both lines, in groups of four. It has 120 bits,
// so that nobody can make two pairs of lines with the same digest.
func pairCheck(invitation, answer *pairLine) string {
	h := sha256.Sum256(answer.append(invitation.append([]byte("culvert pair check\x00"))))
	text := base32.StdEncoding.EncodeToString(h[:15])
	var groups []string
	for group := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-")
}
