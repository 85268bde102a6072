package hostnet

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
)

// The reasons why Apply, Update and Cleanup fail.
var (
	// ErrNoDevice: the State's adapter does not exist.
	ErrNoDevice = errors.New("no such network device")
	// ErrPermission: the process may not change the network.
	ErrPermission = errors.New("not permitted: changing the network needs " + rights)
	// ErrBusy: another live process has the device.
	ErrBusy = errors.New("device is in use")
	// ErrUnsupported: this operating system cannot be changed yet.
	ErrUnsupported = errors.New("changing addresses, routes and names is not supported on this operating system; " +
		"use the user-space adapter, which needs none of it")
)

// Within the package.
var (
	errGone     = errors.New("not there")
	errExists   = errors.New("exists already")
	errNoIPv6   = errors.New("IPv6 is switched off here; " + mendIPv6)
	errNoRoute  = errors.New("the host has no route to it at present; check its network connection")
	errNextHop  = errors.New("its next hop is not reachable; an address or an earlier route has to cover it")
	errReadOnly = errors.New("/proc/sys is read-only here; set it on the host, for a container with --sysctl")
)

// errNoTables is errGone of a kernel without nftables.
var errNoTables error = noTablesError{}

type noTablesError struct{}

func (noTablesError) Error() string        { return "this kernel has no nftables: load the module nf_tables" }
func (noTablesError) Is(target error) bool { return target == errGone }

// Failure is one change that could not be made while the rest stands.
type Failure struct {
	Route netip.Prefix // the route that failed; not valid: something else
	What  string       // "route 10.0.0.0/8", "name resolution", "forwarding"
	Err   error        // cause and mend
}

func (f Failure) Error() string { return f.What + ": " + f.Err.Error() }

// Unwrap gives the cause.
func (f Failure) Unwrap() error { return f.Err }

// PartialError says that the State was reached except for some changes. The tunnel
// works; what is listed does not.
type PartialError struct {
	Routes   int // routes of the State
	Failures []Failure
}

// Error reads such as "1 of 4 routes failed: route 10.0.0.0/8: exists via …".
func (e *PartialError) Error() string {
	var routes, rest []string
	for _, f := range e.Failures {
		if f.Route.IsValid() {
			routes = append(routes, f.Error())
		} else {
			rest = append(rest, f.Error())
		}
	}
	if len(routes) > 0 {
		rest = append([]string{fmt.Sprintf("%d of %d routes failed: %s", len(routes), e.Routes, strings.Join(shortened(routes), "; "))}, rest...)
	}
	return strings.Join(rest, "; ")
}

// Unwrap gives the causes.
func (e *PartialError) Unwrap() []error {
	errs := make([]error, len(e.Failures))
	for i, f := range e.Failures {
		errs[i] = f
	}
	return errs
}

func routeFailure(dst netip.Prefix, err error) Failure {
	return Failure{Route: dst, What: "route " + dst.String(), Err: err}
}

// clash is the failure of a route whose destination is taken.
func clash(w, other way) Failure {
	mend := fmt.Sprintf("give the tunnel's route a metric below %d, or remove the other", other.Metric)
	if other.Metric <= metricOf(w.Dst, 0) {
		mend = "remove that route, or renumber one of the two networks"
	}
	return routeFailure(w.Dst, fmt.Errorf("%w%s; %s", errTaken, other.how(), mend))
}

// errTaken is followed by the way of the existing route.
var errTaken = errors.New("exists")
