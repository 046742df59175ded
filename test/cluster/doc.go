// Package cluster tortures many nodes: three real processes of Afterbeep, a
// PostgreSQL primary and its synchronous standby, and between each of them a
// stretch of network that can be cut. It has only tests, and nobody calls it.
//
// What was acknowledged is compared with what is stored, as in test/torture, and
// the history of what every client saw is handed to porcupine, which says
// whether any order of single steps explains it. Every promise is also tried
// where it is broken on purpose: by a variant of the binary, by a standby that is
// not synchronous, or by a history with a row less.
//
// AFTERBEEP_TORTURE=long asks for the long form, AFTERBEEP_SEED for a certain
// seed, AFTERBEEP_NO_SKIP=1 makes a skip a failure.
package cluster
