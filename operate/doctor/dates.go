package doctor

import (
	"context"
	"crypto/x509"
	"fmt"
	"os"
	"time"

	"culvert/access/pki"
)

// soon is how long before its end something counts as ending, and so is said.
const soon = 30 * 24 * time.Hour

// dated is a certificate with the words for what is wrong with its dates.
type dated struct {
	what string // such as "the server's certificate"
	cert *x509.Certificate
	mend string // by which it is replaced
}

// check notes that a certificate has ended, ends soon, or is not valid yet.
func (d dated) check(n *notes, now time.Time) {
	left := d.cert.NotAfter.Sub(now)
	seen := fmt.Sprintf("%s: valid from %s to %s; this host's clock: %s", pki.Subject(d.cert), day(d.cert.NotBefore), day(d.cert.NotAfter), day(now))
	switch {
	case now.Before(d.cert.NotBefore):
		n.problem(fmt.Sprintf("%s is not valid yet, and will be in %s: a clock is wrong, here or where it was made", d.what, span(-now.Sub(d.cert.NotBefore))), seen, setClock)
	case left < 0:
		n.problem(fmt.Sprintf("%s ended %s ago, and everybody refuses it", d.what, span(left)), seen, d.mend)
	case left < soon:
		n.warning(fmt.Sprintf("%s ends in %s", d.what, span(left)), seen, d.mend)
	default:
		n.saw("%s is valid until %s", d.what, d.cert.NotAfter.UTC().Format(time.DateOnly))
	}
}

// setClock is the command that has the clock set.
const setClock = "timedatectl set-ntp true"

// clockCheck compares this host's clock with what else is known of the time, and says
// whether anything sets it. latest, which may be nil, returns the latest time that is
// known to be past, and whence.
func clockCheck(now func() time.Time, latest func() (time.Time, string)) inspection {
	return inspection{name: "clock", about: "this host's clock against what it must be after, and whether anything sets it", look: func(_ context.Context, n *notes) {
		t := now()
		if past, whence := builtAt(); t.Before(past) {
			n.problem(fmt.Sprintf("the clock is behind by at least %s", span(past.Sub(t))), fmt.Sprintf("it says %s, and %s is from %s", day(t), whence, day(past)), setClock)
		} else if latest != nil {
			if past, whence := latest(); t.Add(time.Minute).Before(past) {
				n.problem(fmt.Sprintf("the clock is behind by at least %s", span(past.Sub(t))), fmt.Sprintf("it says %s, and %s is from %s", day(t), whence, day(past)), setClock)
			}
		}
		switch synced, known := clockSynchronized(); {
		case known && !synced:
			n.note("nothing keeps the clock right, as the kernel knows it (NTP)", "adjtimex(2): not synchronized", setClock)
		case known:
			n.saw("synchronized")
		}
		n.saw("it says %s", day(t))
	}}
}

// builtAt is when this program's file was written, which is past.
func builtAt() (time.Time, string) {
	self, err := os.Executable()
	if err != nil {
		return time.Time{}, ""
	}
	info, err := os.Stat(self)
	if err != nil {
		return time.Time{}, ""
	}
	return info.ModTime(), "this program's own file"
}
