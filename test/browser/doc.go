// Package browser holds the tests that run the staff's pages in Debian's
// Chromium, over the server as app runs it, on SQLite and, where that may make a
// difference, on PostgreSQL: a day by keyboard, two who want the same thread, a
// line that is cut, forms without scripts, an organisation's sign-in, sessions,
// hostile texts, accessibility in both themes and languages, and what the first
// load takes. AFTERBEEP_SCREENSHOTS names a folder for pictures.
package browser
