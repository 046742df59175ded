// Package torture breaks the process, the disk and the network under the real
// binary and compares what was promised with what is there. It has only tests,
// and nobody calls it.
//
// Every promise is tried twice: on what is shipped, where nothing may be
// broken, and on a variant built to break that very promise, where the same
// trial must find it broken. A trial that finds nothing there proves nothing,
// and fails.
//
// AFTERBEEP_TORTURE=long asks for the long form, AFTERBEEP_SEED for a certain
// seed, AFTERBEEP_NO_SKIP=1 makes a skip a failure.
package torture
