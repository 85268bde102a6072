package hostnet

import (
	"bytes"
	"errors"
	"slices"
	"strconv"
	"strings"
	"time"
)

// losses counts how often each part of a State was lost and put back.
type losses map[string]*loss

type loss struct {
	times int    // in all
	quick int    // in a row, each soon after it was put back
	what  string // put back last
	last  time.Time
	next  time.Time // it is not put back before
}

const (
	// soonAgain is the time after putting a change back within which its loss counts
	// as the work of a program that watches for it.
	soonAgain = 5 * time.Second
	// insisting is the number of quick losses after which a program is named.
	insisting = 5
	// patient is after how many the changes are put back less often, from
	// firstPause on to lastPause.
	patient    = 25
	firstPause = 2 * time.Second
	lastPause  = 5 * time.Minute
)

// count notes that c was put back.
func (ls losses) count(c change, now time.Time) loss {
	l := ls[part(c)]
	if l == nil {
		l = new(loss)
		ls[part(c)] = l
	}
	if l.what != c.String() || now.Sub(latest(l.last, l.next)) > soonAgain {
		l.quick = 0
	}
	l.times++
	l.quick++
	l.what, l.last, l.next = c.String(), now, now
	if l.quick > patient {
		l.next = now.Add(min(firstPause<<min(l.quick-patient-1, 10), lastPause))
	}
	return *l
}

// forgive no longer counts the loss of a route that the host cannot have now as
// somebody's work: its network comes and goes.
func (ls losses) forgive(f Failure) {
	if l := ls["route "+f.Route.String()]; l != nil && errors.Is(f.Err, errNoRoute) {
		l.quick = 0
	}
}

func latest(a, b time.Time) time.Time {
	if a.Before(b) {
		return b
	}
	return a
}

// ready reports whether c may be put back at now.
func (ls losses) ready(c change, now time.Time) bool {
	l := ls[part(c)]
	return l == nil || !now.Before(l.next)
}

// due returns when the next part that was not ready at now may be put back, limit at
// the latest.
func (ls losses) due(now, limit time.Time) time.Time {
	for _, l := range ls {
		if l.next.After(now) && l.next.Before(limit) {
			limit = l.next
		}
	}
	return limit
}

// part names the part of a State that a change is for, whatever its value.
func part(c change) string {
	switch c := c.(type) {
	case shared:
		return c.sharedKey()
	case *routeChange:
		return "route " + c.Way.Dst.String() + inTable(c.Way.Table)
	case *tableChange:
		return "table " + c.Table
	case *linkDNSChange:
		return "names"
	}
	return c.String()
}

// inTable is what distinguishes a route in a table from one in the main table.
func inTable(table int) string {
	if table == 0 {
		return ""
	}
	return " table " + strconv.FormatUint(uint64(uint32(table)), 10)
}

// culprits returns the programs that most likely undid c: those seen to change
// something, the one that signed the file, or else running ones that are known to do
// so.
func (k *keeper) culprits(c change, seen []string) []string {
	if f, ok := c.(*fileChange); ok {
		if who := signature(f.Was); who != "" {
			return []string{who}
		}
	}
	if len(seen) > 0 {
		return seen
	}
	if known := k.host.kernel.managers(); len(known) > 0 {
		return known
	}
	return []string{"unknown"}
}

// signature returns the first comment of a file, in which programs name themselves.
func signature(content []byte) string {
	for line := range bytes.Lines(content) {
		if text, ok := bytes.CutPrefix(bytes.TrimSpace(line), []byte("#")); ok && len(text) > 0 {
			return string(bytes.TrimSpace(text))
		}
	}
	return ""
}

// mends say how to keep a program away from a device, by a part of the program's
// name.
var mends = []struct{ program, mend string }{
	{"NetworkManager", "have it leave the device alone: unmanaged-devices=interface-name:DEVICE in [keyfile] of NetworkManager.conf"},
	{"systemd-network", "set ManageForeignRoutes=no and ManageForeignRoutingPolicyRules=no in networkd.conf"},
	{"dhc", "have it leave the device alone: denyinterfaces DEVICE in dhcpcd.conf, or an interface named on dhclient's command line"},
	{"connman", "have it leave the device alone: NetworkInterfaceBlacklist=DEVICE in main.conf of ConnMan"},
}

// mendFor says what to do about programs that keep undoing a change.
func mendFor(who []string, device string) string {
	for _, m := range mends {
		if slices.ContainsFunc(who, func(name string) bool { return strings.Contains(name, m.program) }) {
			return strings.ReplaceAll(m.mend, "DEVICE", device)
		}
	}
	return "end that program, or have it leave " + device + " alone"
}
