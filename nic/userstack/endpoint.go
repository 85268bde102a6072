package userstack

import (
	"gvisor.dev/gvisor/pkg/tcpip"
	"gvisor.dev/gvisor/pkg/tcpip/header"
	"gvisor.dev/gvisor/pkg/tcpip/stack"
)

var (
	_ stack.LinkEndpoint = (*device)(nil)
	_ stack.GSOEndpoint  = (*device)(nil)
)

// WritePackets takes packets from the stack.
func (d *device) WritePackets(list stack.PacketBufferList) (int, tcpip.Error) {
	for i, pkt := range list.AsSlice() {
		if !d.send(pkt) {
			return i, &tcpip.ErrNoBufferSpace{}
		}
	}
	return list.Len(), nil
}

// Attach is called by the stack when the card is added (with a dispatcher) and
// removed (with nil).
func (d *device) Attach(up stack.NetworkDispatcher) {
	d.writing.Lock()
	d.up = up
	d.writing.Unlock()
}

// IsAttached reports whether the stack has taken the card.
func (d *device) IsAttached() bool {
	d.writing.Lock()
	defer d.writing.Unlock()
	return d.up != nil
}

// SupportedGSO lets the stack's TCP cut large segments as late as possible, just
// before the card.
func (d *device) SupportedGSO() stack.SupportedGSO { return stack.GVisorGSOSupported }

// GSOMaxSize is the largest segment before cutting.
func (d *device) GSOMaxSize() uint32 { return stack.GVisorGSOMaxSize }

// MTU is the largest IP packet.
func (d *device) MTU() uint32 { return d.mtu }

// The remaining methods describe a card without a link layer.

// SetMTU does nothing: the MTU is given at creation.
func (d *device) SetMTU(uint32) {}

// MaxHeaderLength is 0.
func (d *device) MaxHeaderLength() uint16 { return 0 }

// LinkAddress is empty.
func (d *device) LinkAddress() tcpip.LinkAddress { return "" }

// SetLinkAddress does nothing.
func (d *device) SetLinkAddress(tcpip.LinkAddress) {}

// Capabilities are none: checksums are made and checked.
func (d *device) Capabilities() stack.LinkEndpointCapabilities { return 0 }

// Wait returns at once: the card has no goroutines.
func (d *device) Wait() {}

// Close does nothing: the owner closes the device, not the stack.
func (d *device) Close() {}

// SetOnCloseAction does nothing.
func (d *device) SetOnCloseAction(func()) {}

// ARPHardwareType is none.
func (d *device) ARPHardwareType() header.ARPHardwareType { return header.ARPHardwareNone }

// AddHeader does nothing.
func (d *device) AddHeader(*stack.PacketBuffer) {}

// ParseHeader accepts every packet.
func (d *device) ParseHeader(*stack.PacketBuffer) bool { return true }
