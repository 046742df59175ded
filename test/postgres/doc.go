// Package postgres makes throw-away PostgreSQL clusters for tests and
// benchmarks: real servers from Debian's (or anybody's) binaries, on 127.0.0.1
// and a free port, run as an unprivileged user when the caller is root.
//
// It promises that nothing is left behind. A server ends with its test, also
// when the test binary is killed; its folder goes with it, or is swept away by
// the next test binary; only processes that it has started are ever signalled.
// The settings are durable (fsync, synchronous_commit, checksums), because
// Afterbeep refuses to run on others.
//
// It uses none of Afterbeep's own packages. Tests and bench call it; the
// product never does.
package postgres
