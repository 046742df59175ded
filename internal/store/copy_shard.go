package store

// Shard says where a table goes in a sharded PostgreSQL (Citus).
type Shard struct {
	Table  string
	Column string // by which its rows are spread; "" when they are not
	With   string // the table whose rows lie in the same places; "" where it is the first of its kind
	Whole  bool   // not spread: a copy on every machine
	Why    string
}

// Shards lists every table of the PostgreSQL schema, in the order in which they
// must be distributed. A test compares it with the schema.
func Shards() []Shard {
	const anchor = "message"
	all := []Shard{
		{Table: "journal", Column: "bucket", Why: "a batch goes into one bucket whole, so that one machine alone flushes it"},
		{Table: "probe", Column: "bucket", With: "journal", Why: "readiness writes where the journal writes"},
		{Table: "tenant", Whole: true, Why: "a name is unique among all tenants, which no shard could check; it hardly ever changes"},
		{Table: "revision", Whole: true, Why: "every node asks for all of it, twice a second, also while a machine is away"},
		{Table: anchor, Column: "tenant_id", Why: "what belongs to one tenant lies together, so that every transaction stays on one machine"},
	}
	placed := map[string]bool{"journal": true, "tenant": true, "revision": true, anchor: true}
	for _, t := range Carried() {
		if !placed[t.Name] {
			all = append(all, Shard{Table: t.Name, Column: "tenant_id", With: anchor, Why: "with its tenant's messages"})
		}
	}
	return append(
		all,
		Shard{Table: "reader", Column: "tenant_id", With: anchor, Why: "a cursor moves in the transaction that finishes its tenant's work"},
		Shard{Table: "session", Column: "tenant_id", With: anchor, Why: "it is read together with its person"},
		Shard{Table: "guess", Column: "tenant_id", With: anchor, Why: "with its tenant's people"},
		Shard{Table: "search", Column: "tenant_id", With: anchor, Why: "with its tenant's messages"},
		Shard{Table: "search_slice", Column: "tenant_id", With: anchor, Why: "with its tenant's messages"},
		Shard{Table: "search_part", Column: "tenant_id", With: anchor, Why: "with its tenant's messages"},
		Shard{Table: "node", Why: "a few rows that every node writes every few seconds; a copy everywhere would stop them all when one machine is away"},
		Shard{Table: "mark", Why: "at most one row, which is read at the start"},
		Shard{Table: "compat", Why: "one row, which migrations write"},
		Shard{Table: "goose_db_version", Why: "the schema's version; migrations run on the coordinator"},
		Shard{Table: "goose_lock", Why: "keeps migrations apart; they run on the coordinator"},
	)
}

// SQL is the call that distributes the table; "" for one that stays on the
// coordinator.
func (s Shard) SQL() string {
	switch {
	case s.Whole:
		return "SELECT create_reference_table('" + s.Table + "');"
	case s.Column == "":
		return ""
	}
	with := s.With
	if with == "" {
		with = "none"
	}
	return "SELECT create_distributed_table('" + s.Table + "', '" + s.Column + "', colocate_with => '" + with + "');"
}
