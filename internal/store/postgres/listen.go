package postgres

import (
	"context"
	"errors"
	"time"

	"github.com/jackc/pgx/v5"
)

// channel is what nodes tell each other of new events on.
const channel = "afterbeep_events"

// Listen calls wake whenever some node appended events, until ctx ends or the
// connection is lost. It holds a connection of its own, beside the pool.
func Listen(ctx context.Context, o Options, wake func()) (err error) {
	cfg, err := settings(o.URL, o.withDefaults())
	if err != nil {
		return err
	}
	conn, err := pgx.ConnectConfig(ctx, cfg)
	if err != nil {
		return dialect{o}.Classify(err, false)
	}
	defer func() {
		closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
		defer cancel()
		err = errors.Join(err, conn.Close(closing))
	}()
	if _, err := conn.Exec(ctx, "LISTEN "+channel); err != nil {
		return dialect{o}.Classify(err, false)
	}
	wake() // what came before we listened
	for {
		if _, err := conn.WaitForNotification(ctx); err != nil {
			return dialect{o}.Classify(err, false)
		}
		wake()
	}
}
