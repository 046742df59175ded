package main

import (
	"context"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) messagesExport() *cobra.Command {
	var f filter
	var format, output string
	var bom bool
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write messages to a file or a pipe",
		Long: `Write all messages, or those of a filter, newest first. Rows are streamed, so
the memory stays flat however many there are.

In CSV a value that a spreadsheet could take for a formula gets an apostrophe in
front, and one that begins with an apostrophe one more: who reads the file with
a program takes one off. JSON has every text exactly as it was left.

A file is complete or not there: it is written under another name first.`,
		Example: `  afterbeep messages export --format csv --bom --output messages.csv
  afterbeep messages export --since 7d --channel Website | wc -l
  afterbeep messages export --state new --format json --output new.json`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				write := func(w io.Writer) (int, error) {
					if bom {
						if _, err := io.WriteString(w, "\ufeff"); err != nil {
							return 0, err
						}
					}
					return c.write(ctx, task{a, t, f, format}, w)
				}
				if output == "" || output == "-" {
					_, err := write(c.out)
					return err
				}
				n, err := whole(output, write)
				if err == nil {
					c.note("%d messages are in %s", n, term.Line(output))
				}
				return err
			})
		}),
	}
	f.flags(cmd, messageStates...)
	f.words(cmd)
	cmd.Flags().Lookup("limit").Usage = "the most that is written, newest first; 0 writes all"
	c.formatFlags(cmd, &format, "jsonl")
	cmd.Flags().StringVarP(&output, "output", "o", "", "write to `FILE` instead of standard output")
	cmd.Flags().BoolVar(&bom, "bom", false, "begin with the mark by which Excel knows UTF-8")
	return cmd
}

// whole writes a file so that it is there completely or not at all, also when
// the machine dies: a temporary name, a flush, a rename. Only its owner can
// read it, because it holds what customers wrote.
func whole(name string, write func(io.Writer) (int, error)) (n int, err error) {
	folder := filepath.Dir(name)
	f, err := os.CreateTemp(folder, "."+filepath.Base(name)+".*")
	if err != nil {
		return 0, err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name()) // what is left of it is of no use; the first error tells
		}
	}()
	if n, err = write(f); err != nil {
		return n, err
	}
	if err = f.Sync(); err != nil {
		return n, err
	}
	if err = f.Close(); err != nil {
		return n, err
	}
	if err = os.Rename(f.Name(), name); err != nil {
		return n, err
	}
	return n, syncFolder(folder)
}

// syncFolder makes a rename in it outlive the machine.
func syncFolder(name string) error {
	d, err := os.Open(name)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
