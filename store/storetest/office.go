package storetest

import (
	"fmt"
	"testing"

	"culvert/store"
)

// Office fills an empty store with what a server of 10,000 users keeps, for benchmarks:
// user00000 to user09999, in the group staff, with the hash of a password, and the devices
// laptop, pad and phone of each, with addresses and counters.
func Office(b *testing.B, s store.Whole, password string) {
	b.Helper()
	const day = "2026-11-27T09:00:00Z"
	var t store.Txn
	put := func(key string, record any) {
		value, err := store.Encode(1, record)
		if err != nil {
			b.Fatal(err)
		}
		t.Put = append(t.Put, store.Put{Key: key, Value: value})
	}
	type fields map[string]any
	for i := range 10_000 {
		user := fmt.Sprintf("user%05d", i)
		put("users/"+user, fields{"name": user, "full_name": "Somebody With A Name", "created": day, "groups": []string{"staff"}, "password": password})
		for j, name := range []string{"laptop", "pad", "phone"} {
			n := 3*i + j
			key, certificate, address := user+"/"+name, name+"."+user, fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)
			put("devices/"+key, fields{"user": user, "name": name, "created": day, "common_name": certificate, "ipv4": address})
			put("certificates/"+certificate, key)
			put("addresses/"+address, key)
			put("usage/"+key, fields{"bytes_in": 123456789, "bytes_out": 987654321, "last_seen": day})
		}
	}
	if _, err := s.CommitAll(b.Context(), t); err != nil {
		b.Fatal(err)
	}
}
