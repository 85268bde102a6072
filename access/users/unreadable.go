package users

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"culvert/store"
)

// UnreadableError is a record that cannot be read: it is damaged, or of a newer version.
type UnreadableError struct {
	Key string
	Err error // names the record
}

// Error says what is wrong, and what mends it.
func (e *UnreadableError) Error() string {
	const byHand = "correct or delete its line in what culvert export --dir D writes, and culvert import --replace that"
	if remove := removal(e.Key); remove != "" {
		return fmt.Sprintf("%v; to be rid of it: %s --dir D; to keep it: %s", e.Err, remove, byHand)
	}
	return fmt.Sprintf("%v; to mend it: %s", e.Err, byHand)
}

// Unwrap returns what is wrong.
func (e *UnreadableError) Unwrap() error { return e.Err }

// removal is the command that removes the record under a key; "": there is none.
func removal(key string) string {
	kind, name, _ := strings.Cut(key, "/")
	switch kind + "/" {
	case usersPrefix:
		return "culvert user remove " + name
	case groupsPrefix:
		return "culvert group remove " + name
	case devicesPrefix:
		if user, device, ok := strings.Cut(name, "/"); ok {
			return fmt.Sprintf("culvert device remove %s --user %s", device, user)
		}
	}
	return ""
}

// decode reads a record; its error is an *UnreadableError.
func decode(e store.Entry, version int, record any) error {
	if _, err := store.Decode(e, version, record); err != nil {
		return &UnreadableError{e.Key, err}
	}
	return nil
}

func unreadable(err error) bool { return errors.As(err, new(*UnreadableError)) }

// CommonNames returns those that certificates of a user's devices have, or of one device if
// that is not "": also of what cannot be read. Who is not there is an *UnknownError.
func (b *Book) CommonNames(ctx context.Context, user, device string) (names []string, err error) {
	t := b.begin(ctx)
	prefix := devicesPrefix + user + "/"
	if _, err := t.user(user); err != nil && !unreadable(err) && device == "" {
		return nil, err
	}
	all, err := t.names(prefix)
	if err != nil {
		return nil, err
	}
	for _, name := range all {
		if device != "" && name != device {
			continue
		}
		d, err := t.device(user, name)
		switch {
		case unreadable(err):
			indexes, err := t.indexesOf(user + "/" + name)
			if err != nil {
				return nil, err
			}
			for _, key := range indexes {
				if of, ok := strings.CutPrefix(key, certificatesPrefix); ok {
					names = append(names, of)
				}
			}
		case err != nil:
			return nil, err
		default:
			names = append(names, d.CommonName)
		}
	}
	if device != "" && len(names) == 0 {
		_, err = t.device(user, device)
	}
	return names, err
}

// indexesOf returns the keys that lead to a device, by looking through all: its own record
// cannot say which they are. That of its common name is one in any case.
func (t *tx) indexesOf(key string) (keys []string, err error) {
	user, name, _ := strings.Cut(key, "/")
	keys = append(keys, certificatesPrefix+name+"."+user)
	snap, err := t.store.List(t.ctx, certificatesPrefix, addressesPrefix)
	for _, e := range snap.Entries {
		var to string
		if decode(e, indexVersion, &to) == nil && to == key && !slices.Contains(keys, e.Key) {
			keys = append(keys, e.Key)
			t.read[e.Key] = e.Revision
		}
	}
	return keys, err
}

// removeUnreadable removes a device whose record cannot be read, and all that is its, and
// returns it as far as it is known.
func (t *tx) removeUnreadable(user, name string) (*Device, error) {
	d := &Device{User: user, Name: name, CommonName: name + "." + user}
	indexes, err := t.indexesOf(d.Key())
	t.removeDevice(d)
	t.remove(indexes...)
	return d, err
}
