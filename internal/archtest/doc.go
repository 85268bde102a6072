// Package archtest holds the project's conventions as tests: which package may
// import which, what the pure ones must not touch, that every setting is read,
// that types stay small, documentation, formatting, and that the functions
// ARCHITECTURE.md names exist.
package archtest
