package store_test

import (
	"slices"
	"strings"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/store"
)

// systemScenes are about the whole installation: they are played where both twins
// are, and give the sum of both, exactly.
func systemScenes() []scene {
	return []scene{
		{name: "the installation is counted", system: true, play: func(a *act) {
			back, err := a.s.Backlog(a.ctx)
			a.must(err == nil && back.Messages == 3 && back.Aside == 5, "backlog %+v, %v", back, err)
			r, err := a.s.Check(a.ctx, func(int64) {})
			a.must(err == nil && len(r.Damaged) == 0, "check %+v, %v", r, err)
			r.Reasons = nil
			a.tell("check", r)
			a.must(r.Tenants == 2 && r.Messages == 40 && r.Threads == 34 && r.Events == 92 && r.Waiting == 3 && r.Aside == 5, "check %+v", r)
			last, err := a.s.LastID(a.ctx)
			a.must(err == nil && last == a.w.twins[1].waits, "the last ID is %v, %v", last, err)
			heads, err := a.s.Heads(a.ctx)
			a.must(err == nil && len(heads) == 2 && heads[1] == 45 && heads[2] == 47, "heads %v, %v", heads, err)
			n, err := a.s.Revision(a.ctx)
			a.tell("revision", n, err)
		}},
		{name: "the hot path's snapshot", system: true, play: func(a *act) {
			snap, err := a.s.Snapshot(a.ctx)
			a.must(err == nil && len(snap.Tenants) == 2 && len(snap.Apps) == 4 && len(snap.Channels) == 4 && len(snap.Keys) == 6, "snapshot %+v, %v", snap, err)
			for _, pair := range [][2]*twin{{a.me, a.other}, {a.other, a.me}} {
				of := *a
				of.told = strings.Builder{}
				for _, x := range snap.Apps {
					if x.Tenant == pair[0].id {
						of.tell("app", x)
					}
				}
				for _, x := range snap.Channels {
					if x.Tenant == pair[0].id {
						of.tell("channel", x)
					}
				}
				for _, x := range snap.Keys {
					if x.Tenant == pair[0].id {
						of.tell("key", x)
					}
				}
				a.must(!strings.Contains(of.told.String(), pair[1].word), "the snapshot gives one twin what is the other's")
			}
		}},
		{name: "the tenants are listed, and one more is made", system: true, play: func(a *act) {
			all, err := a.s.Tenants(a.ctx)
			a.must(err == nil && len(all) == 2 && all[1].ID == 2, "tenants %v, %v", all, err)
			one, err := a.s.Tenant(a.ctx, a.w.twins[1].word)
			a.must(err == nil && one.ID == 2, "tenant %v, %v", one, err)
			made, err := a.s.AddTenant(a.ctx, "third")
			a.must(err == nil && made.ID == 3, "made %v, %v", made, err)
			heads, err := a.s.Heads(a.ctx)
			a.tell("heads", heads, err)
			one, err = a.s.Tenant(a.ctx, "third")
			a.must(err == nil && one.ID == 3, "tenant %v, %v", one, err)
			third := twin{id: 3, word: "third"} // whose log and vault are empty
			d, err := a.s.Audit(a.ctx, a.w.deed(&third, desk.NumberShown))
			a.tell("audited", d, err)
			secret, err := a.s.Secret(a.ctx, 3, []byte("fresh"), a.w.base)
			a.tell("secret", secret, err)
			before, _ := a.s.Revision(a.ctx)
			err = a.s.AddApp(a.ctx, desk.App{Tenant: 3, Key: sharedApp, Name: sharedName, SecretHash: []byte{1}, CreatedAt: a.w.base})
			after, _ := a.s.Revision(a.ctx)
			a.must(err == nil && after == before+1, "revision %d after %d, %v", after, before, err)
		}},
		{name: "what there is to carry", system: true, play: func(a *act) {
			err := a.s.Still(a.ctx, func(f *store.Still) error {
				ids, err := f.Tenants(a.ctx)
				a.must(err == nil && slices.Equal(ids, []desk.TenantID{1, 2}), "tenants %v, %v", ids, err)
				sections, err := f.Sections(a.ctx)
				a.must(err == nil, "sections: %v", err)
				for _, at := range sections {
					n, err := f.Count(a.ctx, at)
					a.tell(at.Table.Name, n, err)
				}
				fresh, err := f.Fresh(a.ctx)
				a.must(err == nil && !fresh, "it is said to be fresh, %v", err)
				return err
			})
			a.must(err == nil, "still: %v", err)
			_, err = a.s.Begin(a.ctx, "test")
			a.tell("begin", err)
			a.tell("complete", a.s.Complete(a.ctx), a.s.End(a.ctx))
		}},
		{name: "the rows of the journal, which are everybody's", system: true, play: func(a *act) {
			rows, err := a.s.Oldest(a.ctx, 0, 100)
			a.must(err == nil && len(rows) == 3, "%d rows, %v", len(rows), err)
			a.tell("probe", a.s.Probe(a.ctx, a.w.base))
			a.tell("appended", a.s.Append(a.ctx, &desk.Batch{Rows: []desk.Row{row(a.w.text(a.me, 1<<60, "1", sharedChannel))}}))
		}},
	}
}

// elsewhere are the exported methods that no scene calls, and why: none of them
// takes a tenant, or looks at what a tenant owns.
func elsewhere() map[string]string {
	return map[string]string{
		"Store.Close": "ends it", "Store.Run": "the engine's housekeeping", "Store.Settle": "in memory", "Store.Engine": "a name",
		"Store.Buckets": "in memory", "Store.UsedBuckets": "numbers, which are nobody's", "Store.TableIndex": "makes an index, which the scenes search", "Store.Migrate": "the schema",
		"Store.Known": "the schema", "Store.Schema": "the schema", "Store.Compatible": "the schema", "Store.Grant": "the schema",
		"Store.Standbys": "the server", "Store.Nodes": "servers", "Store.Join": "servers", "Store.Stay": "servers", "Store.Leave": "servers",
	}
}
