package auth

import (
	"slices"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// view is one snapshot, indexed. It never changes after it is published.
type view struct {
	revision int64
	apps     map[appID]*desk.App
	channels map[place]*desk.Channel
	origins  map[string]bool
	byID     map[uint32][]*sealer        // key ids are random: two tenants may share one
	byTenant map[desk.TenantID][]*sealer // the newest first
}

// place is a channel of a tenant.
type place struct {
	tenant desk.TenantID
	id     desk.ChannelID
}

// appID is an app key without its hexadecimal coat.
type appID [16]byte

func parseAppID[S ~string](key S) (id appID, ok bool) {
	return id, len(key) == 2*len(id) && unhex(id[:], string(key))
}

func newView(s desk.Snapshot) (*view, error) {
	v := &view{
		revision: s.Revision,
		apps:     make(map[appID]*desk.App, len(s.Apps)),
		channels: make(map[place]*desk.Channel, len(s.Channels)),
		origins:  map[string]bool{},
		byID:     make(map[uint32][]*sealer, len(s.Keys)),
		byTenant: make(map[desk.TenantID][]*sealer, len(s.Tenants)),
	}
	for i := range s.Apps {
		if id, ok := parseAppID(s.Apps[i].Key); ok {
			v.apps[id] = &s.Apps[i]
		}
	}
	for i := range s.Channels {
		ch := &s.Channels[i]
		v.channels[place{ch.Tenant, ch.ID}] = ch
		for _, o := range ch.Origins {
			if !ch.Disabled {
				v.origins[o] = true
			}
		}
	}
	for _, key := range s.Keys {
		sl, err := newSealer(key)
		if err != nil {
			return nil, err
		}
		v.byID[key.ID] = append(v.byID[key.ID], sl)
		v.byTenant[key.Tenant] = append(v.byTenant[key.Tenant], sl)
	}
	for _, ring := range v.byTenant {
		slices.SortFunc(ring, func(a, b *sealer) int { return b.key.ActiveAt.Compare(a.key.ActiveAt) })
	}
	return v, nil
}

// sealing is the key that seals for the tenant now: the newest active one. When
// none is active yet (a node whose clock is late), the oldest serves.
func (v *view) sealing(tenant desk.TenantID, now int64) *sealer {
	ring := v.byTenant[tenant]
	for _, sl := range ring {
		if sl.activeAt <= now && sl.opens(now) {
			return sl
		}
	}
	if len(ring) == 0 {
		return nil
	}
	return ring[len(ring)-1]
}
