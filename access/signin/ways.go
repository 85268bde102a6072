package signin

import "culvert/access/users"

// Ways returns the ways of which a user of groups has to go one to sign in, the first of
// which is the one that their devices' profiles are made for.
func Ways(u *users.User, groups []*users.Group) []users.Way { return required(groups, usual(u)) }
