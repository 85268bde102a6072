package hostnet

import (
	"errors"
	"testing"

	"github.com/tailscale/wf"
	"golang.org/x/sys/windows"
)

// TestFilter: the rules come into force and are gone with the session, where this
// process may have them; else the error says why not.
func TestFilter(t *testing.T) {
	if windows.NewLazySystemDLL("ntdll.dll").NewProc("wine_get_version").Find() == nil {
		t.Skip("Wine names the functions of the Windows Filtering Platform, and ends who calls them")
	}
	const loopback = 0x18 << 48 // the LUID of the first adapter of type 24
	session, err := filterOutsideDNS(loopback)
	if err != nil {
		t.Logf("no filter: %v", err)
		if missing := findFilter(); missing == nil && !errors.Is(meaning(err), ErrPermission) {
			t.Error(err)
		}
		return
	}
	if err := session.Close(); err != nil {
		t.Error(err)
	}
}

func TestConditions(t *testing.T) {
	got := conditions(filterMatch{port: 53, adapter: 7, program: "p", loopback: true})
	fields := []wf.FieldID{wf.FieldIPProtocol, wf.FieldIPProtocol, wf.FieldIPRemotePort, wf.FieldIPLocalInterface, wf.FieldALEAppID, wf.FieldFlags}
	if len(got) != len(fields) {
		t.Fatalf("%v", got)
	}
	for i, f := range fields {
		if got[i].Field != f {
			t.Errorf("condition %d is about %v", i, got[i])
		}
	}
	if len(conditions(filterMatch{})) != 0 {
		t.Error("what may be anything has conditions")
	}
}

// TestNothingBlocked: a process that blocked nothing has nothing to undo.
func TestNothingBlocked(t *testing.T) {
	var o outsideDNS
	if err := o.unblockOutsideDNS("tun"); !errors.Is(err, errGone) {
		t.Error(err)
	}
	if o.outsideDNSBlocked("tun", 0) {
		t.Error("blocked")
	}
}
