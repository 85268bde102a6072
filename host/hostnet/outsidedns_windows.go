package hostnet

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"

	"github.com/tailscale/wf"
	"golang.org/x/sys/windows"
)

// outsideDNS keeps names in a tunnel by the Windows Filtering Platform. Its session is
// dynamic: Windows removes the rules when the process ends, however it ends.
type outsideDNS struct {
	mu      sync.Mutex
	session *wf.Session // nil: nothing is blocked
	device  string      // whose block it is
}

func (o *outsideDNS) blockOutsideDNS(device string, _ uint32) error {
	_, luid, err := byName(device)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.session != nil {
		return errExists
	}
	session, err := filterOutsideDNS(uint64(luid))
	if err != nil {
		return fmt.Errorf("the Windows Filtering Platform: %w", meaning(err))
	}
	o.session, o.device = session, device
	return nil
}

func (o *outsideDNS) unblockOutsideDNS(device string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.session == nil || o.device != device {
		return errGone
	}
	err := o.session.Close()
	o.session = nil
	return err
}

func (o *outsideDNS) outsideDNSBlocked(device string, _ uint32) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.session != nil && o.device == device
}

// filterOutsideDNS puts the rules into force until the session is closed.
func filterOutsideDNS(luid uint64) (*wf.Session, error) {
	if err := findFilter(); err != nil {
		return nil, err
	}
	path, err := os.Executable()
	if err != nil {
		return nil, err
	}
	program, err := wf.AppID(path)
	if err != nil {
		return nil, err
	}
	session, err := wf.New(&wf.Options{Name: "Culvert", Description: "block-outside-dns", Dynamic: true})
	if err != nil {
		return nil, err
	}
	if err := addRules(session, outsideDNSRules(luid, program)); err != nil {
		return nil, errors.Join(err, session.Close())
	}
	return session, nil
}

// findFilter reports a Windows, or what stands in for it, without the functions that
// package wf calls, which panics there.
func findFilter() error {
	dll := windows.NewLazySystemDLL("fwpuclnt.dll")
	for _, name := range []string{"FwpmEngineOpen0", "FwpmGetAppIdFromFileName0", "FwpmLayerCreateEnumHandle0", "FwpmLayerEnum0", "FwpmLayerDestroyEnumHandle0", "FwpmSubLayerAdd0", "FwpmFilterAdd0", "FwpmEngineClose0", "FwpmFreeMemory0"} {
		if err := dll.NewProc(name).Find(); err != nil {
			return err
		}
	}
	return nil
}

func addRules(session *wf.Session, rules []filterRule) error {
	id, err := windows.GenerateGUID()
	if err != nil {
		return err
	}
	sublayer := wf.SublayerID(id)
	if err := session.AddSublayer(&wf.Sublayer{ID: sublayer, Name: "Culvert: block-outside-dns", Weight: math.MaxUint16}); err != nil {
		return err
	}
	for _, r := range rules {
		if id, err = windows.GenerateGUID(); err != nil {
			return err
		}
		rule := &wf.Rule{ID: wf.RuleID(id), Name: "Culvert: " + r.name, Sublayer: sublayer, Weight: r.weight,
			Layer: layerOf(r), Conditions: conditions(r.when), Action: wf.ActionPermit}
		if r.block {
			rule.Action = wf.ActionBlock
		}
		if err := session.AddRule(rule); err != nil {
			return fmt.Errorf("%s: %w", r.name, err)
		}
	}
	return nil
}

// layerOf is where a connection is permitted before its first packet leaves.
func layerOf(r filterRule) wf.LayerID {
	if r.ipv6 {
		return wf.LayerALEAuthConnectV6
	}
	return wf.LayerALEAuthConnectV4
}

// conditions must all hold, except that of two for one field either will do.
func conditions(m filterMatch) (all []*wf.Match) {
	if m.port != 0 {
		all = append(all,
			&wf.Match{Field: wf.FieldIPProtocol, Op: wf.MatchTypeEqual, Value: wf.IPProtoUDP},
			&wf.Match{Field: wf.FieldIPProtocol, Op: wf.MatchTypeEqual, Value: wf.IPProtoTCP},
			&wf.Match{Field: wf.FieldIPRemotePort, Op: wf.MatchTypeEqual, Value: m.port})
	}
	if m.adapter != 0 {
		all = append(all, &wf.Match{Field: wf.FieldIPLocalInterface, Op: wf.MatchTypeEqual, Value: m.adapter})
	}
	if m.program != "" {
		all = append(all, &wf.Match{Field: wf.FieldALEAppID, Op: wf.MatchTypeEqual, Value: m.program})
	}
	if m.loopback {
		all = append(all, &wf.Match{Field: wf.FieldFlags, Op: wf.MatchTypeFlagsAllSet, Value: wf.ConditionFlagIsLoopback})
	}
	return all
}
