package hub

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"culvert/nic/hub"
	"culvert/operate/manage/capture"
	"culvert/operate/manage/filter"
)

// CaptureAt begins the name of a place in a hub for capture.Path. The port's name
// follows.
const CaptureAt = "hub:"

// source returns the port to capture at.
func (s *Switch) source(at string) (*capture.Source, error) {
	name, found := strings.CutPrefix(at, CaptureAt)
	if !found {
		return nil, fmt.Errorf("cannot capture at %[2]q in a hub: expected %[1]sPORT", CaptureAt, at)
	}
	port, err := s.hub.Port(name)
	if err != nil {
		return nil, err
	}
	return &capture.Source{
		Name: name, Description: fmt.Sprintf("port %s of hub %s: frames as they are at its adapter, including dropped ones", name, s.name), Link: filter.Ethernet,
		Open: func(f *filter.Filter, keep func(capture.Record)) (stop func()) {
			return port.Tap(func(d hub.Direction, frame []byte) {
				if f.Match(frame) {
					// what comes into the hub, the adapter sent
					keep(capture.Record{Time: time.Now(), Bytes: bytes.Clone(frame), Inbound: d == hub.Out})
				}
			})
		},
	}, nil
}
