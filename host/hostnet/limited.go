//go:build windows || darwin || freebsd || openbsd

package hostnet

import (
	"context"
	"errors"
	"net/netip"
)

// limited has what this package does not do on systems other than Linux. Because of
// limits, no plan asks for it there.
type limited struct{}

var errNotHere = errors.New("not supported on this system")

func (limited) routesIn(int) ([]way, error)                          { return nil, nil }
func (limited) tunnels() (map[string]int, error)                     { return nil, nil }
func (limited) setHardware(string, string) error                     { return errNotHere }
func (limited) setting(string) (string, error)                       { return "", errGone }
func (limited) setSetting(string, string) error                      { return errNotHere }
func (limited) settingNames(string) ([]string, error)                { return nil, errGone }
func (limited) hasTable(ruleTable) (bool, error)                     { return false, errGone }
func (limited) addTable(ruleTable) error                             { return errNotHere }
func (limited) delTable(string) error                                { return errGone }
func (limited) forwardDrops(string, []netip.Prefix) ([]chain, error) { return nil, errGone }
func (limited) linkResolvers(context.Context, string, string) (Resolvers, error) {
	return Resolvers{}, errNotHere
}

func (limited) addFences([]Fence, []string) error  { return errNoFence }
func (limited) hasFence(Fence, bool) (bool, error) { return false, errNoFence }
func (limited) fenceTables() ([]string, error)     { return nil, errNoFence }
func (limited) ruleGeneration() (uint32, error)    { return 0, errNoFence }

func (limited) rules() ([]rule, error)                { return nil, nil }
func (limited) addRule(rule) error                    { return errNoMarks }
func (limited) delRule(rule) error                    { return errGone }
func (limited) hasChosen(chosenTable) (bool, error)   { return false, errGone }
func (limited) addChosen(chosenTable, []lesson) error { return errNoMarks }
func (limited) learn(string, []lesson) error          { return errNoMarks }
func (limited) hasGroup(string) (bool, error)         { return false, errNoMarks }
func (limited) addGroup(string) error                 { return errNoMarks }
func (limited) delGroup(string) error                 { return errGone }
func (limited) userID(string) (uint32, error)         { return 0, errNoMarks }

// RunGroupDir is the directory of the control group for programs that are to use the tunnel of
// a device, or to stay outside of it.
func RunGroupDir(string, bool) (string, error) { return "", errNoMarks }

func (limited) watch(context.Context, string) (<-chan trigger, error) { return nil, errUnkept }
func sameNamespace(space) (func() error, error)                       { return nil, errUnkept }
func (limited) managers() []string                                    { return nil }
func (limited) linkNames(context.Context, string) (linkNames, error) {
	return linkNames{}, errNotHere
}

var (
	errNoForwarding = errors.New("culvert cannot make this host a router on this system; run the server on Linux, " +
		"serve with --userspace, or switch on forwarding and address translation yourself")
	errUnkept  = errors.New("on this system, changes that other programs make to the tunnel's addresses, routes and names are not put back before the next connection")
	errNoFence = errors.New("only Linux can keep packets from leaving outside the tunnel; remove block-outside (--kill-switch), or use the firewall of this system")
	errNoMarks = errors.New("programs and users are chosen on Linux only; here, choose networks or names")
	errNoQueue = errors.New("adapters have no queue length on this system; remove txqueuelen")
)

func networkChanges(context.Context) <-chan struct{} { return nil }
func currentWay(netip.Addr) (Way, bool)              { return Way{}, false }
func defaultWay(bool) (Way, bool)                    { return Way{}, false }
