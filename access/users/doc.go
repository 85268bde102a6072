// Package users is who may come in: people, their devices, and the groups they are in, as
// records of a store. Book changes them, in transactions that say what stands against one.
// Directory has all of them in memory, follows the store, and answers at once: sign-in,
// policy and names ask it, and never the store.
//
// Keys:
//
//	users/NAME               a User
//	devices/USER/NAME        a Device
//	groups/NAME              a Group
//	certificates/COMMONNAME  USER/NAME, whose certificate has that common name
//	addresses/ADDRESS        USER/NAME, whose address that is
//	usage/USER/DEVICE        a Usage: what a device carried; DEVICE is - without one
//	signins/NAME             from where a user signed in (package signin)
//	guesses/wrong            what slows down wrong passwords (package signin)
//	passkeys/ID              a passkey for the dashboard (package dashboard)
//	api/tokens/NAME          a token to ask the API by (package tokens)
//	dashboard/links/HASH     a link to the dashboard that works once (package dashboard)
package users
