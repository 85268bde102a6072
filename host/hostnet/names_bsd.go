//go:build freebsd || openbsd

package hostnet

import "context"

// nameService returns none: names are resolved by the resolver's file.
func (bsdKernel) nameService(context.Context, []byte) nameService { return nameService{} }

func (bsdKernel) setLinkDNS(context.Context, string, DNS) error { return errNotHere }
func (bsdKernel) revertLinkDNS(context.Context, string) error   { return errGone }
