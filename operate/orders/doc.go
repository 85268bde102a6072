// Package orders has one process do what another may not: a server that gave up its rights
// puts an order into its store, and the process that may read the server's directory, and
// sign by the key of its authority, carries it out and answers it there. An order is
// carried out once at most, ends after a few minutes, and is removed when its answer is
// read. The answer is sealed for who asked: neither the store nor a copy of it can be read
// for a private key that was made.
//
// Who gives an order is not to be believed beyond that they have the store open: whoever
// carries it out judges it by what the store and the directory say.
package orders

import "culvert/store"

// Prefix is that of the keys: orders/ID, an Order.
const Prefix = "orders/"

// version is the newest version of an order's record.
const version = 1

// key of an order in the store.
func key(id string) string { return Prefix + id }

func (o *Order) put() (store.Put, error) {
	value, err := store.Encode(version, o)
	return store.Put{Key: key(o.ID), Value: value}, err
}
