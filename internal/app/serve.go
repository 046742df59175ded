package app

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/afterbeep/afterbeep/internal/aicc"
	"github.com/afterbeep/afterbeep/internal/auth"
	"github.com/afterbeep/afterbeep/internal/config"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/handling"
	"github.com/afterbeep/afterbeep/internal/intake"
	"github.com/afterbeep/afterbeep/internal/sorting"
	"github.com/afterbeep/afterbeep/internal/store"
	"github.com/afterbeep/afterbeep/internal/teeth"
	"github.com/afterbeep/afterbeep/internal/web"
)

// Addresses are where a server listens, ports filled in.
type Addresses struct {
	HTTP, Ops string
	SetUp     string // where the first account is made, once; "" when there is one
}

// Serve runs the server until ctx ends, then lets what is under way come to its
// end: not ready → no new connections → the requests that are here → the
// journal → the store. It returns an error, quickly, when a flush fails: then
// nobody knows what the disk holds, and going on would be a lie.
func Serve(ctx context.Context, s config.Settings, version string, log *slog.Logger, ready func(Addresses)) error {
	release, err := claim(s)
	if err != nil {
		return err
	}
	defer release()
	tune()
	st, err := openStore(ctx, s)
	if err != nil {
		return err
	}
	h, err := build(ctx, s, newNode(s, st, version, log), log)
	if err != nil {
		return errors.Join(err, st.Close())
	}
	return errors.Join(h.serve(ctx, ready), st.Close())
}

// tune trades memory for fewer collections: most garbage is a request's, and
// the whole server lives well below the limit. GOGC and GOMEMLIMIT win.
func tune() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(128 << 20)
	}
}

// house is every room of a running server.
type house struct {
	set     config.Settings
	log     *slog.Logger
	store   *store.Store
	node    *node
	absence *absence
	*following
	desks
	keeper   *auth.Keeper
	intake   *intake.Intake
	sorter   *sorting.Sorter
	desk     *handling.Desk
	meters   *meters
	draining chan struct{}
	leave    sync.Once // closes draining
	public   *http.Server
	ops      *http.Server
	gate     *web.Gate // set before anybody comes in
}

func build(ctx context.Context, s config.Settings, n *node, log *slog.Logger) (*house, error) {
	st := n.st
	if err := n.join(ctx, s.Database != ""); err != nil {
		return nil, err
	}
	last, err := st.LastID(ctx)
	if err != nil {
		return nil, err
	}
	h := &house{set: s, log: log, store: st, node: n, absence: newAbsence(st, log), meters: newMeters(st), draining: make(chan struct{})}
	h.keeper = auth.New(st, auth.Settings{
		AccessTTL: s.AccessTTL, SnapshotMaxAge: s.SnapshotMaxAge,
		WrongSecrets: s.Limits.WrongSecrets, TokensPerMinute: s.Limits.TokensPerMinute,
		Floor: last.Time(), Log: log,
	}, time.Now)
	if err := h.keeper.Refresh(ctx); err != nil {
		return nil, err
	}
	h.sorter = sorting.New(sliced{st}, h.region, log)
	h.sorter.Observe = h.meters.sorted
	h.sorter.Target = h.keeper.Target
	h.intake = intake.New(st, desk.NewSequence(n.Number, last, time.Now), time.Now, intake.Settings{
		Batch: s.Intake.Batch, Queue: s.Intake.Queue, Linger: s.Intake.Linger,
		MaxWait: s.Intake.MaxWait, AckTimeout: s.Intake.AckTimeout,
		Writers: committers(s), Crowd: func() int { return h.gate.Open() }, Allowed: h.allowed, Observe: h.flushed,
	})
	n.intake = h.intake
	h.sorter.Taken = h.intake.Taken
	if err := h.follow(); err != nil {
		return nil, err
	}
	h.desk = newDesk(st, h.following.finder, log)
	h.meters.watch(h.intake)
	surface := aicc.New(aicc.Parts{
		Keeper: h.keeper, Intake: h.intake, Base: s.BasePath, Draining: h.draining, Log: log,
		Limits:  aicc.Limits{PerCallID: s.Limits.PerCallID, PerApp: s.Limits.PerApp, Body: s.Limits.Body},
		Observe: h.meters.answered, Security: h.meters.suspicious,
	})
	times := web.Timeouts{Header: s.Timeouts.Header, Body: s.Timeouts.Body, Write: s.Timeouts.Write, Idle: s.Timeouts.Idle}
	front, err := h.staff(ctx, surface)
	if err != nil {
		return nil, err
	}
	proxies, err := s.Proxy.Networks()
	if err != nil {
		return nil, err
	}
	front = web.Behind(web.Proxies{Trusted: proxies, RFC7239: s.Proxy.Header == config.Forwarded, Log: log}, front)
	h.public = web.Server(front, times, s.Limits.Headers, log)
	h.ops = web.Server(web.Ops(h.probe, h.meters.handler(), h.draining), times, s.Limits.Headers, log)
	return h, nil
}

// sliced lets the sorter use the store without knowing it.
type sliced struct{ *store.Store }

func (s sliced) Slice(ctx context.Context, tenants []desk.TenantID, do func(sorting.Slice) error) error {
	return s.Store.Slice(ctx, tenants, func(sl *store.Slice) error { return do(sl) })
}

// region asks the snapshot first, and the store for a channel that is newer.
func (h *house) region(ctx context.Context, tenant desk.TenantID, channel desk.ChannelID) (string, error) {
	if region, ok := h.keeper.Region(tenant, channel); ok {
		return region, nil
	}
	channels, err := h.store.Channels(ctx, tenant)
	if err != nil {
		return "", err
	}
	for _, c := range channels {
		if c.ID == channel {
			return c.Region, nil
		}
	}
	return "", desk.Errorf(desk.Missing, "channel", "there is no channel %s", channel)
}

func (h *house) flushed(messages int, took time.Duration, err error) {
	h.meters.flushed(messages, took, err)
	h.absence.flushed(err)
	if err == nil {
		h.sorter.Wake()
	}
}

// allowed says why no message may be taken at the moment.
func (h *house) allowed() error {
	if err := h.absence.allowed(); err != nil {
		return err
	}
	return h.node.allowed()
}

func (h *house) probe(ctx context.Context) error { return h.store.Probe(ctx, time.Now()) }

// broken is how long requests have to come to their end when the process must
// leave at once.
const broken = 300 * time.Millisecond

func (h *house) serve(ctx context.Context, ready func(Addresses)) error {
	public, ops, err := h.listen(ctx)
	if err != nil {
		return err
	}
	// Two lifetimes: the rooms outlive the listeners, so that what was accepted
	// is written before the writer stops.
	rooms, stop := context.WithCancel(context.WithoutCancel(ctx))
	defer stop()
	group, failed := errgroup.WithContext(rooms)
	for _, run := range []func(context.Context) error{
		h.store.Run, h.keeper.Run, h.intake.Run, h.sorter.Run, h.desk.Run, h.node.Run, h.absence.Run, h.feed.Run, h.search.Run, h.runPeople, h.keepHouse, h.spare,
	} {
		group.Go(func() error { return run(failed) })
	}
	for server, l := range map[*http.Server]net.Listener{h.public: public, h.ops: ops} {
		group.Go(func() error { return closed(server.Serve(l)) })
	}
	ready(Addresses{HTTP: public.Addr().String(), Ops: ops.Addr().String(), SetUp: h.setUp(ctx, public.Addr().String())})

	select {
	case <-ctx.Done():
		h.drain(failed)
	case <-failed.Done():
		h.abandon(context.Cause(failed))
	}
	stop()
	err = group.Wait()
	h.following.close(h.log)
	h.node.leave(context.WithoutCancel(ctx))
	return err
}

// closed: a server that was told to stop has not failed.
func closed(err error) error {
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

func (h *house) listen(ctx context.Context) (public, ops net.Listener, err error) {
	var lc net.ListenConfig
	if public, err = lc.Listen(ctx, "tcp", h.set.Listen); err != nil {
		return nil, nil, err
	}
	if ops, err = lc.Listen(ctx, "tcp", h.set.OpsListen); err != nil {
		return nil, nil, errors.Join(err, public.Close())
	}
	h.gate = web.NewGate(public, connections(h.set, h.log), h.meters.refused)
	return h.gate, ops, nil
}

// drain ends the server without losing or cutting anything.
func (h *house) drain(failed context.Context) {
	h.notReady()
	if teeth.On("no-drain") {
		os.Exit(0)
	}
	h.log.Info("draining", "waiting", h.intake.Queued())
	select {
	case <-time.After(h.set.Timeouts.DrainDelay):
	case <-failed.Done():
	}
	h.stop(h.set.Timeouts.Drain)
}

// abandon ends the server at once: a room of the house failed, which is a flush
// as a rule, and then what the disk holds is not known.
func (h *house) abandon(cause error) {
	h.log.Error("leaving at once", "error", cause.Error())
	h.notReady()
	h.stop(broken)
}

func (h *house) notReady() { h.leave.Do(func() { close(h.draining) }) }

func (h *house) stop(patience time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for _, server := range []*http.Server{h.public, h.ops} {
		if err := server.Shutdown(ctx); err != nil {
			h.log.Warn("connections were cut", "error", err.Error())
			if err := server.Close(); err != nil {
				h.log.Warn("a listener did not close", "error", err.Error())
			}
		}
	}
}
