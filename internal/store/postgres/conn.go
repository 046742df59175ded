package postgres

import (
	"context"
	"database/sql/driver"
	"errors"
	"net"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/teeth"
)

// settings are what a connection is made with.
func settings(url string, o Options) (*pgx.ConnConfig, error) {
	cfg, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, badURL() // theirs may show the password
	}
	cfg.ConnectTimeout = o.ConnectTimeout
	// A database that vanished without a word is noticed by the keep-alive, one
	// that answers slowly by the timeouts of whoever asks.
	dialer := &net.Dialer{Timeout: o.ConnectTimeout, KeepAliveConfig: net.KeepAliveConfig{
		Enable: true, Idle: 5 * time.Second, Interval: 2 * time.Second, Count: 3,
	}}
	cfg.DialFunc = dialer.DialContext
	if o.PgBouncer {
		cfg.DefaultQueryExecMode = pgx.QueryExecModeExec
		cfg.StatementCacheCapacity, cfg.DescriptionCacheCapacity = 0, 0
		return cfg, nil
	}
	for k, v := range map[string]string{
		"application_name": "afterbeep", "timezone": "UTC", "client_encoding": "UTF8",
		"statement_timeout": strconv.FormatInt(o.StatementTimeout.Milliseconds(), 10),
		// A node that is cut off in the middle must not keep the others from what it
		// has locked.
		"idle_in_transaction_session_timeout": "5000",
	} {
		if _, given := cfg.RuntimeParams[k]; !given {
			cfg.RuntimeParams[k] = v
		}
	}
	return cfg, nil
}

// connector makes connections that know whether their last commit is in doubt.
type connector struct {
	cfg  *pgx.ConnConfig
	o    Options
	lost *atomic.Int64 // how often a connection was lost
}

// Driver is pgx's.
func (c connector) Driver() driver.Driver { return stdlib.GetDefaultDriver() }

// Connect opens a connection and looks whether what it commits is flushed: after
// a fail-over it may be another server, with other settings.
func (c connector) Connect(ctx context.Context) (driver.Conn, error) {
	cfg, doubt := c.cfg.Copy(), new(atomic.Bool)
	cfg.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
		if doubtful(n) && !teeth.On("ignore-notice") {
			doubt.Store(true)
		}
	}
	base, err := stdlib.GetConnector(*cfg, stdlib.OptionAfterConnect(c.check)).Connect(ctx)
	if err != nil {
		return nil, err
	}
	before := c.lost.Load()
	own, ok := base.(*stdlib.Conn)
	if !ok {
		return nil, errors.New("pgx gave a connection of another kind")
	}
	return &conn{Conn: own, doubt: doubt, lost: c.lost, born: before, fault: c.o.fault}, nil
}

// doubtful: the server stopped waiting for its standbys, and committed all the
// same. PostgreSQL says so as a warning, whatever the language of its words.
func doubtful(n *pgconn.Notice) bool {
	switch n.Code {
	case "01000", "57P01", "57P02", "57P03":
		return n.SeverityUnlocalized != "NOTICE" && n.SeverityUnlocalized != "INFO" && n.SeverityUnlocalized != "LOG"
	}
	return false
}

// check reads the settings that the flush depends on, and who we are.
func (c connector) check(ctx context.Context, conn *pgx.Conn) error {
	var version, fsync, pages, commit, names string
	var recovery, super, bypass bool
	err := conn.QueryRow(ctx, `SELECT current_setting('server_version_num'), current_setting('fsync'), current_setting('full_page_writes'),
		current_setting('synchronous_commit'), current_setting('synchronous_standby_names'), pg_is_in_recovery(),
		coalesce((SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user), false),
		coalesce((SELECT rolbypassrls FROM pg_catalog.pg_roles WHERE rolname = current_user), false)`,
		pgx.QueryExecModeExec).Scan(&version, &fsync, &pages, &commit, &names, &recovery, &super, &bypass)
	n, _ := strconv.Atoi(version) // 0, which is refused, when it is no number
	unsafe := func(format string, args ...any) error {
		return desk.Errorf(desk.Unstored, "unsafe_setting", format, args...)
	}
	switch {
	case err != nil:
	case n < leastVersion:
		err = unsafe("PostgreSQL %s is older than 15, the oldest that Afterbeep knows; upgrade it", version)
	case recovery:
		err = unsafe("the database is a standby and can only be read; name the primary, or all hosts with target_session_attrs=read-write")
	case fsync != "on" || pages != "on":
		err = unsafe("PostgreSQL runs with fsync=%s and full_page_writes=%s, where both must be on to keep what is acknowledged; set them in postgresql.conf", fsync, pages)
	case commit != "on" && commit != "remote_apply":
		err = unsafe("PostgreSQL runs with synchronous_commit=%s, where on or remote_apply is needed to keep what is acknowledged; ALTER ROLE … SET synchronous_commit = on", commit)
	case (super || bypass) && !c.o.owner:
		err = unsafe("the database's role is not held by row-level security (superuser or BYPASSRLS); make one as docs/operations.md says, and name it in the URL")
	case c.o.Standbys > 0 && names == "":
		err = unsafe("the database has no synchronous standbys and %d are asked for; set synchronous_standby_names, or lower postgres.standbys", c.o.Standbys)
	}
	if err != nil {
		return errors.Join(err, conn.Close(ctx))
	}
	return nil
}

// leastVersion is PostgreSQL 15, as the number that the server gives.
const leastVersion = 150000

// conn is a connection that turns a warning about a commit into an error.
type conn struct {
	*stdlib.Conn
	doubt *atomic.Bool
	lost  *atomic.Int64
	born  int64 // what lost was when the connection was made
	stale bool  // what it is connected to no longer takes writes
	fault func(query string) string
}

// fail lets the server itself fail a statement, when a test wants it to.
func (c *conn) fail(ctx context.Context, query string) error {
	if c.fault == nil {
		return nil
	}
	state := c.fault(query)
	if state == "" {
		return nil
	}
	_, err := c.Conn.Conn().Exec(ctx, `DO $$ BEGIN RAISE EXCEPTION 'as the test wants it' USING ERRCODE = '`+state+`'; END $$`)
	return err
}

var (
	errDoubt = errors.New("the server stopped waiting for its standbys")
	errLost  = errors.New("the connection was lost during a statement that is its own transaction")
)

// ExecContext runs a statement, which outside a transaction is a commit, too.
func (c *conn) ExecContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Result, error) {
	if err := c.fail(ctx, query); err != nil {
		return nil, err
	}
	c.doubt.Store(false)
	alone := !c.Conn.Conn().IsClosed() && c.Conn.Conn().PgConn().TxStatus() == 'I'
	r, err := c.Conn.ExecContext(ctx, query, args)
	c.look(err)
	switch {
	case alone && err == nil && c.doubt.Load():
		return nil, errDoubt
	case alone && errors.Is(err, driver.ErrBadConn):
		return nil, errLost // not ErrBadConn, for which database/sql would do it again
	}
	return r, err
}

// QueryContext runs a query.
func (c *conn) QueryContext(ctx context.Context, query string, args []driver.NamedValue) (driver.Rows, error) {
	if err := c.fail(ctx, query); err != nil {
		return nil, err
	}
	r, err := c.Conn.QueryContext(ctx, query, args)
	c.look(err)
	return r, err
}

// BeginTx begins a transaction whose commit tells when it is in doubt.
func (c *conn) BeginTx(ctx context.Context, o driver.TxOptions) (driver.Tx, error) {
	t, err := c.Conn.BeginTx(ctx, o)
	if err != nil {
		return nil, err
	}
	return transaction{t, c}, nil
}

// ResetSession looks at a connection before it is used again. When one was lost,
// the others lead to the same dead server as a rule, and nobody is to find that
// out by waiting for each of them.
func (c *conn) ResetSession(ctx context.Context) error {
	if c.stale || c.born != c.lost.Load() {
		return driver.ErrBadConn
	}
	ctx, cancel := context.WithTimeout(ctx, pingWait)
	defer cancel()
	err := c.Conn.ResetSession(ctx)
	if err != nil {
		c.lost.Add(1)
	}
	return err
}

// pingWait is how long a connection that rested may take to say that it is there.
const pingWait = 2 * time.Second

// IsValid keeps a connection out of the pool that leads to a server which was
// the primary once.
func (c *conn) IsValid() bool { return !c.stale && !c.Conn.Conn().IsClosed() }

func (c *conn) look(err error) {
	if code(err) == "25006" {
		c.stale = true
	}
	if err != nil && c.Conn.Conn().IsClosed() {
		c.lost.Add(1)
	}
}

type transaction struct {
	driver.Tx
	c *conn
}

// Commit commits; errDoubt when the standbys did not confirm it.
func (t transaction) Commit() error {
	if err := t.c.fail(context.Background(), "COMMIT"); err != nil {
		return errors.Join(err, t.Tx.Rollback())
	}
	t.c.doubt.Store(false)
	if err := t.Tx.Commit(); err != nil {
		t.c.look(err)
		return err
	}
	if t.c.doubt.Load() {
		return errDoubt
	}
	return nil
}
