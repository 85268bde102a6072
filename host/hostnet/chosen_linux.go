package hostnet

import (
	"cmp"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"net/netip"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/binaryutil"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	mdnetlink "github.com/mdlayher/netlink"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

func (linux) rules() (list []rule, err error) {
	for _, family := range []int{netlink.FAMILY_V4, netlink.FAMILY_V6} {
		found, err := dump(func() ([]netlink.Rule, error) { return netlink.RuleList(family) })
		if family == netlink.FAMILY_V6 && (errors.Is(err, unix.EAFNOSUPPORT) || errors.Is(err, unix.EOPNOTSUPP)) {
			return list, errNoIPv6
		}
		if err != nil {
			return nil, err
		}
		for _, r := range found {
			list = append(list, ruleOf(r, family == netlink.FAMILY_V6))
		}
	}
	return list, nil
}

func ruleOf(r netlink.Rule, ipv6 bool) rule {
	own := rule{Priority: r.Priority, Mark: r.Mark, Table: r.Table, IPv6: ipv6, Special: r.SuppressPrefixlen == half}
	if r.Mask != nil {
		own.Mask = *r.Mask
	}
	if r.Src != nil {
		own.From = prefixOf(r.Src)
	}
	return own
}

// half is the length of the prefixes by which clients lead all traffic into a tunnel.
const half = 1

func netlinkRule(r rule) *netlink.Rule {
	n := netlink.NewRule()
	n.Family, n.Priority, n.Table, n.Mark = netlink.FAMILY_V4, r.Priority, r.Table, r.Mark
	if r.Mask != 0 {
		n.Mask = &r.Mask
	}
	if r.From.IsValid() {
		n.Src = ipNet(r.From)
	}
	if r.IPv6 {
		n.Family = netlink.FAMILY_V6
	}
	if r.Special {
		n.SuppressPrefixlen = half
	}
	return n
}

func (linux) addRule(r rule) error { return meaning(netlink.RuleAdd(netlinkRule(r))) }
func (linux) delRule(r rule) error { return meaning(netlink.RuleDel(netlinkRule(r))) }

// The chains and sets of a table that marks.
const (
	marking     = "output"
	returning   = "prerouting"
	translating = "postrouting"
	learned4    = "names4"
	learned6    = "names6"
)

func (linux) hasChosen(want chosenTable) (bool, error) {
	if want.Table == "" {
		return false, hasFilter()
	}
	return hasPut(want.Table, want.chains())
}

// comment goes with the first rule of each chain and says which State, and which control
// groups, the rules are for: a group that was made again has another number.
func (t chosenTable) comment() []byte {
	h := fnv.New64a()
	fmt.Fprintf(h, "%+v", t)
	for _, g := range slices.Concat(t.Inside.Groups, t.Outside.Groups) {
		id, level, _ := groupID(g)
		fmt.Fprint(h, id, level, " ")
	}
	return userdata.AppendString(nil, userdata.TypeComment, fmt.Sprintf("culvert %016x", h.Sum64()))
}

// bulk lets a connection send all elements of a set in one transaction.
func bulk(c *mdnetlink.Conn) error {
	const most = 32 << 20
	return errors.Join(c.SetWriteBuffer(most), c.SetReadBuffer(most))
}

func (linux) addChosen(add chosenTable, known []lesson) error {
	c, err := nftables.New(nftables.WithSockOptions(bulk))
	if err != nil {
		return meaning(err)
	}
	t := replaceTable(c, add.Table)
	if add.Learn != 0 {
		for _, s := range namesSets(t) {
			if err := c.AddSet(s, nil); err != nil {
				return err
			}
		}
	}
	chains := add.chains()
	addChains(c, t, chains)
	if err := addLessons(c, t, known, false); err != nil {
		return err
	}
	return put(c, add.Table, chains)
}

// chains are those of a table. Control groups that are not there are left out.
func (t chosenTable) chains() []chainRules {
	says := t.comment()
	return []chainRules{
		{marking, nftables.ChainTypeRoute, nftables.ChainHookOutput, nftables.ChainPriorityMangle, t.markingRules(), says},
		{returning, nftables.ChainTypeFilter, nftables.ChainHookPrerouting, nftables.ChainPriorityMangle, t.returningRules(), says},
		{translating, nftables.ChainTypeNAT, nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource, t.translatingRules(), says},
	}
}

func namesSets(t *nftables.Table) []*nftables.Set {
	set := func(name string, key nftables.SetDatatype) *nftables.Set {
		return &nftables.Set{Table: t, Name: name, KeyType: key, HasTimeout: true, Size: 2 * maxLessons}
	}
	return []*nftables.Set{set(learned4, nftables.TypeIPAddr), set(learned6, nftables.TypeIP6Addr)}
}

// atOnce is how many elements a message carries: it is of 64 KiB at most.
const atOnce = 500

// addLessons adds addresses to sets. An element that is there keeps its timeout, so again
// has it added, removed and added anew.
func addLessons(c *nftables.Conn, t *nftables.Table, lessons []lesson, again bool) error {
	now := time.Now()
	sets := namesSets(t)
	elements := make([][]nftables.SetElement, len(sets))
	for _, l := range lessons {
		i := 0
		if l.Addr.Is6() {
			i = 1
		}
		elements[i] = append(elements[i], nftables.SetElement{Key: l.Addr.AsSlice(), Timeout: l.left(now)})
	}
	for i, s := range sets {
		for some := range slices.Chunk(elements[i], atOnce) {
			if again {
				err := c.SetAddElements(s, some)
				if err == nil {
					err = c.SetDeleteElements(s, some)
				}
				if err != nil {
					return err
				}
			}
			if err := c.SetAddElements(s, some); err != nil {
				return err
			}
		}
	}
	return nil
}

func (linux) learn(table string, more []lesson) error {
	var options []nftables.ConnOption
	if len(more) > atOnce {
		options = append(options, nftables.WithSockOptions(bulk))
	}
	c, err := nftables.New(options...)
	if err != nil {
		return meaning(err)
	}
	if err := addLessons(c, ownTable(table), more, true); err != nil {
		return err
	}
	return meaning(c.Flush())
}

// markingRules mark what this host's programs send. What they leave alone: packets to this
// host and to those on one network with it by their kind (multicast, discovery), answers
// to connections of others, packets with a mark, and connections that others have marked,
// or that are older than the choice.
func (t chosenTable) markingRules() (rules [][]expr.Any) {
	add := func(parts ...[]expr.Any) { rules = append(rules, slices.Concat(parts...)) }
	add(metaIs(expr.MetaKeyOIFNAME, interfaceName("lo")), accept)
	add(unlike(&expr.Meta{Key: expr.MetaKeyMARK, Register: 1}, native(0)), accept)
	add([]expr.Any{&expr.Ct{Key: expr.CtKeyDIRECTION, Register: 1}, &expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{1}}}, accept)
	add(t.ours(), remember(), accept)
	add(unlike(&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, native(0)), accept)
	state := []expr.Any{&expr.Ct{Key: expr.CtKeySTATE, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: native(expr.CtStateBitESTABLISHED | expr.CtStateBitRELATED), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: native(0)}}
	add(state, accept)
	for _, p := range nearby {
		add(towards(p), accept)
	}
	for _, kind := range discovery {
		add(family(unix.NFPROTO_IPV6), icmp6(kind), accept)
	}
	for _, who := range t.Outside.matches() {
		rules = append(rules, t.lead(laneOutside, who)...)
	}
	if t.Learn != 0 {
		rules = append(rules, t.leadLearned()...)
	}
	for _, who := range t.Inside.matches() {
		rules = append(rules, t.lead(laneInside, who)...)
	}
	return rules
}

// nearby are the addresses of multicast, broadcast and the link alone.
var nearby = []netip.Prefix{netip.MustParsePrefix("224.0.0.0/3"), netip.MustParsePrefix("169.254.0.0/16"),
	netip.MustParsePrefix("fe80::/10"), netip.MustParsePrefix("ff00::/8")}

func unlike(load expr.Any, data []byte) []expr.Any {
	return []expr.Any{load, &expr.Cmp{Op: expr.CmpOpNeq, Register: 1, Data: data}}
}

// ours matches connections that this table has marked.
func (t chosenTable) ours() []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeyMARK, Register: 1},
		&expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: native(^uint32(3)), Xor: native(0)},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: native(t.Mark)}}
}

// remember gives a packet the mark of its connection.
func remember() []expr.Any {
	return []expr.Any{&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1}}
}

// lead gives packets that match, and their connections, the mark of a lane. Those of a
// family that the side lacks are refused.
func (t chosenTable) lead(l lane, when []expr.Any) (rules [][]expr.Any) {
	have4, have6 := t.Inside4, t.Inside6
	if l == laneOutside {
		have4, have6 = t.Outside4, t.Outside6
	}
	for _, f := range []struct {
		number byte
		have   bool
	}{{unix.NFPROTO_IPV4, have4}, {unix.NFPROTO_IPV6, have6}} {
		if !f.have {
			for _, r := range refusal() {
				rules = append(rules, slices.Concat(family(f.number), when, r))
			}
		}
	}
	return append(rules, slices.Concat(when, t.set(l)))
}

func (t chosenTable) set(l lane) []expr.Any {
	return append([]expr.Any{
		&expr.Immediate{Register: 1, Data: native(t.Mark | uint32(l))},
		&expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1},
		&expr.Ct{Key: expr.CtKeyMARK, SourceRegister: true, Register: 1},
	}, accept...)
}

// leadLearned leads packets to the addresses in the sets.
func (t chosenTable) leadLearned() (rules [][]expr.Any) {
	rules = append(rules, t.lead(t.Learn, inSet(unix.NFPROTO_IPV4, 16, 4, learned4))...)
	return append(rules, t.lead(t.Learn, inSet(unix.NFPROTO_IPV6, 24, 16, learned6))...)
}

// inSet matches packets to addresses of a set.
func inSet(proto byte, offset, size uint32, set string) []expr.Any {
	return append(family(proto),
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Lookup{SourceRegister: 1, SetName: set})
}

// matches match packets of each member.
func (m members) matches() (list [][]expr.Any) {
	for _, uid := range m.UIDs {
		list = append(list, metaIs(expr.MetaKeySKUID, native(uid)))
	}
	for _, g := range m.Groups {
		if id, level, err := groupID(g); err == nil {
			list = append(list, []expr.Any{&expr.Socket{Key: expr.SocketKeyCgroupv2, Level: level, Register: 1},
				&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binaryutil.NativeEndian.PutUint64(id)}})
		}
	}
	return list
}

// returningRules mark what comes back, so that the kernel looks for the way to its source
// where it came from.
func (t chosenTable) returningRules() [][]expr.Any {
	unmarked := metaIs(expr.MetaKeyMARK, native(0))
	return [][]expr.Any{slices.Concat(unmarked, t.ours(), remember())}
}

// translatingRules give packets that were led another way, after they had got their source
// address, that of the adapter they leave by.
func (t chosenTable) translatingRules() [][]expr.Any {
	inside := func(l lane) []expr.Any {
		return slices.Concat(metaIs(expr.MetaKeyMARK, native(t.Mark|uint32(l))), metaIs(expr.MetaKeyOIFNAME, interfaceName(t.Device)), []expr.Any{&expr.Masq{}})
	}
	outside := slices.Concat(metaIs(expr.MetaKeyMARK, native(t.Mark|uint32(laneOutside))),
		unlike(&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: 1}, interfaceName(t.Device)), []expr.Any{&expr.Masq{}})
	return [][]expr.Any{inside(laneLearned), inside(laneInside), outside}
}

// groupMount is where control groups of version 2 are: the directory, and its own path in
// the hierarchy.
func groupMount() (dir, root string, err error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		return "", "", fmt.Errorf("find control groups: %w", err)
	}
	if dir, root = parseGroupMount(string(text)); dir == "" {
		return "", "", errors.New("this host has no control groups of version 2, by which programs are chosen: mount -t cgroup2 none /sys/fs/cgroup/unified; or choose users")
	}
	return dir, root, nil
}

// parseGroupMount reads proc_pid_mountinfo(5).
func parseGroupMount(text string) (dir, root string) {
	for line := range strings.Lines(text) {
		before, after, ok := strings.Cut(line, " - ")
		fields := strings.Fields(before)
		if ok && len(fields) >= 5 && strings.HasPrefix(after, "cgroup2 ") {
			return unescape(fields[4]), unescape(fields[3])
		}
	}
	return "", ""
}

// unescape undoes the kernel's octal escapes, such as \040.
func unescape(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+4], 8, 8); err == nil {
				b.WriteByte(byte(n))
				i += 3
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// groupID returns the kernel's number of a control group, and how deep it is.
func groupID(path string) (id uint64, level uint32, err error) {
	dir, root, err := groupMount()
	if err != nil {
		return 0, 0, err
	}
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, path), &st); err != nil {
		return 0, 0, err
	}
	depth := func(p string) uint32 {
		return uint32(len(strings.FieldsFunc(p, func(r rune) bool { return r == '/' })))
	}
	return st.Ino, depth(root) + depth(path), nil
}

func (linux) hasGroup(path string) (bool, error) {
	if _, _, err := groupMount(); err != nil {
		return false, err
	}
	_, _, err := groupID(path)
	return err == nil, nil
}

// RunGroupDir is the directory of the control group for programs that are to use the tunnel of
// a device of this network namespace, or to stay outside of it (Programs.Started), by which
// they get into it.
func RunGroupDir(device string, outside bool) (string, error) {
	here, err := networkNamespace()
	if err != nil {
		return "", err
	}
	return groupDir(runGroup(device, here, outside))
}

func groupDir(path string) (string, error) {
	dir, _, err := groupMount()
	return filepath.Join(dir, path), err
}

func (linux) addGroup(path string) error {
	dir, err := groupDir(path)
	if err != nil {
		return err
	}
	err = os.Mkdir(dir, 0o755)
	switch {
	case errors.Is(err, fs.ErrExist):
		return errExists
	case errors.Is(err, unix.EROFS):
		return fmt.Errorf("%w; control groups are read-only here: mount them writable, or choose users", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; to make control groups takes root's rights; or choose users", err)
	}
	return err
}

func (linux) delGroup(path string) error {
	dir, err := groupDir(path)
	if err != nil || !filepath.IsLocal(path) {
		return cmp.Or(err, fs.ErrInvalid)
	}
	err = unix.Rmdir(dir)
	switch {
	case errors.Is(err, unix.ENOENT):
		return errGone
	case errors.Is(err, unix.EBUSY), errors.Is(err, unix.ENOTEMPTY):
		return errInUse
	}
	return err
}

func (linux) userID(name string) (uint32, error) {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n), nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseUint(u.Uid, 10, 32)
	return uint32(n), err
}
