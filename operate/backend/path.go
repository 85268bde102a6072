package backend

import (
	"fmt"

	"culvert/tunnel"
)

// Path is what was measured of the path to a peer: outer IP packets in bytes, and TCP's
// segment size over IPv4 inside, 0 where that is left alone.
type Path struct {
	Measured  bool `json:"measured" doc:"false where the peer does not answer what it would be measured by"`
	Bytes     int  `json:"bytes,omitempty" doc:"the size of the largest outer packet that passes both ways, in bytes with IP's header"`
	Whole     bool `json:"whole,omitempty" doc:"that is the largest that was tried, so that more may pass"`
	MSS       int  `json:"mss,omitempty" doc:"the segment size of TCP over IPv4 in the tunnel, in bytes; absent where it is left alone"`
	MSSBefore int  `json:"mss_before,omitempty" doc:"what it would be without the path's limit, in bytes"`
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
