-- +goose Up

-- Calls and notes over time: few among the events, of which there is one for each
-- message at least.
CREATE INDEX event_call ON event (tenant_id, at, seq) WHERE kind = 'call.attempted';
CREATE INDEX event_note ON event (tenant_id, at, seq) WHERE kind = 'note.added';
-- What was taken back, to be found by the thread.
CREATE INDEX event_undone ON event (tenant_id, thread_id, seq) WHERE kind = 'thread.undone';
