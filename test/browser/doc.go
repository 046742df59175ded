// Package browser holds the tests that run the staff's pages in Debian's
// Chromium, over a real store, real intake and real handling: a day by keyboard,
// two who want the same thread, a line that is cut, forms without scripts,
// hostile texts, accessibility in both themes and languages, and what the first
// load weighs. AFTERBEEP_SCREENSHOTS names a folder for pictures.
package browser
