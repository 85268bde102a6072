package main

import (
	"time"

	"github.com/spf13/cobra"

	"culvert/access/users"
)

func userCommand() *cobra.Command {
	return parent("user", "culvert user add alice --dir /etc/culvert", "Manage a server's users",
		userAddCommand(), userImportCommand(), userListCommand(), userShowCommand(), userSetCommand(), userDisableCommand(), userEnableCommand(), userRemoveCommand(), userTOTPCommand())
}

// userInfo is a user as --json shows them: without secrets.
type userInfo struct {
	Name       string       `json:"name"`
	FullName   string       `json:"full_name,omitempty"`
	Email      string       `json:"email,omitempty"`
	State      string       `json:"state"` // active, disabled, expired or gone
	Created    time.Time    `json:"created"`
	Expires    time.Time    `json:"expires,omitzero"`
	Groups     []string     `json:"groups"`
	MaxDevices *int         `json:"max_devices,omitempty"` // the user's own limit, or that of their groups
	Password   bool         `json:"password"`              // there is one
	Code       bool         `json:"code"`                  // one-time codes are set up
	Source     string       `json:"source,omitempty"`
	Quotas     []users.Use  `json:"quotas,omitempty"`
	Gone       string       `json:"gone,omitempty"` // why the source says that they are out
	Devices    []deviceInfo `json:"devices"`
}

// infoOf is a user, with their groups and devices.
func infoOf(u *users.User, groups []*users.Group, devices []*users.Device, now time.Time) userInfo {
	limit, _ := users.Limit(u, groups)
	i := userInfo{Name: u.Name, FullName: u.FullName, Email: u.Email, State: u.State(now), Created: u.Created, Expires: u.Expires, Groups: u.Groups,
		MaxDevices: limit, Password: u.Password != "", Code: u.TOTP != nil && u.TOTP.Confirmed, Source: u.Source, Gone: u.Gone, Devices: deviceInfos(devices, now)}
	if i.Groups == nil {
		i.Groups = []string{}
	}
	return i
}
