// Package oidc signs people in by a browser, at a provider of OpenID Connect: an
// auth.Browsing, and the pages that go with it. A person opens a page of this server, which
// names the client that waits, goes on to the provider, and comes back with an answer that
// is good once, in that browser, for that client.
package oidc
