package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

// Exit codes.
const (
	exitError   = 1
	exitUsage   = 2
	exitPartial = 3 // leave: some messages were refused, or nobody knows
)

// fault is an error with an exit code and what to do next.
type fault struct {
	text string
	next string // a second line; "" is none
	code int
}

func (f *fault) Error() string { return f.text }

// wrong is an error of the one who typed the command.
func wrong(format string, args ...any) error {
	return &fault{text: fmt.Sprintf(format, args...), code: exitUsage}
}

// silent ends with a code when everything has been said already.
func silent(code int) error { return &fault{code: code} }

// report writes the error, if any, and gives the exit code.
func (c *cli) report(cmd *cobra.Command, err error) int {
	if err == nil {
		return 0
	}
	text, next, code := err.Error(), "", exitError
	var f *fault
	var d *desk.Error
	switch {
	case errors.As(err, &f):
		text, next, code = f.text, f.next, f.code
		if code == exitUsage && next == "" {
			next = helpLine(cmd)
		}
	case !c.began: // the library found the command itself wrong
		code, next = exitUsage, helpLine(cmd)
	case errors.Is(err, context.Canceled):
		text = "stopped"
	case errors.As(err, &d):
		text, next, code = domain(d)
		if cmd.Name() == "serve" || cmd.Name() == "doctor" {
			next = ""
		}
	}
	if text != "" {
		fmt.Fprintln(c.err, "afterbeep: "+term.Line(text))
	}
	if next != "" {
		fmt.Fprintln(c.err, term.Line(next))
	}
	return code
}

func helpLine(cmd *cobra.Command) string {
	return fmt.Sprintf("See \"%s --help\".", cmd.CommandPath())
}

// domain words an error of the domain. An operator may know the cause, but
// where the sentence says everything the cause is noise.
func domain(d *desk.Error) (text, next string, code int) {
	switch d.Kind {
	case desk.Invalid:
		return d.Text, "", exitUsage
	case desk.Missing, desk.Conflict, desk.Limited:
		return d.Text, "", exitError
	}
	return d.Error(), "\"afterbeep doctor\" tells what is wrong and how to put it right.", exitError
}
