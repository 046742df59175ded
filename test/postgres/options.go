package postgres

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// Options say how a server runs.
type Options struct {
	Settings map[string]string // lines of postgresql.conf that differ from the usual ones, e.g. {"work_mem": "4MB"}
	Dir      string            // where its folder is made; the unprivileged user must be able to reach it; "" = the system's temporary folder
	Via      string            // for Standby: host:port where it reaches its primary, for a proxy between them; "" = directly
}

// oldest is the first version that Afterbeep runs on.
const oldest = 15

// Binaries finds the folder with initdb, postgres, pg_ctl and pg_basebackup:
// the one that AFTERBEEP_POSTGRES_BIN names, Debian's newest, or that of the
// initdb on the PATH.
func Binaries() (dir string, err error) {
	var folders []string
	if named := os.Getenv("AFTERBEEP_POSTGRES_BIN"); named != "" {
		folders = []string{named}
	} else {
		folders = debians()
		if path, err := exec.LookPath("initdb"); err == nil {
			folders = append(folders, filepath.Dir(path))
		}
	}
	for _, folder := range folders {
		if complete(folder) {
			return folder, nil
		}
	}
	return "", errors.New("PostgreSQL 15 or newer is not here: install Debian's package postgresql, or name the folder of initdb and postgres in AFTERBEEP_POSTGRES_BIN")
}

// debians are the folders of Debian's packages, the newest version first.
func debians() []string {
	version := func(folder string) int {
		n, _ := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
		return n
	}
	folders, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	folders = slices.DeleteFunc(folders, func(folder string) bool { return version(folder) < oldest })
	slices.SortFunc(folders, func(a, b string) int { return version(b) - version(a) })
	return folders
}

func complete(folder string) bool {
	for _, name := range []string{"initdb", "postgres", "pg_ctl", "pg_basebackup"} {
		if _, err := os.Stat(filepath.Join(folder, name)); err != nil {
			return false
		}
	}
	return true
}

// binaries is Binaries for a test, which is skipped without them.
func binaries(t testing.TB) string {
	t.Helper()
	dir, err := Binaries()
	if err == nil {
		return dir
	}
	if os.Getenv("AFTERBEEP_NO_SKIP") == "1" {
		t.Fatalf("%v (AFTERBEEP_NO_SKIP=1 allows no skip)", err)
	}
	t.Skip(err)
	return ""
}

// usual are the settings of a server that nobody wishes otherwise: durable,
// modest, quick to notice that a peer is gone, and without sockets, shared
// memory files or logs outside its folder.
func usual() map[string]string {
	return map[string]string{
		"listen_addresses":             "127.0.0.1",
		"unix_socket_directories":      "",
		"password_encryption":          "md5", // scram costs every connection some ms, and who can read the loopback is root
		"max_connections":              "100",
		"shared_buffers":               "128MB",
		"dynamic_shared_memory_type":   "mmap", // in the folder, so that a kill leaves nothing in /dev/shm
		"fsync":                        "on",
		"synchronous_commit":           "on",
		"full_page_writes":             "on",
		"wal_level":                    "replica",
		"max_wal_senders":              "8",
		"wal_keep_size":                "512MB",
		"max_wal_size":                 "1GB",
		"hot_standby":                  "on",
		"wal_receiver_status_interval": "1s",
		"wal_receiver_timeout":         "10s",
		"wal_sender_timeout":           "10s",
		"wal_retrieve_retry_interval":  "100ms",
		"timezone":                     "UTC",
		"log_timezone":                 "UTC",
		"lc_messages":                  "C",
		"log_line_prefix":              "%m [%p] %q%u@%d %a ",
	}
}

// conf is the text that is added to postgresql.conf; the last line of a name
// counts.
func conf(settings ...map[string]string) string {
	all := map[string]string{}
	for _, some := range settings {
		maps.Copy(all, some)
	}
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(all)) {
		text.WriteString(name + " = '" + strings.ReplaceAll(all[name], "'", "''") + "'\n")
	}
	return text.String()
}
