// Afterbeep takes the messages that customers leave when nobody answers. This
// is its command line: the server, and everything an operator does beside it.
// It promises that whatever a stranger wrote is shown harmlessly, that secrets
// are shown once and never echoed, and that every error is one sentence on
// standard error with exit code 1, or 2 when the command itself was wrong.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// version is set by the linker (-X main.version=…) in a release.
var version string

func main() {
	// The first signal ends what is under way in an orderly manner; after that
	// signals do again what they do by default, so that a second one ends the
	// process at once.
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	c := &cli{in: os.Stdin, out: os.Stdout, err: os.Stderr, environ: os.Environ(), now: time.Now}
	os.Exit(c.main(ctx, os.Args[1:]))
}
