package doctor

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"culvert/config"
	"culvert/link"
	"culvert/role/profile"
	"culvert/role/profile/reach"
	"culvert/session/wrap"
)

// resolved is what came of looking up the addresses of one remote.
type resolved struct {
	remote  config.Remote
	targets []reach.Target // at most mostAddresses
	more    int            // further addresses
	took    time.Duration
	err     error
}

func (r resolved) String() string {
	return fmt.Sprintf("%s %s", r.remote.Proto.Transport(), net.JoinHostPort(r.remote.Host, r.remote.Port))
}

// How many remotes, and addresses of each, are looked at.
const (
	mostRemotes   = 16
	mostAddresses = 4
)

// slow is from when on an answer of a resolver is said to be slow, and lookup how long
// one may take.
const (
	slow   = 2 * time.Second
	lookup = 5 * time.Second
)

// lookUp finds the addresses of a remote.
func (c *caller) lookUp(ctx context.Context, cfg *config.Config, r config.Remote) resolved {
	own := *cfg
	own.Link.Remotes, own.Link.RemoteRandomHostname = []config.Remote{r}, cfg.Link.RemoteRandomHostname
	began, found := time.Now(), resolved{remote: r}
	remotes := reach.NewRemotes(&own, c.resolve)
	for seen := map[netip.AddrPort]bool{}; ; {
		t, err := remotes.Next(ctx)
		if found.took == 0 {
			found.took, found.err = time.Since(began), err
		}
		if err != nil || seen[t.Addr] {
			return found
		}
		seen[t.Addr] = true
		if len(found.targets) == mostAddresses {
			found.more++
			if found.more > 1000 {
				return found
			}
			continue
		}
		found.targets = append(found.targets, t)
	}
}

func (c *caller) resolveCheck() inspection {
	return inspection{name: "resolve", about: "the addresses of each server's name", budget: lookup + time.Second, look: func(ctx context.Context, n *notes) {
		list, err := c.names(ctx)
		if err != nil {
			n.unknown("%v", err)
			return
		}
		said := map[string]bool{}
		for _, r := range list {
			if _, err := netip.ParseAddr(r.remote.Host); err == nil || said[r.remote.Host] {
				continue
			}
			said[r.remote.Host] = true
			judgeName(n, r, c.remains.shut(ctx))
		}
		if len(said) == 0 {
			n.saw("the profile names addresses")
		}
		if more := len(c.cfg.Link.Remotes) - len(list); more > 0 {
			n.note(fmt.Sprintf("%d further remotes are not looked at", more), "", "")
		}
	}}
}

// resolverMend has what to do about a resolver.
const resolverMend = "cat /etc/resolv.conf; ping the name server there, or name another: resolvectl dns DEVICE 9.9.9.9"

// seeLeftovers is what to do where a kill switch keeps packets in.
const seeLeftovers = "see leftovers, above"

// judgeName says what came of a name. shut says that a kill switch keeps questions in.
func judgeName(n *notes, r resolved, shut bool) {
	var dns *net.DNSError
	errors.As(r.err, &dns)
	seen := ""
	if r.err != nil {
		seen = r.err.Error()
	}
	switch {
	case r.err != nil && shut && (dns == nil || !dns.IsNotFound):
		n.problem(fmt.Sprintf("no name server answers for %s: a kill switch of this host keeps the questions in", r.remote.Host), seen, seeLeftovers)
	case dns != nil && dns.IsNotFound:
		n.problem(fmt.Sprintf("the name %s does not exist", r.remote.Host), seen, fmt.Sprintf("correct the name in `remote` (line %d of the profile); to ask another name server: dig @9.9.9.9 %s", r.remote.Pos.Line, r.remote.Host))
	case dns != nil && (dns.IsTimeout || dns.IsTemporary), errors.Is(r.err, context.DeadlineExceeded):
		n.problem(fmt.Sprintf("no name server answers for %s: this host has no network, or its name server is gone", r.remote.Host), seen, resolverMend)
	case r.err != nil:
		n.problem(fmt.Sprintf("the name %s has no address", r.remote.Host), seen, resolverMend)
	case r.took > slow:
		n.warning(fmt.Sprintf("the name server took %v to answer for %s: one of several is gone, or it is slow", r.took.Round(100*time.Millisecond), r.remote.Host), "", resolverMend)
	default:
		var at []string
		for _, t := range r.targets {
			at = append(at, t.Near().Addr().String())
		}
		if r.more > 0 {
			n.note(fmt.Sprintf("%s has %d addresses, of which the first %d are looked at", r.remote.Host, len(at)+r.more, len(at)), "", "")
		}
		n.saw("%s is %s (%v)", r.remote.Host, strings.Join(at, ", "), r.took.Round(time.Millisecond))
	}
}

// knocking is what came of a first packet to one address of a remote.
type knocking struct {
	of     resolved
	target reach.Target
	reach.First
	// expects says which armour was answered instead of the profile's, if one was.
	expects string
}

func (k knocking) String() string {
	return fmt.Sprintf("%s %v", k.target.Remote.Proto.Transport(), k.target.Addr)
}

// patience is how long the first answer is waited for.
const patience = 3 * time.Second

// knockAll sends a first packet to every address, as soon as it is known.
func (c *caller) knockAll(ctx context.Context) ([]knocking, error) {
	defer c.pick.end()
	each, errs := make([][]knocking, len(c.looks)), make([]error, len(c.looks))
	var wait sync.WaitGroup
	for i := range c.looks {
		wait.Go(func() { each[i], errs[i] = c.knockOne(ctx, i) })
	}
	wait.Wait()
	return slices.Concat(each...), errors.Join(errs...)
}

// knockOne sends a first packet to every address of a remote.
func (c *caller) knockOne(ctx context.Context, i int) ([]knocking, error) {
	r, err := c.looks[i].get(ctx)
	list := make([]knocking, len(r.targets))
	var wait sync.WaitGroup
	for j := range mostAddresses {
		place := i*mostAddresses + j
		if j >= len(list) {
			c.pick.settle(place, nil)
			continue
		}
		list[j] = knocking{of: r, target: r.targets[j]}
		wait.Go(func() { list[j].knock(ctx, &c.dialer, func() { c.pick.settle(place, &list[j]) }) })
	}
	wait.Wait()
	return list, err
}

// knock sends first packets, and calls settled when it is known whether one was
// answered.
func (k *knocking) knock(ctx context.Context, d *reach.Dialer, settled func()) {
	ctx, cancel := context.WithTimeout(ctx, 2*patience)
	defer cancel()
	armour, err := profile.ClientWrapper(k.target.Settings)
	if err != nil {
		k.Err = err
		settled()
		return
	}
	within, stop := context.WithTimeout(ctx, patience)
	defer stop()
	k.First = k.greet(within, d, armour(), greet)
	settled()
	if k.Answered || k.Refused() || k.Elsewhere.IsValid() || k.Err != nil && k.Strange == 0 && !k.target.Remote.Proto.TCP {
		return
	}
	k.tryOthers(ctx, d)
}

// greet opens a link as the tunnel would, through its proxy, and greets.
func (k *knocking) greet(ctx context.Context, d *reach.Dialer, w wrap.Wrapper, with func(context.Context, link.Link, netip.AddrPort, wrap.Wrapper) reach.First) reach.First {
	own := reach.Dialer{Listen: d.Listen, Dial: d.Dial}
	l, err := own.Open(ctx, k.target)
	if err != nil {
		return reach.First{Err: err}
	}
	defer l.Close()
	return with(ctx, l, k.target.Addr, w)
}

// tryOthers finds out whether the server answers another armour that can be made of
// the profile's keys. Each gets one packet.
func (k *knocking) tryOthers(ctx context.Context, d *reach.Dialer) {
	if k.target.Remote.Proto.TCP && k.connectFailed() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, patience/2)
	defer cancel()
	others := otherArmours(k.target.Settings)
	answers := make([]bool, len(others))
	var wait sync.WaitGroup
	for i, o := range others {
		wait.Go(func() { answers[i] = k.greet(ctx, d, o.wrapper, greetOnce).Answered })
	}
	wait.Wait()
	for i, o := range others {
		if answers[i] {
			k.expects = o.line
			return
		}
	}
}

// connectFailed reports whether a TCP connection was not even made.
func (k *knocking) connectFailed() bool {
	var op *net.OpError
	return k.Err != nil && (errors.As(k.Err, &op) && op.Op == "dial" || errors.Is(k.Err, context.DeadlineExceeded) || errors.Is(k.Err, syscall.ECONNREFUSED))
}

// reachCheck says for each address whether packets get there and the server answers.
func (c *caller) reachCheck() inspection {
	return inspection{name: "reach", about: "whether each server answers a first packet, over each protocol", budget: 13 * time.Second, look: func(ctx context.Context, n *notes) {
		list, err := c.knocked.get(ctx)
		if err != nil {
			n.unknown("%v", err)
			return
		}
		if len(list) == 0 {
			n.skip("no server has an address")
			return
		}
		shut := c.remains.shut(ctx)
		for _, k := range list {
			if shut && k.Err != nil && (k.Refused() || k.connectFailed() || errors.Is(k.Err, syscall.EHOSTUNREACH) || errors.Is(k.Err, syscall.EACCES) || errors.Is(k.Err, syscall.EPERM)) {
				n.problem(fmt.Sprintf("a kill switch of this host keeps in what is for %v", k), k.Err.Error(), seeLeftovers)
				continue
			}
			judgeKnock(n, k)
		}
	}}
}

func judgeKnock(n *notes, k knocking) {
	private := ""
	if _, err := netip.ParseAddr(k.of.remote.Host); err != nil && k.target.Addr.Addr().IsPrivate() {
		private = fmt.Sprintf("; the name leads to %v, an address that only its own network reaches: this host's name server may not be the one that knows the server", k.target.Addr.Addr())
	}
	udp := !k.target.Remote.Proto.TCP
	firewall := fmt.Sprintf("check the firewalls on the way, and on the server: culvert doctor --dir DIR there; from elsewhere: nc -vz%s %v %d", map[bool]string{true: "u"}[udp], k.target.Addr.Addr(), k.target.Addr.Port())
	var none *link.NoRouteError
	switch {
	case k.Answered:
		n.saw("%v answers in %v", k, k.Took.Round(100*time.Microsecond))
	case k.expects != "":
		n.saw("%v answers, see armour", k)
	case errors.As(k.Err, &none), errors.Is(k.Err, syscall.ENETUNREACH), errors.Is(k.Err, syscall.EHOSTUNREACH):
		n.problem(noRoute(k)+private, k.Err.Error(), "ip route get "+k.target.Addr.Addr().String())
	case k.Refused():
		n.problem(fmt.Sprintf("%v: the packet is refused: nothing listens at the port, or a firewall, here or on the way, says so%s", k, private), k.Err.Error(), "start the server, or correct port and protocol in `remote` and `proto`: culvert doctor --dir DIR on the server says at which it listens")
	case k.Elsewhere.IsValid():
		n.problem(fmt.Sprintf("%v: an answer comes from %v in its place, which no client takes", k, k.Elsewhere), "", "write on the server: multihome; or in the profile, if that is the server: remote "+strings.ReplaceAll(k.Elsewhere.String(), ":", " "))
	case k.Strange > 0:
		judgeForeign(n, k)
	case k.Err != nil && k.connectFailed():
		n.problem(fmt.Sprintf("%v: no connection comes about: a firewall drops the packets, or the host is down%s", k, private), k.Err.Error(), firewall)
	case k.Err != nil:
		n.problem(fmt.Sprintf("%v ends the connection at the first packet: another program listens there, or the server refuses the profile's key (%s)", k, armourOf(k.target.Settings)), k.Err.Error(), "ask for a new profile; openssl s_client -connect "+k.target.Addr.String()+" shows whether it is a web server")
	default:
		n.problem(fmt.Sprintf("%v: no answer: a firewall drops the packets, the host is down, or the server does not know the profile's key and stays silent (%s)%s", k, armourOf(k.target.Settings), private),
			fmt.Sprintf("no answer within %v, and no error from the network", patience), firewall)
	}
}

// noRoute says that there is no way to an address. Firewalls answer as routers do.
func noRoute(k knocking) string {
	if !errors.Is(k.Err, syscall.EHOSTUNREACH) {
		return fmt.Sprintf("this host, or a router on the way, has no route to %v", k)
	}
	return fmt.Sprintf("this host, or a router on the way, has no route to %v, or a firewall, here or on the way, refuses the packet", k)
}

func judgeForeign(n *notes, k knocking) {
	what := link.Foreign(k.Foreign)
	if what == "" {
		what = "something that is no packet for this profile's keys"
	}
	n.problem(fmt.Sprintf("%v answers with %s", k, what), fmt.Sprintf("it begins %q", k.Foreign), "correct port and protocol in `remote`; if it is the right server, ask for a new profile: its key is another ("+armourOf(k.target.Settings)+")")
}

// armourCheck says which protection of the control channel the servers expect.
func (c *caller) armourCheck() inspection {
	return inspection{name: "armour", about: "which protection of the control channel the server expects (tls-auth, tls-crypt)", budget: 13 * time.Second, look: func(ctx context.Context, n *notes) {
		list, err := c.knocked.get(ctx)
		if err != nil {
			n.unknown("%v", err)
			return
		}
		any := false
		for _, k := range list {
			switch {
			case k.expects != "":
				n.problem(fmt.Sprintf("%v does not answer %s, and answers %s", k, armourOf(k.target.Settings), strings.SplitN(k.expects, ":", 2)[0]), "a first packet of each kind", mendArmour(k.expects))
				any = true
			case k.Answered:
				n.saw("%v takes %s", k, armourOf(k.target.Settings))
				any = true
			}
		}
		if !any {
			n.skip("no server answers")
		}
	}}
}

func mendArmour(expects string) string {
	if _, mend, ok := strings.Cut(expects, ": "); ok {
		return mend
	}
	return "write in the profile: " + strings.NewReplacer("tls-auth with the same key, ", "", " and ", ", ").Replace(expects)
}

// mostSkew is how far apart two clocks may be before it is said.
const mostSkew = 2 * time.Minute

// clockCheck compares this host's clock with that of the servers, which is in the
// packets of tls-auth and tls-crypt.
func (c *caller) clockCheck() inspection {
	whole := clockCheck(c.Now, nil)
	whole.about, whole.budget = "this host's clock against the servers', as their packets have it", 13*time.Second
	own := whole.look
	whole.look = func(ctx context.Context, n *notes) {
		own(ctx, n)
		list, _ := c.knocked.get(ctx)
		for _, k := range list {
			if k.Clock.IsZero() {
				continue
			}
			skew := k.Clock.Sub(c.Now())
			if skew.Abs() < mostSkew {
				n.saw("%v agrees", k)
				continue
			}
			n.problem(fmt.Sprintf("this host's clock and that of %v are %s apart: certificates and codes may count as not valid yet, or ended", k, span(skew)),
				fmt.Sprintf("here %s, there %s", day(c.Now()), day(k.Clock)), setClock+", on the one that is wrong")
		}
	}
	return whole
}
