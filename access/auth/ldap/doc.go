// Package ldap checks logins by LDAP, as the plugin openvpn-auth-ldap.so does, by that
// plugin's own configuration file: it searches the user's entry, binds as that entry with
// the password, and looks whether it is a member of a group.
package ldap
