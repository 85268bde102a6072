// Package dashboard is what a browser meets of a process: its pages, its API, and the
// sign-in that stands before the API. It is served in two places: by a server at an address
// of its own (dashboard-listen), where people of the server's store and its directories sign
// in, and by culvert dashboard on loopback, which passes requests on to a process's socket
// for whoever has the link that the command prints.
//
// What it answers, besides the pages at / and the API at /v1/:
//
//	GET    /auth/state            State: who is signed in, and how one can sign in
//	POST   /auth/password         {name, password}: Answer
//	POST   /auth/code             {code}, after an Answer that needs one: Answer
//	POST   /auth/link             {token}, of a link that works once: Answer
//	POST   /auth/oidc/begin       {address}: where the provider is at which one signs in
//	GET    /auth/oidc/return      to where the provider sends the browser back: leads to a page
//	POST   /auth/oidc/finish      then: Answer
//	POST   /auth/passkey/begin    {publicKey}: for navigator.credentials.get
//	POST   /auth/passkey/finish   {credential}: what that returned, by its toJSON: Answer
//	POST   /auth/passkeys/begin   {publicKey}: for navigator.credentials.create, of who is signed in
//	POST   /auth/passkeys/finish  {name, credential}: what that returned, by its toJSON: Passkey
//	GET    /auth/passkeys         {passkeys: [Passkey]}: those of who is signed in
//	DELETE /auth/passkeys/{id}    removes one of them
//	POST   /auth/out              signs out
//
// Bodies are JSON (Content-Type: application/json), faults are api.Error. A browser signs in
// by a cookie that no page can read. A link's token is behind the # of its address
// (https://NAME/#link=TOKEN), which browsers send to nobody; the page there sends it.
package dashboard
