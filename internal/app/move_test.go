package app

import (
	"bufio"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/store/sqlite"
	cluster "github.com/afterbeep/afterbeep/test/postgres"
)

// TestMain is also the process that is killed in the midst of a move.
func TestMain(m *testing.M) {
	if from := os.Getenv("TEST_MOVE_FROM"); from != "" {
		s := config.Defaults()
		s.MigrateDatabase = os.Getenv("TEST_MOVE_OWNER")
		if s.MigrateDatabase != "" {
			s.Database = os.Getenv("TEST_MOVE_TO")
		}
		_, err := Move(context.Background(), s, from, os.Getenv("TEST_MOVE_TO"), func(done, _ int64) {
			fmt.Println("at", done)
			<-time.After(60 * time.Millisecond)
		})
		fmt.Println("end", err)
		os.Exit(0)
	}
	os.Exit(cluster.Main(m))
}

func quiet() *slog.Logger { return slog.New(slog.DiscardHandler) }

// furnished is a store with something in every table: two tenants, their apps
// and channels and keys, people, receipts, threads, messages, events, what was set
// aside, and what is not sorted yet.
func furnished(t *testing.T, s config.Settings, messages int) {
	t.Helper()
	ctx := t.Context()
	a, err := Open(ctx, s)
	if err != nil {
		t.Fatal(err)
	}
	defer a.Close()
	second, err := a.Store.AddTenant(ctx, "second 二")
	must(t, err)
	ids := desk.NewSequence(0, 0, time.Now)
	const missing desk.ChannelID = 202611229999999999 // nobody's: what is left there is set aside
	for _, tenant := range []desk.TenantID{1, second.ID} {
		made, _ := NewApp(tenant, "Web shop 商店", time.Now())
		must(t, a.Store.AddApp(ctx, made))
		ch := desk.Channel{Tenant: tenant, ID: NewChannelID(time.Now()), Name: "Website", Locale: "zh_CN", Region: "CN", TextLimit: 4000, Origins: []string{"https://example.com"}}
		must(t, a.Store.AddChannel(ctx, ch))
		must(t, a.Store.AddKey(ctx, desk.SealKey{Tenant: tenant, ID: 7, Secret: []byte{0, 1, 255, '\n', '"'}, ActiveAt: time.Now()}))
		peopled(t, a.Store, tenant)
		b := &desk.Batch{At: time.Now()}
		for i := range messages {
			m := desk.Message{
				Tenant: tenant, ID: ids.Next(), Channel: ch.ID, App: made.Key, ReceivedAt: time.Now(), CallID: "c",
				Caller: fmt.Sprintf("+86138%08d", i%1000), Text: fmt.Sprintf("请回电 \u2028 \"<b>\" \U0001F600 %d", i), UserID: "u", UserName: "Ann", Locale: "zh_CN",
			}
			if i == 0 {
				m.Channel = missing
			}
			line := desk.AppendLine(nil, &m)
			if i%100 == 1 {
				b.Keyed = append(b.Keyed, &desk.Keyed{Tenant: tenant, App: made.Key, Key: fmt.Sprint("key ", i), ID: m.ID, Line: line})
				continue
			}
			b.Rows = append(b.Rows, desk.Row{First: m.ID, Last: m.ID, Count: 1, Lines: line})
		}
		must(t, a.Store.Append(ctx, b))
	}
	drain(t, a.Store)
	leave(t, a, "not sorted yet", "nor this 也没有")
}

// peopled adds people and what they need. Their sessions are not to be moved.
func peopled(t *testing.T, st *store.Store, tenant desk.TenantID) {
	t.Helper()
	ctx, now := t.Context(), time.Now()
	by := desk.Actor{Tenant: tenant, Name: "Ann 安"}
	must(t, st.Staff(ctx, tenant, func(s *store.Staff) error {
		p := &desk.Person{
			Login: "ann", Name: "Ann 安", Role: desk.RoleAgent, Channels: []desk.ChannelID{7}, Locale: "zh_CN", Password: "$argon2id$",
			TOTP: []byte{0, 255}, Recovery: [][]byte{make([]byte, 32)}, Subject: "https://id.example.com 1", Epoch: 3, CreatedAt: now,
		}
		return errors.Join(s.Save(ctx, p), s.Audit(ctx, by.Deed(desk.PersonCreated, "person:1")),
			s.Begin(ctx, desk.Session{ID: []byte{0, 1}, Person: 1, CreatedAt: now, Until: now.Add(time.Hour)}),
			s.Invite(ctx, desk.Invite{Hash: []byte{1, 0}, Person: 1, Until: now.Add(time.Hour)}))
	}))
	_, err := st.AddAPIKey(ctx, desk.APIKey{Tenant: tenant, Name: "Robot", Hash: []byte{9}, Scopes: []string{"export"}, CreatedAt: now}, by.Deed(desk.KeyCreated, "key:1"))
	must(t, err)
	_, err = st.Secret(ctx, tenant, []byte{0, 7, 255}, now)
	must(t, err)
	_, err = st.AddFilter(ctx, desk.Filter{Tenant: tenant, Person: 1, Name: "退款 refunds", Query: "q=%E9%80%80%E6%AC%BE&view=all", CreatedAt: now})
	must(t, err)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// drain sorts everything with the real sorter.
func drain(t *testing.T, st *store.Store) {
	t.Helper()
	sorter := sorting.New(sliced{st}, func(ctx context.Context, tenant desk.TenantID, id desk.ChannelID) (string, error) {
		all, err := st.Channels(ctx, tenant)
		if i := slices.IndexFunc(all, func(c desk.Channel) bool { return c.ID == id }); err == nil && i >= 0 {
			return all[i].Region, nil
		}
		return "", cmpErr(err, desk.Errorf(desk.Missing, "channel", "there is no such channel"))
	}, quiet())
	_, buckets := st.Buckets()
	for _, bucket := range buckets {
		for n := 1; n > 0; {
			var err error
			n, err = sorter.Once(t.Context(), bucket)
			must(t, err)
		}
	}
}

func cmpErr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// spot is a place for a store, with how to say it.
type spot struct {
	set  config.Settings
	text string
	raw  string // for database/sql
}

func folder(t *testing.T) spot {
	s := settings(t)
	return spot{s, "sqlite:" + s.Data, filepath.Join(s.Data, sqlite.File)}
}

func postgresql(t *testing.T) spot {
	db := cluster.Shared(t).Database(t)
	s := settings(t)
	s.Database, s.MigrateDatabase = db.App, db.Owner
	return spot{s, db.App, db.Super}
}

// sums reads everything of a store.
func sums(t *testing.T, s config.Settings) map[string]string {
	t.Helper()
	st, err := openStore(t.Context(), s)
	must(t, err)
	defer st.Close()
	all := map[string]string{}
	must(t, st.Still(t.Context(), func(f *store.Still) error {
		sections, err := f.Sections(t.Context())
		for _, at := range sections {
			sum, err := f.Sum(t.Context(), at, func(int) {})
			if err != nil {
				return err
			}
			all[key(at.Table.Name, at.Tenant)] = fmt.Sprint(sum.Rows, " ", sum.Hash())
		}
		return err
	}))
	return all
}

func same(t *testing.T, a, b map[string]string) {
	t.Helper()
	if len(a) != len(b) {
		t.Errorf("%d and %d sections", len(a), len(b))
	}
	for name, sum := range a {
		if b[name] != sum {
			t.Errorf("%s is %s, and there %s", name, sum, b[name])
		}
	}
	for _, name := range []string{"message", "event", "thread", "receipt", "app", "channel", "seal_key", "aside", "person", "api_key", "invite", "secret", "saved_filter", "audit", "audit_head"} {
		if strings.HasPrefix(a[name+" 1"], "0 ") {
			t.Errorf("nothing of table %s was moved: the test is blind", name)
		}
	}
}

func nobody(int64, int64) {}

func TestAStoreMovesToPostgreSQLAndBackUnchanged(t *testing.T) {
	one, two, three := folder(t), postgresql(t), folder(t)
	furnished(t, one.set, 2500)
	before := sums(t, one.set)
	there, err := Move(t.Context(), two.set, one.text, two.text, nobody)
	must(t, err)
	same(t, before, sums(t, two.set))
	if there.Again || len(there.Damaged) > 0 || len(there.Sections) != len(before) || there.Rows() < 5000 {
		t.Errorf("%+v", there)
	}
	back, err := Move(t.Context(), two.set, two.text, three.text, nobody)
	must(t, err)
	same(t, before, sums(t, three.set))
	same(t, before, sums(t, one.set))
	if slices.ContainsFunc(append(there.Sections, back.Sections...), func(c Carried) bool { return c.Twice }) {
		t.Error("something was written twice in an empty target")
	}
	for _, s := range []spot{two, three} { // and it can be used: what waits is sorted
		a, err := Open(t.Context(), s.set)
		must(t, err)
		drain(t, a.Store)
		r, err := a.Store.Check(t.Context(), func(int64) {})
		must(t, err)
		if len(r.Damaged) > 0 || r.Waiting > 0 || r.Messages != 4998 || r.Aside != 4 {
			t.Errorf("%s: %+v", s.text, r)
		}
		trail, err := a.Store.AuditTrail(t.Context(), 1, nil)
		must(t, err)
		signedIn, err := a.Store.Sessions(t.Context(), 1, 1)
		if err != nil || trail.Rows != 2 || len(trail.Flaws) > 0 || len(signedIn) > 0 {
			t.Errorf("%s: the audit log has %d rows, flaws %v, and %d are signed in, %v", s.text, trail.Rows, trail.Flaws, len(signedIn), err)
		}
		must(t, a.Close())
	}
}

// killed runs a move in a process of its own and kills it when so many rows have
// been carried.
func killed(t *testing.T, from, to spot, after int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), "TEST_MOVE_FROM="+from.text, "TEST_MOVE_TO="+to.text, "TEST_MOVE_OWNER="+to.set.MigrateDatabase)
	out, err := cmd.StdoutPipe()
	must(t, err)
	cmd.Stderr = os.Stderr
	must(t, cmd.Start())
	for lines := bufio.NewScanner(out); lines.Scan(); {
		var at int
		if _, err := fmt.Sscanf(lines.Text(), "at %d", &at); err != nil {
			t.Fatalf("the move ended before it could be killed: %s", lines.Text())
		}
		if at >= after {
			must(t, cmd.Process.Kill())
			break
		}
	}
	if err := cmd.Wait(); err == nil || !strings.Contains(err.Error(), "killed") {
		t.Fatal("the move was not killed: ", err)
	}
}

// halfFilled fails when the store passes for a whole one.
func halfFilled(t *testing.T, s config.Settings) {
	t.Helper()
	st, err := openStore(t.Context(), s)
	if err == nil {
		err = errors.Join(st.Complete(t.Context()), st.Close())
	}
	if desk.KindOf(err) != desk.Conflict || !strings.Contains(err.Error(), "half-filled") {
		t.Errorf("a half-filled store passes for a whole one: %v", err)
	}
}

func TestAMoveThatWasKilledGoesOnAndUntilThenNobodyServesTheTarget(t *testing.T) {
	for name, c := range map[string]struct{ from, to func(*testing.T) spot }{
		"to PostgreSQL": {folder, postgresql},
		"to SQLite":     {postgresql, folder},
	} {
		t.Run(name, func(t *testing.T) {
			from, to := c.from(t), c.to(t)
			furnished(t, from.set, 2500)
			before := sums(t, from.set)
			for _, after := range []int{1, 2500} {
				killed(t, from, to, after)
				halfFilled(t, to.set)
			}
			other := c.from(t)
			furnished(t, other.set, 10)
			if _, err := Move(t.Context(), to.set, other.text, to.text, nobody); desk.KindOf(err) != desk.Conflict {
				t.Errorf("another store was moved into a half-filled target: %v", err)
			}
			m, err := Move(t.Context(), to.set, from.text, to.text, nobody)
			must(t, err)
			if !m.Again {
				t.Error("the move began anew")
			}
			same(t, before, sums(t, to.set))
			a, err := Open(t.Context(), to.set)
			must(t, err)
			must(t, errors.Join(a.Store.Complete(t.Context()), a.Close()))
		})
	}
}

// opened is the database itself, as its superuser.
func opened(t *testing.T, s spot) *sql.DB {
	t.Helper()
	driver := "sqlite"
	if s.set.Database != "" {
		driver = "pgx"
	}
	db, err := sql.Open(driver, s.raw)
	must(t, err)
	return db
}

// harm changes the database behind the store's back.
func harm(t *testing.T, s spot, statement string) {
	t.Helper()
	db := opened(t, s)
	defer db.Close()
	r, err := db.ExecContext(t.Context(), statement)
	must(t, err)
	if n, err := r.RowsAffected(); err != nil || n == 0 {
		t.Fatal("nothing was harmed: ", statement, err)
	}
}

func TestTheComparisonFindsEveryChangedByteAndMissingRow(t *testing.T) {
	from, to := folder(t), postgresql(t)
	furnished(t, from.set, 300)
	before := sums(t, from.set)
	_, err := Move(t.Context(), to.set, from.text, to.text, nobody)
	must(t, err)
	for _, statement := range []string{
		`UPDATE message SET body = body || '!' WHERE id = (SELECT min(id) FROM message)`,
		`UPDATE thread SET version = version + 1 WHERE id = (SELECT max(id) FROM thread)`,
		`UPDATE event SET hash = '\x00' WHERE seq = 5`,
		`DELETE FROM message WHERE id = (SELECT min(id) FROM message)`,
		`UPDATE app SET epoch = epoch + 1`,
		`UPDATE aside SET error = error || ' '`,
		`UPDATE channel SET origins = '[]'`,
		`UPDATE receipt SET print = '\x00'`,
		`UPDATE seal_key SET secret = secret || '\x00'::bytea`,
		`INSERT INTO thread SELECT tenant_id, id + 1, channel_id, caller, 'x', state, messages, first_at, last_at, closed_at, reason, previous_id, version FROM thread WHERE id = (SELECT max(id) FROM thread)`,
		`DELETE FROM thread WHERE id = (SELECT max(id) - 1 FROM thread); UPDATE thread SET id = id - 1 WHERE id = (SELECT max(id) FROM thread)`, // which is in the way of the right one
	} {
		// As if it had been interrupted just before its end.
		harm(t, to, `INSERT INTO mark VALUES ('filling', 'move from `+from.text+`')`)
		harm(t, to, statement)
		m, err := Move(t.Context(), to.set, from.text, to.text, nobody)
		must(t, err)
		found := slices.ContainsFunc(m.Sections, func(c Carried) bool { return c.Twice })
		if !found {
			t.Errorf("nobody noticed: %s", statement)
		}
		same(t, before, sums(t, to.set))
	}
}

// The audit log is only appended to, also by a move: what an earlier attempt left
// there goes on where it ends, and another history stays as it is and is refused.
func TestAMoveAppendsToAnAuditLogAndNeverMendsOne(t *testing.T) {
	from, to := folder(t), postgresql(t)
	furnished(t, from.set, 10)
	_, err := Move(t.Context(), to.set, from.text, to.text, nobody)
	must(t, err)
	a, err := Open(t.Context(), from.set)
	must(t, err)
	by := desk.Actor{Tenant: 1, Name: "Ann"}
	_, err = a.Store.Audit(t.Context(), by.Deed(desk.NumberShown, "thread:1"))
	must(t, errors.Join(err, a.Close()))
	mark := `INSERT INTO mark VALUES ('filling', 'move from ` + from.text + `')`
	harm(t, to, mark)
	m, err := Move(t.Context(), to.set, from.text, to.text, nobody)
	must(t, err)
	same(t, sums(t, from.set), sums(t, to.set))
	if slices.ContainsFunc(m.Sections, func(c Carried) bool { return c.Table == "audit" && c.Twice }) {
		t.Error("the audit log was written twice")
	}
	harm(t, to, mark)
	harm(t, to, `UPDATE audit SET name = 'Bob' WHERE seq = 1`)
	if _, err := Move(t.Context(), to.set, from.text, to.text, nobody); desk.KindOf(err) != desk.Unstored || !strings.Contains(err.Error(), "table audit of tenant 1") {
		t.Errorf("another audit log passes for the same: %v", err)
	}
	halfFilled(t, to.set)
}

func TestWhatIsDamagedStaysDamagedAndIsNamed(t *testing.T) {
	from, to := folder(t), postgresql(t)
	furnished(t, from.set, 50)
	harm(t, from, `UPDATE message SET body = 'altered' WHERE id = (SELECT min(id) FROM message)`)
	m, err := Move(t.Context(), to.set, from.text, to.text, nobody)
	must(t, err)
	if len(m.Damaged) != 1 || !strings.HasPrefix(m.Damaged[0], "message of tenant 1 ") {
		t.Errorf("%q", m.Damaged)
	}
	a, err := Open(t.Context(), to.set)
	must(t, err)
	defer a.Close()
	if r, err := a.Store.Check(t.Context(), func(int64) {}); err != nil || len(r.Damaged) != 1 {
		t.Error(r.Damaged, err)
	}
}

func TestAMoveIsRefusedWhereItCouldDoHarm(t *testing.T) {
	from, to := folder(t), folder(t)
	furnished(t, from.set, 10)
	furnished(t, to.set, 10)
	empty := folder(t)
	move := func(from, to string) error {
		_, err := Move(t.Context(), config.Defaults(), from, to, nobody)
		return err
	}
	for name, c := range map[string]struct {
		from, to string
		kind     desk.Kind
		part     string
	}{
		"a target with content": {from.text, to.text, desk.Conflict, "content"},
		"into itself":           {from.text, from.text + "/", desk.Invalid, "same place"},
		"from nowhere":          {empty.text, folder(t).text, desk.Missing, "no store"},
		"a word":                {"here", to.text, desk.Invalid, "--from"},
		"no folder":             {from.text, "sqlite:", desk.Invalid, "--to"},
	} {
		if err := move(c.from, c.to); desk.KindOf(err) != c.kind || !strings.Contains(err.Error(), c.part) {
			t.Errorf("%s: %v", name, err)
		}
	}
	release, err := sqlite.Claim(from.set.Data, sqlite.Options{})
	must(t, err)
	if err := move(from.text, empty.text); desk.KindOf(err) != desk.Conflict || !strings.Contains(err.Error(), "serves") {
		t.Errorf("a source that is served is moved: %v", err)
	}
	release()
	must(t, move(from.text, empty.text))
	served := postgresql(t)
	furnished(t, served.set, 10)
	st, err := openStore(t.Context(), served.set)
	must(t, err)
	defer st.Close()
	_, err = st.Join(t.Context(), store.Node{Holder: "other", Address: "10.0.0.7:8080", Clock: time.Now()}, time.Minute)
	must(t, err)
	if err := move(served.text, folder(t).text); desk.KindOf(err) != desk.Conflict || !strings.Contains(err.Error(), "10.0.0.7:8080") {
		t.Errorf("a database on which a node runs is moved: %v", err)
	}
}
