package link

import (
	"net"
	"strconv"
	"time"
)

// zonesAge is how long the names of adapters are believed: an adapter may be
// plugged in again and get another index.
const zonesAge = time.Second

// zones maps between the IPv6 zones of link-local addresses, which package net
// gives as adapter names, and the indexes that the kernel uses. Sockets that meet
// no such address never ask for them.
type zones struct {
	asked   time.Time
	names   map[uint32]string
	indexes map[string]uint32
}

// name returns the zone for an index: the index itself if no adapter has it.
func (z *zones) name(index uint32) string {
	z.refresh()
	if name, ok := z.names[index]; ok {
		return name
	}
	return strconv.FormatUint(uint64(index), 10)
}

// index returns the kernel's index for a zone, 0 if there is no such adapter.
func (z *zones) index(zone string) uint32 {
	if zone == "" {
		return 0
	}
	z.refresh()
	if index, ok := z.indexes[zone]; ok {
		return index
	}
	index, _ := strconv.ParseUint(zone, 10, 32)
	return uint32(index)
}

// refresh asks the system if the names are too old. A failure keeps the old ones.
func (z *zones) refresh() {
	if time.Since(z.asked) < zonesAge {
		return
	}
	z.asked = time.Now()
	adapters, err := net.Interfaces()
	if err != nil {
		return
	}
	z.names, z.indexes = make(map[uint32]string), make(map[string]uint32)
	for _, a := range adapters {
		z.names[uint32(a.Index)], z.indexes[a.Name] = a.Name, uint32(a.Index)
	}
}
