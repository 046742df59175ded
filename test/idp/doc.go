// Package idp is a small OpenID Connect provider for tests: discovery, keys,
// tokens with PKCE checked, and the page on which somebody agrees, over TLS.
// What it vouches for is what the test says.
//
// It uses none of Afterbeep's own packages.
package idp
