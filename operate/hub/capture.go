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

// CaptureAt is what the places of a hub begin with for capture.Path: the port's
// name follows.
const CaptureAt = "hub:"

// source is a port as a place to capture at.
func (s *Switch) source(at string) (*capture.Source, error) {
	name, found := strings.CutPrefix(at, CaptureAt)
	if !found {
		return nil, fmt.Errorf("a hub can be captured at %sPORT, not at %q", CaptureAt, at)
	}
	port, err := s.hub.Port(name)
	if err != nil {
		return nil, err
	}
	return &capture.Source{
		Name: name, Description: fmt.Sprintf("port %s of hub %s: frames as they are at its adapter, dropped ones too", name, s.name), Link: filter.Ethernet,
		Open: func(f *filter.Filter, keep func(capture.Record)) (stop func()) {
			return port.Tap(func(d hub.Direction, frame []byte) {
				if f.Match(frame) {
					// What comes into the hub, the adapter has sent.
					keep(capture.Record{Time: time.Now(), Bytes: bytes.Clone(frame), Inbound: d == hub.Out})
				}
			})
		},
	}, nil
}
