package sqlite_test

import (
	"path/filepath"
	"testing"

	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	"github.com/afterbeep/afterbeep/internal/store/storetest"
)

func open(t *testing.T, folder string) *store.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), folder, sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func TestSQLiteKeepsWhatEveryEngineMust(t *testing.T) {
	folders := map[string]string{}
	storetest.Run(t, func(t *testing.T, key string) *store.Store {
		key += t.Name()
		if folders[key] == "" {
			folders[key] = filepath.Join(t.TempDir(), "data")
		}
		return open(t, folders[key])
	})
}
