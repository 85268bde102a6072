// Package signin is how people sign in: with a certificate of one of their devices, a
// password, a one-time code or a browser, as their groups require (users.Way). Checker is
// the auth.Checker that a server asks about every client. Passwords are checked by an
// auth.Source: Local has those that are kept here.
//
// Besides the records of package users, the store has
//
//	signins/NAME   from where a user signed in in the last 30 days
//	guesses/wrong  wrong passwords and codes that slow down the next ones, of a server that ended
package signin
