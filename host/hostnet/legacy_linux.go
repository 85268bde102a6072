package hostnet

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// The rules of iptables-legacy are not nftables', and only its own programs show them.

// legacyTables list the tables of iptables-legacy that are in use, of each family.
var legacyTables = map[bool]string{false: "/proc/net/ip_tables_names", true: "/proc/net/ip6_tables_names"}

func (linux) lookFurther(r *Router, device string, networks []netip.Prefix) {
	for _, six := range []bool{false, true} {
		text, err := os.ReadFile(legacyTables[six])
		if words := strings.Fields(string(text)); err != nil || !slices.Contains(words, "filter") && !slices.Contains(words, "nat") {
			continue
		}
		rules, err := legacySave(six)
		if err != nil {
			r.Hidden = fmt.Sprintf("the rules of iptables-legacy, which is in use here (%s), are not shown: %v; see: iptables-legacy-save", strings.Join(strings.Fields(string(text)), ", "), err)
			continue
		}
		r.lookAtLegacy(device, networks, six, rules)
	}
}

// legacyTime is how long such a program may take.
const legacyTime = 3 * time.Second

// legacySave has a program print the rules of a family.
func legacySave(six bool) ([]byte, error) {
	ctx, cancel := context.WithTimeout(context.Background(), legacyTime)
	defer cancel()
	tool := "iptables"
	if six {
		tool = "ip6tables"
	}
	text, err := exec.CommandContext(ctx, tool+"-legacy-save").Output()
	if !errors.Is(err, exec.ErrNotFound) {
		return text, err
	}
	text, err = exec.CommandContext(ctx, tool+"-save").Output() // before there were two kinds
	if bytes.Contains(text, []byte("nf_tables")) {
		err = fmt.Errorf("there is no %s-legacy-save", tool)
	}
	return text, err
}

// legacyRules are the rules of iptables-legacy of a family, in the words of nftables.
type legacyRules struct {
	family nftables.TableFamily
	policy map[string]bool // chains of the table filter that drop what no rule decides about
	chains map[string][]*nftables.Rule
}

// lookAtLegacy adds to r what the rules of iptables-legacy do, as printed.
func (r *Router) lookAtLegacy(device string, networks []netip.Prefix, six bool, text []byte) {
	l := parseLegacy(text, six)
	for i := 0; i < len(r.Plain); i++ {
		if ofFamily(l.family, r.Plain[i]) && l.masks(r.Plain[i]) {
			r.Plain = append(r.Plain[:i:i], r.Plain[i+1:]...)
			i--
		}
	}
	w := walk{rules: func(_ *nftables.Table, name string) ([]*nftables.Rule, error) { return l.chains["filter "+name], nil }}
	policy := nftables.ChainPolicyAccept
	if l.policy["FORWARD"] {
		policy = nftables.ChainPolicyDrop
	}
	base := &nftables.Chain{Name: "FORWARD", Table: &nftables.Table{Name: "filter", Family: l.family}, Policy: &policy}
	if stopped, _ := w.stops(base, travellers(l.family, device, networks)); stopped {
		tool := map[bool]string{false: "iptables-legacy", true: "ip6tables-legacy"}[six]
		r.Drops = append(r.Drops, fmt.Errorf("chain FORWARD of %[1]s drops what is forwarded from %[2]s, or answers to it; allow it with: %[1]s -I FORWARD -i %[2]s -j ACCEPT; %[1]s -I FORWARD -o %[2]s -j ACCEPT", tool, device))
	}
}

// masks reports whether a rule may give packets from all of a network another source.
func (l legacyRules) masks(p netip.Prefix) bool {
	for name, rules := range l.chains {
		for _, r := range rules {
			if strings.HasPrefix(name, "nat ") && translates(r.Exprs) && mayMatchSource(r.Exprs, p) {
				return true
			}
		}
	}
	return false
}

// parseLegacy reads what iptables-save(8) prints. What it does not know is a condition that may
// hold.
func parseLegacy(text []byte, six bool) legacyRules {
	l := legacyRules{nftables.TableFamilyIPv4, map[string]bool{}, map[string][]*nftables.Rule{}}
	if six {
		l.family = nftables.TableFamilyIPv6
	}
	table := ""
	for line := range strings.Lines(string(text)) {
		words := strings.Fields(line)
		switch {
		case len(words) == 0:
		case strings.HasPrefix(words[0], "*"):
			table = words[0][1:]
		case strings.HasPrefix(words[0], ":") && len(words) > 1 && table == "filter":
			l.policy[words[0][1:]] = words[1] == "DROP"
		case words[0] == "-A" && len(words) > 2:
			name := table + " " + words[1]
			l.chains[name] = append(l.chains[name], &nftables.Rule{Exprs: legacyRule(words[2:], six)})
		}
	}
	return l
}

// legacyRule is a rule in the words of nftables.
func legacyRule(words []string, six bool) (exprs []expr.Any) {
	op := expr.CmpOpEq
	for len(words) > 0 {
		word, value := words[0], ""
		words = words[1:]
		if word == "!" {
			op = expr.CmpOpNeq
			continue
		}
		if len(words) > 0 && words[0] != "!" {
			value = words[0]
		}
		known := true
		switch word {
		case "-i", "-o":
			exprs = append(exprs, legacyDevice(word, value, op)...)
		case "-s", "-d":
			exprs = append(exprs, legacyNetwork(word, value, op, six)...)
		case "--ctstate", "--state":
			exprs = append(exprs, legacyState(value, op)...)
		case "-j", "-g":
			return append(exprs, legacyVerdict(value, word == "-g"))
		case "-m":
			if value != "conntrack" && value != "state" && value != "comment" {
				exprs = append(exprs, &expr.Match{Name: value})
			}
		case "--comment":
			words = afterQuoted(words)
			known = false
		case "-p":
			exprs = append(exprs, &expr.Match{Name: value})
		default:
			known = false
			exprs = append(exprs, &expr.Match{Name: word})
		}
		if known && len(words) > 0 {
			words = words[1:]
		}
		op = expr.CmpOpEq
	}
	return exprs
}

// afterQuoted leaves out a text that may be of several words in quotes.
func afterQuoted(words []string) []string {
	if len(words) == 0 || !strings.HasPrefix(words[0], `"`) {
		return words[min(1, len(words)):]
	}
	for i, w := range words {
		if strings.HasSuffix(w, `"`) && !strings.HasSuffix(w, `\"`) && (i > 0 || len(w) > 1) {
			return words[i+1:]
		}
	}
	return nil
}

func legacyDevice(word, name string, op expr.CmpOp) []expr.Any {
	key, data := expr.MetaKeyIIFNAME, append([]byte(name), 0)
	if word == "-o" {
		key = expr.MetaKeyOIFNAME
	}
	if prefix, all := strings.CutSuffix(name, "+"); all {
		data = []byte(prefix)
	}
	return []expr.Any{&expr.Meta{Key: key, Register: 1}, &expr.Cmp{Op: op, Register: 1, Data: data}}
}

func legacyNetwork(word, text string, op expr.CmpOp, six bool) []expr.Any {
	p, err := netip.ParsePrefix(text)
	if a, err2 := netip.ParseAddr(text); err2 == nil {
		p, err = netip.PrefixFrom(a, a.BitLen()), nil
	}
	if err != nil || p.Addr().Is6() != six {
		return []expr.Any{&expr.Match{Name: word}}
	}
	exprs := within(p, word == "-s")
	exprs[len(exprs)-1].(*expr.Cmp).Op = op
	return exprs
}

// legacyState matches a connection in one of some states, or in none of them.
func legacyState(names string, op expr.CmpOp) []expr.Any {
	var bits uint32
	for name := range strings.SplitSeq(names, ",") {
		bits |= map[string]uint32{"INVALID": expr.CtStateBitINVALID, "ESTABLISHED": expr.CtStateBitESTABLISHED,
			"RELATED": expr.CtStateBitRELATED, "NEW": expr.CtStateBitNEW, "UNTRACKED": expr.CtStateBitUNTRACKED}[name]
	}
	exprs := connectionHas(expr.CtKeySTATE, bits)
	if op == expr.CmpOpNeq {
		exprs[len(exprs)-1].(*expr.Cmp).Op = expr.CmpOpEq // none of the bits
	}
	return exprs
}

func legacyVerdict(target string, leave bool) expr.Any {
	switch target {
	case "ACCEPT":
		return &expr.Verdict{Kind: expr.VerdictAccept}
	case "DROP":
		return &expr.Verdict{Kind: expr.VerdictDrop}
	case "RETURN":
		return &expr.Verdict{Kind: expr.VerdictReturn}
	case "REJECT":
		return &expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH}
	case "MASQUERADE", "SNAT":
		return &expr.Target{Name: target}
	}
	if leave {
		return &expr.Verdict{Kind: expr.VerdictGoto, Chain: target}
	}
	return &expr.Verdict{Kind: expr.VerdictJump, Chain: target} // of one that is no chain, nothing is known to follow
}
