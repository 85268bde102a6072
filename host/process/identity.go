package process

import (
	"fmt"
	"os/user"
	"strconv"
)

// Identity is the user and group that a process is to run as. -1 leaves one as it
// is.
type Identity struct{ UID, GID int }

// Lookup finds `user` and `group` by name or number. "" leaves one as it is,
// except that a user alone brings its primary group along, so that no rights of
// root's groups stay. The error names the directive.
func Lookup(userName, groupName string) (Identity, error) {
	id := Identity{-1, -1}
	if userName != "" {
		u, err := user.Lookup(userName)
		if err != nil {
			u, err = byNumber(userName, user.LookupId, err)
		}
		if err != nil {
			return id, fmt.Errorf("user %s: %w: create it with useradd --system, or name one that exists", userName, err)
		}
		if id, err = numbers(u.Uid, u.Gid); err != nil {
			return id, fmt.Errorf("user %s: %w", userName, err)
		}
	}
	if groupName != "" {
		g, err := user.LookupGroup(groupName)
		if err != nil {
			g, err = byNumber(groupName, user.LookupGroupId, err)
		}
		if err != nil {
			return id, fmt.Errorf("group %s: %w: create it with groupadd --system, or name one that exists", groupName, err)
		}
		gid, err := numbers("-1", g.Gid)
		if err != nil {
			return id, fmt.Errorf("group %s: %w", groupName, err)
		}
		id.GID = gid.GID
	}
	return id, nil
}

// byNumber tries a name that is a number as one; otherwise err stays.
func byNumber[T any](name string, lookup func(string) (*T, error), err error) (*T, error) {
	if _, e := strconv.ParseUint(name, 10, 31); e != nil {
		return nil, err
	}
	return lookup(name)
}

func numbers(uid, gid string) (Identity, error) {
	u, err := strconv.Atoi(uid)
	if err != nil {
		return Identity{-1, -1}, ErrUnsupported
	}
	g, err := strconv.Atoi(gid)
	if err != nil {
		return Identity{-1, -1}, ErrUnsupported
	}
	return Identity{u, g}, nil
}

// Capability is a right of root that can be kept without the rest; its value
// is the number of capabilities(7).
type Capability uint

// The capabilities a tunnel may need after its start.
const (
	NetBindService Capability = 10 // ports below 1024
	NetAdmin       Capability = 12 // devices, addresses and routes
	NetRaw         Capability = 13 // marks on sockets
)

// Jail is what a process gives up once it is set up.
type Jail struct {
	Identity Identity
	Chroot   string       // the new root directory; "" keeps it
	Keep     []Capability // of root's rights; Linux only
	// Regain: what this process starts may win rights back by programs such as sudo. Without
	// it none can, on Linux (no_new_privs).
	Regain bool
}

// Empty reports whether there is nothing to give up.
func (j Jail) Empty() bool { return j.Identity == Identity{-1, -1} && j.Chroot == "" }
