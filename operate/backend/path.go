package backend

import (
	"fmt"

	"culvert/tunnel"
)

// Path is what was measured of the path to a peer: outer IP packets in bytes, and TCP's
// segment size over IPv4 inside, 0 where that is left alone.
type Path struct {
	// Measured is false if the peer does not answer what it would be measured by.
	Measured bool `json:"measured"`
	Bytes    int  `json:"bytes,omitempty"` // the largest packet that passes both ways
	// Whole says that this is the largest that was tried, so that more may pass.
	Whole bool `json:"whole,omitempty"`
	MSS   int  `json:"mss,omitempty"`
	// MSSBefore is the segment size without the path's limit.
	MSSBefore int `json:"mss_before,omitempty"`
}

// String is what the text of a status says.
func (p *Path) String() string {
	switch {
	case !p.Measured:
		return "path not measured"
	case p.Whole:
		return fmt.Sprintf("path %d or more", p.Bytes)
	case p.MSS == p.MSSBefore:
		return fmt.Sprintf("path %d", p.Bytes)
	}
	return fmt.Sprintf("path %d, MSS from %d to %d", p.Bytes, p.MSSBefore, p.MSS)
}

// pathOf is the Path of what a peer's tunnel found; nil if there is nothing yet.
func pathOf(f tunnel.PathFound, ok bool) *Path {
	if !ok {
		return nil
	}
	return &Path{Measured: f.Bytes > 0, Bytes: f.Bytes, Whole: f.Bytes > 0 && f.Bytes >= f.Tried, MSS: f.MSS, MSSBefore: f.MSSBefore}
}
