//go:build interop

package interop

func softetherEncounters() []*encounter { return nil }
