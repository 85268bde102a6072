package users

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
