package hostnet

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"sync"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// chainRules are a chain of a table, with its rules.
type chainRules struct {
	name     string
	kind     nftables.ChainType
	hook     *nftables.ChainHook
	priority *nftables.ChainPriority
	rules    [][]expr.Any
	says     []byte // goes with the first rule (userdata); nil: nothing does
}

// filters is a chain of filters.
func filters(name string, hook *nftables.ChainHook, rules [][]expr.Any) chainRules {
	return chainRules{name, nftables.ChainTypeFilter, hook, nftables.ChainPriorityFilter, rules, nil}
}

// replaceTable puts an empty table in the place of one of its name, as part of a
// transaction. Adding before deleting makes the deletion succeed.
func replaceTable(c *nftables.Conn, name string) *nftables.Table {
	t := ownTable(name)
	c.AddTable(t)
	c.DelTable(t)
	c.AddTable(t)
	return t
}

// addChains adds chains to a table, as part of a transaction.
func addChains(c *nftables.Conn, t *nftables.Table, chains []chainRules) {
	for _, w := range chains {
		ch := c.AddChain(&nftables.Chain{Name: w.name, Table: t, Type: w.kind, Hooknum: w.hook, Priority: w.priority})
		for i, r := range w.rules {
			rule := &nftables.Rule{Table: t, Chain: ch, Exprs: r}
			if i == 0 {
				rule.UserData = w.says
			}
			c.AddRule(rule)
		}
	}
}

// hasFilter returns errGone if this kernel has no nftables.
func hasFilter() error {
	c, err := nftables.New()
	if err == nil {
		_, err = c.ListTablesOfFamily(nftables.TableFamilyINet)
	}
	return meaningFilter(err)
}

// putTable puts a table in the place of one of its name: whole, or not at all.
func putTable(name string, chains []chainRules) error {
	c, err := nftables.New()
	if err != nil {
		return meaning(err)
	}
	addChains(c, replaceTable(c, name), chains)
	return put(c, name, chains)
}

// retold has the names of tables whose rules this kernel shows otherwise than it was given
// them. These are counted and not compared, or they would be put anew at every look.
var retold sync.Map

// put makes a transaction, and sees whether the kernel shows the table as it was given it.
func put(c *nftables.Conn, table string, chains []chainRules) error {
	if err := c.Flush(); err != nil {
		return meaningFilter(err)
	}
	if as, err := hasRules(table, chains, true); err == nil && !as {
		retold.Store(table, true)
	} else {
		retold.Delete(table)
	}
	return nil
}

// hasPut reports whether a table is there and at work, as putTable made it.
func hasPut(table string, want []chainRules) (bool, error) {
	_, counted := retold.Load(table)
	return hasRules(table, want, !counted)
}

// hasRules reports whether a table is there and at work, with these chains and no others:
// exactly, or with as many rules.
func hasRules(table string, want []chainRules, exactly bool) (bool, error) {
	there, err := compareRules(table, want, exactly)
	if errors.Is(err, unix.ENOENT) { // it is gone, or goes just now
		return false, nil
	}
	return there, meaningFilter(err)
}

func compareRules(table string, want []chainRules, exactly bool) (bool, error) {
	c, err := nftables.New()
	if err != nil {
		return false, err
	}
	t, err := c.ListTableOfFamily(table, nftables.TableFamilyINet)
	if err != nil || t.Flags != 0 { // dormant
		return false, err
	}
	chains, err := c.ListChainsOfTableFamily(nftables.TableFamilyINet)
	if err != nil {
		return false, err
	}
	chains = slices.DeleteFunc(chains, func(ch *nftables.Chain) bool { return ch.Table.Name != table })
	for _, w := range want {
		i := slices.IndexFunc(chains, w.hooked)
		if i < 0 {
			return false, nil
		}
		rules, err := c.GetRules(ownTable(table), chains[i])
		if err != nil || !w.has(rules, exactly) {
			return false, err
		}
	}
	return len(chains) == len(want), nil
}

// hooked reports whether a chain is where the kernel asks it as is wanted.
func (w chainRules) hooked(ch *nftables.Chain) bool {
	return ch.Name == w.name && ch.Type == w.kind && ch.Hooknum != nil && *ch.Hooknum == *w.hook &&
		ch.Priority != nil && *ch.Priority == *w.priority && (ch.Policy == nil || *ch.Policy == nftables.ChainPolicyAccept)
}

// has reports whether rules are those of the chain: exactly, or as many.
func (w chainRules) has(rules []*nftables.Rule, exactly bool) bool {
	if len(rules) != len(w.rules) || len(rules) > 0 && !bytes.Equal(rules[0].UserData, w.says) {
		return false
	}
	for i, r := range rules {
		if exactly && !slices.EqualFunc(legible(r.Exprs), legible(w.rules[i]), same) {
			return false
		}
	}
	return true
}

// legible leaves out of a rule what the library does not read: that it is a socket's control
// group which is compared next.
func legible(rule []expr.Any) []expr.Any {
	return slices.DeleteFunc(slices.Clone(rule), func(e expr.Any) bool { _, is := e.(*expr.Socket); return is })
}

// same reports whether a part of a rule that was read is the one that was given. Of one that
// sets a connection's mark, the library does not read from which register.
func same(read, given expr.Any) bool {
	if ct, ok := given.(*expr.Ct); ok && ct.SourceRegister && reflect.DeepEqual(read, &expr.Ct{Key: ct.Key}) {
		return true
	}
	return reflect.DeepEqual(read, given)
}
