package postgres

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"io"
	"net"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

type dialect struct{ o Options }

// Name is the engine's name.
func (dialect) Name() string { return "postgres" }

// Buckets is over how many parts the journal is spread. It is part of the
// schema: the probe has a row for each.
const Buckets = 16

// Traits: several nodes write, and the database itself holds a transaction to
// its tenant.
func (d dialect) Traits() store.Traits {
	t := store.Traits{
		SkipLocked: ` FOR UPDATE SKIP LOCKED`, ForUpdate: ` FOR UPDATE`,
		Tenant: belongs, Nobody: `SET LOCAL afterbeep.tenant = ''`, Arrays: arrays,
		Clock:   `(extract(epoch FROM clock_timestamp()) * 1000000)::bigint`,
		Buckets: Buckets, Patience: d.o.Patience,
	}
	if d.o.Listen && !d.o.PgBouncer {
		t.Nudge = `SELECT pg_notify('` + channel + `', '')`
	}
	return t
}

// belongs says whose transaction it is. SET LOCAL and not set_config, because a
// sharded PostgreSQL hands on to its workers what is SET.
func belongs(t desk.TenantID) string {
	return "SET LOCAL afterbeep.tenant = '" + strconv.FormatInt(int64(t), 10) + "'"
}

// arrays is one text for any number of rows: a statement whose every value is a
// parameter costs the server more to read and to plan than to run.
func arrays(first int, columns string) string {
	var b strings.Builder
	for i, c := range columns {
		b.WriteString(map[bool]string{true: "unnest(", false: ", "}[i == 0])
		b.WriteString("$" + strconv.Itoa(first+i) + map[rune]string{'n': "::bigint[]", 't': "::text[]", 'b': "::bytea[]"}[c])
	}
	return b.String() + ")"
}

// Tend has nothing to do: PostgreSQL keeps house itself.
func (dialect) Tend(context.Context, *sql.DB, *sql.DB, bool) error { return nil }

// Classify reads PostgreSQL's codes and the network's errors. What came back as
// an ERROR was rolled back; a connection that was lost while a commit was under
// way leaves nobody knows what.
func (dialect) Classify(err error, committing bool) error {
	var known *desk.Error
	switch {
	case err == nil, errors.As(err, &known), errors.Is(err, sql.ErrNoRows):
		return err
	case errors.Is(err, errDoubt):
		return desk.Wrap(desk.Unknown, "unconfirmed", "the database stopped waiting for its standbys", err)
	case errors.Is(err, pgx.ErrTxCommitRollback):
		return desk.Wrap(desk.Unstored, "rolled_back", "the database rolled the transaction back", err)
	}
	var theirs *pgconn.PgError
	if errors.As(err, &theirs) {
		return answer(theirs, err, committing)
	}
	return network(err, committing)
}

func code(err error) string {
	var theirs *pgconn.PgError
	if errors.As(err, &theirs) {
		return theirs.Code
	}
	return ""
}

// answer is for what the server said.
func answer(e *pgconn.PgError, err error, committing bool) error {
	switch class := e.Code[:min(2, len(e.Code))]; {
	case e.Code == "40003", committing && e.SeverityUnlocalized != "ERROR", committing && (class == "08" || class == "XX" || class == "58"):
		return desk.Wrap(desk.Unknown, store.LostCode, "the database ended while it was writing", err)
	case class == "40", e.Code == "55P03":
		return desk.Wrap(desk.Unstored, store.AgainCode, "the database let another transaction pass first", err)
	case e.Code == "23505":
		return desk.Wrap(desk.Conflict, "exists", "it exists already", err)
	case class == "53":
		return desk.Wrap(desk.Unstored, "database_full", "the database has no room or no connection left", err)
	case e.Code == "25006":
		return desk.Wrap(desk.Unstored, "read_only", "the database can only be read: it is a standby, or became one", err)
	case e.Code == "57014":
		return desk.Wrap(desk.Unstored, store.SlowCode, "the database was too slow", err)
	case class == "57", class == "08", class == "58":
		return desk.Wrap(desk.Unstored, store.AwayCode, "the database is not there", err)
	case class == "28", class == "3D":
		return desk.Wrap(desk.Unstored, "database_refuses", "the database does not let this role in; check the name and the password in its URL", err)
	case e.Code == "42501":
		return desk.Wrap(desk.Unstored, "no_right", "the database's role may not do that; run \"afterbeep migrate\" as the role that owns the tables", err)
	case e.Code == "42P01", e.Code == "42703", e.Code == "42883":
		return desk.Wrap(desk.Unstored, "no_schema", "the database has no tables of this version; run \"afterbeep migrate\"", err)
	}
	return err
}

// network is for when the server said nothing. What pgx calls safe to retry is
// not believed in a commit: a connection that it finds closed on a second look
// may have been lost after COMMIT was sent.
func network(err error, committing bool) error {
	var (
		connecting *pgconn.ConnectError
		broken     net.Error
	)
	switch {
	case errors.As(err, &connecting), errors.Is(err, driver.ErrBadConn), errors.Is(err, sql.ErrTxDone), !committing && pgconn.SafeToRetry(err):
		return desk.Wrap(desk.Unstored, store.AwayCode, "the database is not there", err)
	case committing:
		return desk.Wrap(desk.Unknown, store.LostCode, "the connection to the database was lost while it was writing", err)
	case errors.Is(err, context.Canceled):
		return err
	case errors.Is(err, context.DeadlineExceeded):
		return desk.Wrap(desk.Unstored, store.SlowCode, "the database was too slow", err)
	case errors.Is(err, errLost), errors.As(err, &broken), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed):
		return desk.Wrap(desk.Unstored, store.AwayCode, "the database is not there", err)
	}
	return err
}
