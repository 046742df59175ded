package store

import (
	"context"
	"errors"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Report counts what a check read.
type Report struct {
	Tenants, Threads, Messages, Events, Waiting, Aside int64

	Damaged []string // rows whose hash does not match, or that belong nowhere
	Reasons []string // why messages were set aside, the first hundred
}

// Check reads every row of every tenant and compares its hash. It says how far
// it is, in messages.
func (s *Store) Check(ctx context.Context, progress func(done int64)) (Report, error) {
	var r Report
	tenants, err := s.Tenants(ctx)
	if err != nil {
		return r, err
	}
	r.Tenants = int64(len(tenants))
	for _, t := range tenants {
		if err := s.checkMessages(ctx, t.ID, &r, progress); err != nil {
			return r, err
		}
		if err := s.checkEvents(ctx, t.ID, &r); err != nil {
			return r, err
		}
		if err := s.checkThreads(ctx, t.ID, &r); err != nil {
			return r, err
		}
	}
	err = s.eachJournalRow(ctx, desk.Query{}, func(row *storedRow) bool {
		r.Waiting += int64(row.Count)
		if !row.intact() {
			r.Damaged = append(r.Damaged, "journal row "+row.First.String())
		}
		return true
	})
	if err != nil {
		return r, err
	}
	return r, s.checkAside(ctx, &r, tenants)
}

// checkAside lists what sorting could not place, also that of nobody.
func (s *Store) checkAside(ctx context.Context, r *Report, tenants []desk.Tenant) error {
	for _, t := range append([]desk.Tenant{{Name: "nobody's"}}, tenants...) {
		rows, err := s.query(ctx, t.ID, `SELECT id, messages, error FROM aside WHERE tenant_id = $1 ORDER BY id`)
		_, err = collect(rows, err, func(sc scanner) (struct{}, error) {
			var (
				id     desk.ID
				n      int64
				reason string
			)
			err := sc.Scan((*int64)(&id), &n, &reason)
			r.Aside += n
			if len(r.Reasons) < 100 {
				r.Reasons = append(r.Reasons, id.String()+" ("+t.Name+"): "+reason)
			}
			return struct{}{}, err
		})
		if err != nil {
			return s.judge(err, false)
		}
	}
	return nil
}

const checkPage = 1000

func (s *Store) checkMessages(ctx context.Context, t desk.TenantID, r *Report, progress func(int64)) error {
	q := desk.Query{Limit: checkPage}
	for {
		rows, err := s.query(ctx, t, selectMessage+` WHERE m.tenant_id = $1 AND m.id < $2 ORDER BY m.id DESC LIMIT $3`, int64(below(q)), q.Limit)
		all, err := collect(rows, err, scanMessage)
		if err != nil {
			return s.judge(err, false)
		}
		for i := range all {
			q.Before = all[i].ID
		}
		_, err = sound(all, nil)
		r.note(err)
		r.Messages += int64(len(all))
		progress(r.Messages)
		if len(all) < checkPage {
			return nil
		}
	}
}

func (s *Store) checkEvents(ctx context.Context, t desk.TenantID, r *Report) error {
	for seq := int64(0); ; {
		rows, err := s.query(ctx, t, selectEvent+` WHERE tenant_id = $1 AND seq > $2 ORDER BY seq LIMIT $3`, seq, checkPage)
		all, err := collect(rows, err, scanEvent)
		if err != nil {
			return s.judge(err, false)
		}
		for i := range all {
			if all[i].Seq != seq+1 {
				r.Damaged = append(r.Damaged, "event log: a gap before "+desk.ID(all[i].Seq).String())
			}
			seq = all[i].Seq
		}
		_, err = soundEvents(all, nil)
		r.note(err)
		r.Events += int64(len(all))
		if len(all) < checkPage {
			return nil
		}
	}
}

// checkThreads counts, and finds threads whose messages are not as many as they
// say: a message that is in no thread is one that nobody calls back.
func (s *Store) checkThreads(ctx context.Context, t desk.TenantID, r *Report) error {
	q := desk.Query{Limit: checkPage}
	for {
		rows, err := s.query(ctx, t, `SELECT id, messages, (SELECT count(*) FROM message m WHERE m.tenant_id = $1 AND m.thread_id = thread.id)
			FROM thread WHERE tenant_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3`, int64(below(q)), q.Limit)
		n := 0
		_, err = collect(rows, err, func(sc scanner) (struct{}, error) {
			var (
				id           desk.ID
				said, counts int64
			)
			err := sc.Scan((*int64)(&id), &said, &counts)
			if err == nil && said != counts {
				r.Damaged = append(r.Damaged, "thread "+id.String()+": its messages are not all there")
			}
			q.Before = id
			n++
			return struct{}{}, err
		})
		if err != nil {
			return s.judge(err, false)
		}
		r.Threads += int64(n)
		if n < checkPage {
			return nil
		}
	}
}

func (r *Report) note(err error) {
	var d *Damaged
	if errors.As(err, &d) {
		for _, id := range d.IDs {
			r.Damaged = append(r.Damaged, d.What+" "+id.String())
		}
	}
}
