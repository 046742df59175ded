package app

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/afterbeep/afterbeep/internal/intake"
	"github.com/afterbeep/afterbeep/internal/store"
)

// meters is what /metrics shows. Names and meanings are in docs/operations.md.
type meters struct {
	registry *prometheus.Registry

	messages, flushes, failures prometheus.Counter
	flush, slice                prometheus.Histogram
	placed, cut                 prometheus.Counter
	answers                     *prometheus.CounterVec
	latency                     *prometheus.HistogramVec
	security                    *prometheus.CounterVec
	events, unread              *prometheus.CounterVec
	batch                       *prometheus.HistogramVec
}

func newMeters(st *store.Store) *meters {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Namespace: "afterbeep", Name: name, Help: help})
	}
	histogram := func(name, help string) prometheus.HistogramOpts {
		return prometheus.HistogramOpts{Namespace: "afterbeep", Name: name, Help: help, Buckets: prometheus.ExponentialBuckets(0.00025, 2, 16)}
	}
	m := &meters{
		registry: prometheus.NewRegistry(),
		messages: counter("intake_messages_total", "Messages in flushes that succeeded."),
		flushes:  counter("intake_flushes_total", "Flushes that succeeded."),
		failures: counter("intake_flush_failures_total", "Flushes that failed: nothing of them was acknowledged."),
		flush:    prometheus.NewHistogram(histogram("intake_flush_seconds", "Time of a flush.")),
		slice:    prometheus.NewHistogram(histogram("sorting_slice_seconds", "Time of a slice of sorting.")),
		placed:   counter("sorting_messages_total", "Messages that were sorted."),
		cut:      counter("connections_refused_total", "Connections over the limit."),
		answers: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "afterbeep", Name: "http_answers_total", Help: "Answers by route, HTTP status and our code.",
		}, []string{"route", "status", "code"}),
		latency: prometheus.NewHistogramVec(histogram("http_seconds", "Time from a request's headers to its answer."), []string{"route"}),
		security: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "afterbeep", Name: "security_events_total", Help: "Credentials that no honest client sends.",
		}, []string{"reason"}),
		events: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "afterbeep", Name: "reader_events_total", Help: "Events of the log that a reader has worked through.",
		}, []string{"reader"}),
		unread: prometheus.NewCounterVec(prometheus.CounterOpts{
			Namespace: "afterbeep", Name: "reader_failures_total", Help: "Batches that a reader has to try again.",
		}, []string{"reader"}),
		batch: prometheus.NewHistogramVec(histogram("reader_batch_seconds", "Time of a reader's batch."), []string{"reader"}),
	}
	m.registry.MustRegister(m.messages, m.flushes, m.failures, m.flush, m.slice, m.placed, m.cut, m.answers, m.latency, m.security, m.events, m.unread, m.batch,
		backlog{st}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

func (m *meters) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
}

func (m *meters) watch(in *intake.Intake) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Namespace: "afterbeep", Name: "intake_waiting", Help: "Messages that wait for their flush.",
	}, func() float64 { return float64(in.Queued()) }))
}

func (m *meters) flushed(messages int, took time.Duration, err error) {
	m.flush.Observe(took.Seconds())
	if err != nil {
		m.failures.Inc()
		return
	}
	m.flushes.Inc()
	m.messages.Add(float64(messages))
}

func (m *meters) sorted(messages int, took time.Duration) {
	m.placed.Add(float64(messages))
	m.slice.Observe(took.Seconds())
}

func (m *meters) answered(route string, status int, code string, took time.Duration) {
	m.answers.WithLabelValues(route, strconv.Itoa(status), code).Inc()
	m.latency.WithLabelValues(route).Observe(took.Seconds())
}

func (m *meters) suspicious(reason string) { m.security.WithLabelValues(reason).Inc() }

func (m *meters) refused() { m.cut.Inc() }

// backlog is measured when somebody looks, and only then.
type backlog struct{ store *store.Store }

var (
	backlogMessages = prometheus.NewDesc("afterbeep_backlog_messages", "Acknowledged messages that are not sorted yet.", nil, nil)
	backlogAge      = prometheus.NewDesc("afterbeep_backlog_age_seconds", "Age of the oldest of them.", nil, nil)
	asideMessages   = prometheus.NewDesc("afterbeep_aside_messages", "Messages that sorting could not place; an administrator must look.", nil, nil)
)

func (b backlog) Describe(ch chan<- *prometheus.Desc) {
	ch <- backlogMessages
	ch <- backlogAge
	ch <- asideMessages
}

func (b backlog) Collect(ch chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	now, err := b.store.Backlog(ctx)
	if err != nil {
		ch <- prometheus.NewInvalidMetric(backlogMessages, err)
		return
	}
	var age float64
	if !now.Oldest.IsZero() {
		age = max(0, time.Since(now.Oldest).Seconds())
	}
	for desc, v := range map[*prometheus.Desc]float64{
		backlogMessages: float64(now.Messages), backlogAge: age, asideMessages: float64(now.Aside),
	} {
		ch <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, v)
	}
}
