package users

// Ways returns the ways to sign in of which a member of groups has to go one, as the first
// of them says that says anything; nil: none does.
func Ways(groups []*Group) []Way {
	for _, g := range groups {
		if g.Require != nil {
			return g.Require
		}
	}
	return nil
}

// Limit returns how many devices a user of groups may have, and who says so; nil: there is
// no limit.
func Limit(u *User, groups []*Group) (limit *int, from string) {
	if u.MaxDevices != nil {
		return u.MaxDevices, "the user's record"
	}
	for _, g := range groups {
		if g.MaxDevices != nil {
			return g.MaxDevices, "group " + g.Name
		}
	}
	return nil, ""
}
