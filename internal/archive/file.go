package archive

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// The forms that a backup has.
const (
	Portable = "archive" // this package's
	SQLite   = "sqlite"  // a database file
)

// Recognise says which form of a backup a file has, by its first bytes.
func Recognise(file string) (string, error) {
	f, err := os.Open(file)
	if err != nil {
		return "", desk.Wrap(desk.Missing, "backup", "there is no backup "+file, err)
	}
	defer f.Close()
	first := make([]byte, 16)
	n, err := io.ReadFull(f, first)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF) {
		return "", desk.Wrap(desk.Invalid, "backup", file+" cannot be read", err)
	}
	switch first = first[:n]; {
	case bytes.HasPrefix(first, []byte{0x1f, 0x8b}):
		return Portable, nil
	case bytes.Equal(first, []byte("SQLite format 3\x00")):
		return SQLite, nil
	}
	return "", desk.Errorf(desk.Invalid, "backup", "%s is no backup of Afterbeep: neither an archive nor a SQLite database", file)
}

// Create lets write write a file that is not there yet, flushes it, reads it
// back to its end, and only then gives it its name.
func Create(file string, write func(io.Writer) error) (s Summary, err error) {
	if _, err := os.Lstat(file); err == nil {
		return s, desk.Errorf(desk.Conflict, "file_exists", "%s is there already; a backup never overwrites one", file)
	}
	partial := file + ".partial"
	f, err := os.OpenFile(partial, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return s, desk.Wrap(desk.Invalid, "backup", "the backup cannot be written", err)
	}
	err = write(f)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		s, err = ReadFile(partial, Nothing)
	}
	if err == nil {
		err = os.Rename(partial, file)
	}
	if err != nil {
		return s, errors.Join(err, os.Remove(partial))
	}
	return s, flush(filepath.Dir(file))
}

// ReadFile is Read for a file.
func ReadFile(file string, do Do) (Summary, error) {
	f, err := os.Open(file)
	if err != nil {
		return Summary{}, desk.Wrap(desk.Missing, "backup", "there is no backup "+file, err)
	}
	defer f.Close()
	return Read(f, do)
}

func flush(folder string) error {
	f, err := os.Open(folder)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
