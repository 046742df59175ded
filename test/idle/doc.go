// Package idle holds the tests of what the real binary asks its database for
// when nobody does anything: nothing more often than once a second, with a
// screen open that waits for news. What it asks is listed in the test's log.
package idle
