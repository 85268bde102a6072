// Package privsep divides a process that is to give up root (`user`, `group`,
// `chroot`) in two. The worker carries the tunnel: it opens adapter and socket,
// and gives up every right it does not need before the first packet of a stranger
// is read. Its keeper stays root, listens to no network, and does what needs root
// for as long as the tunnel lasts: to change addresses, routes and names of this
// host when the worker asks, and to take that back when it ends in whatever way;
// and to read again what the configuration names and only root can read.
//
// So a worker taken over from the network has neither the right to configure
// networks nor a file of root's to write to: the undo journals are root's, as
// is resolv.conf. All it can ask for is another State of its own device.
package privsep

import (
	"errors"
	"net/netip"
	"time"

	"culvert/access/crl"
	"culvert/host/bringup"
	"culvert/host/hostnet"
)

// mark in the environment makes a process a worker. Descriptors 3 and 4 are then its
// ends of the sockets to the keeper.
const mark = "CULVERT_WORKER"

// watchdogMark in the environment of a worker is how often the service manager wants to
// hear that all is well, in microseconds; "" or 0: never.
const watchdogMark = "CULVERT_WATCHDOG_USEC"

const (
	socketFD = 3
	loansFD  = 4 // see lendAll
)

// service is the name of the keeper's methods in net/rpc.
const service = "Keeper"

// Empty is for calls without arguments or results.
type Empty struct{}

// Result is what a State came to.
type Result struct {
	Changes []string
	// Partial is set with what failed of a State that stands otherwise.
	Partial  bool
	Routes   int
	Failures []Failure
}

// LearnRequest are addresses that chosen names lead to, and how long they count.
type LearnRequest struct {
	Addrs    []netip.Addr
	Lifetime time.Duration
}

// ListsResult are revocation lists; nil: they are as before.
type ListsResult struct{ Texts *crl.Texts }

// ReadResult is what a file holds, if it is there.
type ReadResult struct {
	Text    []byte
	Missing bool
}

// RenewRequest asks for what the file of a client's certificate is to hold; see Reads.Renew.
type RenewRequest struct{ Own, Next, Key []byte }

// ProgramRequest asks for a run of a program of the configuration.
type ProgramRequest struct {
	Directive string
	Env       []Variable // oldest first
	Args      []string
}

// Variable is one of a program's environment.
type Variable struct{ Name, Value string }

// ProgramResult says how a program ended; "" if well.
type ProgramResult struct{ Err string }

// End says why a worker ends; Program: a program of the configuration failed, which is
// the reason also where a signal had it run.
type End struct {
	Why     string
	Program bool
}

// endOf packs a worker's error.
func endOf(err error) End { return End{err.Error(), errors.As(err, new(*bringup.ProgramError))} }

func (e End) err() error {
	if e.Program {
		return &bringup.ProgramError{Err: said(e.Why)}
	}
	return said(e.Why)
}

// Failure is hostnet.Failure with its cause in words.
type Failure struct {
	Route []byte // netip.Prefix as text, empty for none
	What  string
	Err   string
}

// said is an error of the other process.
type said string

func (s said) Error() string { return string(s) }

// result packs what Apply or Update returned.
func result(changes []string, partial *hostnet.PartialError) Result {
	r := Result{Changes: changes}
	if partial == nil {
		return r
	}
	r.Partial, r.Routes = true, partial.Routes
	for _, f := range partial.Failures {
		p := Failure{What: f.What, Err: f.Err.Error()}
		if f.Route.IsValid() {
			p.Route, _ = f.Route.MarshalText()
		}
		r.Failures = append(r.Failures, p)
	}
	return r
}

// err is the *hostnet.PartialError in a Result, or nil.
func (r *Result) err() error {
	if !r.Partial {
		return nil
	}
	e := &hostnet.PartialError{Routes: r.Routes}
	for _, f := range r.Failures {
		g := hostnet.Failure{What: f.What, Err: said(f.Err)}
		if len(f.Route) > 0 {
			if g.Route.UnmarshalText(f.Route) != nil {
				continue
			}
		}
		e.Failures = append(e.Failures, g)
	}
	return e
}
