// Package config is every setting of Afterbeep, in one place: its name, unit,
// default and range stand in the tags of one struct, and the flags, the
// environment, the file, the help texts and the documentation are made from
// them. It promises that nothing is ignored silently: an unknown key in the
// file, an unknown AFTERBEEP_ variable, a value without its unit and a value
// out of its range are all refused with one sentence that says what to write
// instead. It refuses settings that are unsafe. The command line calls it, and
// hands the result to app.
package config

import "time"

// Settings is the whole configuration of one node. Flags win over AFTERBEEP_
// variables, variables over the file, the file over the defaults.
//
// The tags are the documentation: yaml is the key in the file, env the variable
// without its AFTERBEEP_ prefix, envDefault the default, min and max the range,
// unit what a number counts, and help the meaning.
type Settings struct {
	Listen           string `yaml:"listen" env:"LISTEN" envDefault:"127.0.0.1:8080" unit:"host:port" help:"where integrators' servers call"`
	OpsListen        string `yaml:"ops_listen" env:"OPS_LISTEN" envDefault:"127.0.0.1:8081" unit:"host:port" help:"where /metrics, /livez and /readyz answer; loopback only, unless ops_public says otherwise"`
	OpsPublic        bool   `yaml:"ops_public" env:"OPS_PUBLIC" envDefault:"false" unit:"true or false" help:"allow ops_listen on an address that others can reach"`
	Data             string `yaml:"data" env:"DATA" envDefault:"./afterbeep-data" unit:"folder" help:"where everything is stored, on a local disk; made when it is not there, and not used where database is set"`
	Database         string `yaml:"database" env:"DATABASE" envDefault:"" secret:"url" unit:"postgres://…" help:"the PostgreSQL that everything is stored in, as the application's role; empty is SQLite in the data folder. Better in the variable or the file than in a flag, which everybody on the machine can read"`
	MigrateDatabase  string `yaml:"migrate_database" env:"MIGRATE_DATABASE" envDefault:"" secret:"url" unit:"postgres://…" help:"the same database as the role that owns the tables; empty is the application's role, which is for trials"`
	NoMigrate        bool   `yaml:"no_migrate" env:"NO_MIGRATE" envDefault:"false" unit:"true or false" help:"never bring the schema up to date; afterbeep migrate does, once for all nodes"`
	AllowNetworkDisk bool   `yaml:"allow_network_disk" env:"ALLOW_NETWORK_DISK" envDefault:"false" unit:"true or false" help:"store on a file system whose flushes cannot be trusted; what is acknowledged may then be lost"`
	BasePath         string `yaml:"base_path" env:"BASE_PATH" envDefault:"" unit:"path" help:"in front of every path of the compatible surface, such as /aicc"`
	LogLevel         string `yaml:"log_level" env:"LOG_LEVEL" envDefault:"info" unit:"debug, info, warn or error" help:"the least important log line that is written"`

	Limits   Limits   `yaml:"limits" envPrefix:"LIMITS_"`
	Timeouts Timeouts `yaml:"timeouts" envPrefix:"TIMEOUTS_"`
	Intake   Intake   `yaml:"intake" envPrefix:"INTAKE_"`
	Postgres Postgres `yaml:"postgres" envPrefix:"POSTGRES_"`
	Proxy    Proxy    `yaml:"proxy" envPrefix:"PROXY_"`
	Staff    Staff    `yaml:"staff" envPrefix:"STAFF_"`
	OIDC     OIDC     `yaml:"oidc" envPrefix:"OIDC_"`

	AccessTTL      time.Duration `yaml:"access_ttl" env:"ACCESS_TTL" envDefault:"1h" min:"1m" max:"1h" unit:"duration" help:"the longest life of an access token; a client may ask for less"`
	SnapshotMaxAge time.Duration `yaml:"snapshot_max_age" env:"SNAPSHOT_MAX_AGE" envDefault:"15s" min:"2s" max:"10m" unit:"duration" help:"how long credentials are trusted while the store cannot be read; after that every call is answered with 500"`
}

// Limits is what one client, and all of them together, may ask of a node. A
// client over a limit is told so and loses nothing that was acknowledged.
type Limits struct {
	PerCallID         int `yaml:"per_call_id" env:"PER_CALL_ID" envDefault:"600" min:"0" max:"1000000" unit:"messages a minute" help:"from one callId; 0 is no limit"`
	PerApp            int `yaml:"per_app" env:"PER_APP" envDefault:"0" min:"0" max:"100000000" unit:"messages a minute" help:"from one app that has no limit of its own; 0 is no limit"`
	WrongSecrets      int `yaml:"wrong_secrets" env:"WRONG_SECRETS" envDefault:"10" min:"1" max:"1000" unit:"in 15 minutes" help:"wrong secrets for one app key from one address, before the next wrong one has to wait; the right one never does"`
	TokensPerMinute   int `yaml:"tokens_per_minute" env:"TOKENS_PER_MINUTE" envDefault:"600" min:"1" max:"1000000" unit:"tokens a minute" help:"given out by tokenByAkSk, for one app"`
	Body              int `yaml:"body" env:"BODY" envDefault:"65536" min:"16384" max:"1048576" unit:"bytes" help:"the largest request body; a text of 4,000 characters needs up to 48,000 where each is escaped, so a channel with a larger text limit may need more"`
	Headers           int `yaml:"headers" env:"HEADERS" envDefault:"16384" min:"4096" max:"1048576" unit:"bytes" help:"the largest block of request headers"`
	Connections       int `yaml:"connections" env:"CONNECTIONS" envDefault:"4000" min:"1" max:"1000000" unit:"connections" help:"open at the same time; one more is answered with 503 and closed"`
	DescriptorReserve int `yaml:"descriptor_reserve" env:"DESCRIPTOR_RESERVE" envDefault:"64" min:"16" max:"65536" unit:"file descriptors" help:"kept free of connections, so that the store can always open its files"`
}

// Timeouts is how long a node waits for a client before it gives up on it.
type Timeouts struct {
	Header     time.Duration `yaml:"header" env:"HEADER" envDefault:"5s" min:"100ms" max:"5m" unit:"duration" help:"for the request's headers to arrive"`
	Body       time.Duration `yaml:"body" env:"BODY" envDefault:"10s" min:"100ms" max:"5m" unit:"duration" help:"for the request's body to arrive"`
	Write      time.Duration `yaml:"write" env:"WRITE" envDefault:"25s" min:"6s" max:"10m" unit:"duration" help:"from the headers to the last byte of the answer; poll alone holds one for 5s"`
	Idle       time.Duration `yaml:"idle" env:"IDLE" envDefault:"2m" min:"1s" max:"1h" unit:"duration" help:"between two requests on one connection"`
	Drain      time.Duration `yaml:"drain" env:"DRAIN" envDefault:"10s" min:"1s" max:"10m" unit:"duration" help:"for requests to end after SIGTERM"`
	DrainDelay time.Duration `yaml:"drain_delay" env:"DRAIN_DELAY" envDefault:"0s" min:"0s" max:"5m" unit:"duration" help:"between not-ready and the end of accepting, so that a load balancer notices first"`
}

// Intake is how messages wait together for one flush of the disk.
type Intake struct {
	Batch      int           `yaml:"batch" env:"BATCH" envDefault:"1024" min:"1" max:"65536" unit:"messages" help:"the most that one flush carries"`
	Queue      int           `yaml:"queue" env:"QUEUE" envDefault:"4096" min:"1" max:"1000000" unit:"messages" help:"the most that wait for the disk; more are answered with 503"`
	Linger     time.Duration `yaml:"linger" env:"LINGER" envDefault:"4ms" min:"0s" max:"100ms" unit:"duration" help:"how long a flush gathers under load, at most: it goes when three quarters of those connected have left a message; an idle node never waits"`
	MaxWait    time.Duration `yaml:"max_wait" env:"MAX_WAIT" envDefault:"700ms" min:"10ms" max:"1m" unit:"duration" help:"the longest wait in the queue that is still accepted; beyond it the answer is 503"`
	AckTimeout time.Duration `yaml:"ack_timeout" env:"ACK_TIMEOUT" envDefault:"10s" min:"100ms" max:"5m" unit:"duration" help:"for the disk to confirm; after that nobody knows whether the message is stored, and the client is told so"`
}

// Postgres is how a node uses its PostgreSQL. Nothing here matters to SQLite.
type Postgres struct {
	Connections      int           `yaml:"connections" env:"CONNECTIONS" envDefault:"16" min:"4" max:"1000" unit:"connections" help:"the most that this node opens; all nodes together must stay below the database's max_connections"`
	Committers       int           `yaml:"committers" env:"COMMITTERS" envDefault:"3" min:"1" max:"16" unit:"flushes" help:"of intake under way at the same time; each takes one of the connections"`
	Standbys         int           `yaml:"standbys" env:"STANDBYS" envDefault:"0" min:"0" max:"16" unit:"standbys" help:"the least number that must be synchronous, or the node refuses to start; 0 is a database that may lose what it acknowledged together with its disk"`
	PgBouncer        bool          `yaml:"pgbouncer" env:"PGBOUNCER" envDefault:"false" unit:"true or false" help:"a PgBouncer in transaction mode stands in between: no prepared statements, no LISTEN, no settings of a session"`
	Listen           bool          `yaml:"listen" env:"LISTEN" envDefault:"true" unit:"true or false" help:"let the database tell of new events at once; without it they are found by looking, half a second later"`
	ConnectTimeout   time.Duration `yaml:"connect_timeout" env:"CONNECT_TIMEOUT" envDefault:"5s" min:"100ms" max:"1m" unit:"duration" help:"for one host to answer, before the next of the URL is tried"`
	StatementTimeout time.Duration `yaml:"statement_timeout" env:"STATEMENT_TIMEOUT" envDefault:"30s" min:"1s" max:"10m" unit:"duration" help:"for one statement, its commit and the standbys' answer included; what is cut off in its commit is answered with \"nobody knows\""`
}

// Listens says whether the node asks to be told of new events. Through a
// PgBouncer it cannot: a session there belongs to nobody for long.
func (p Postgres) Listens() bool { return p.Listen && !p.PgBouncer }

// Proxy is what stands between clients and this server.
type Proxy struct {
	Trusted string `yaml:"trusted" env:"TRUSTED" envDefault:"" unit:"address,network/bits,…" help:"the proxies that are believed when they say whom they call for; empty is nobody, and then all clients behind a proxy count as one"`
	Header  string `yaml:"header" env:"HEADER" envDefault:"x-forwarded-for" unit:"x-forwarded-for or forwarded" help:"how they say it: X-Forwarded-For, -Proto and -Host, or RFC 7239; the other kind is not read"`
}

// Staff is where the people who work with the messages come in.
type Staff struct {
	URL     string `yaml:"url" env:"URL" envDefault:"" unit:"https://…" help:"how their browsers reach this server, for links and OpenID Connect; empty is http://LISTEN, which is for this machine alone"`
	CallURL string `yaml:"call_url" env:"CALL_URL" envDefault:"" unit:"https://… or sip:…" help:"what Call opens beside a number that may be seen, such as https://pbx.example.com/call?to={number}&agent={login}&thread={thread}; https, http, sip, callto or tel, and what is filled in is escaped. Empty is the browser's own tel: link"`
	Secret  string `yaml:"secret" env:"SECRET" envDefault:"" secret:"text" unit:"text" help:"32 characters or more, the same on all nodes: with it, second factors cannot be read from a stolen database. Whoever changes it lets everybody enrol again"`
}

// OIDC is an OpenID Connect provider that staff of one tenant sign in with.
type OIDC struct {
	Issuer       string `yaml:"issuer" env:"ISSUER" envDefault:"" unit:"https://…" help:"the provider, as in its tokens; empty is none"`
	ClientID     string `yaml:"client_id" env:"CLIENT_ID" envDefault:"" unit:"text" help:"what the provider calls us"`
	ClientSecret string `yaml:"client_secret" env:"CLIENT_SECRET" envDefault:"" secret:"text" unit:"text" help:"empty for a public client; PKCE is used either way"`
	Name         string `yaml:"name" env:"NAME" envDefault:"" unit:"text" help:"what people call the provider, on the button"`
	Tenant       string `yaml:"tenant" env:"TENANT" envDefault:"default" unit:"name" help:"whose people it knows"`
	RoleClaim    string `yaml:"role_claim" env:"ROLE_CLAIM" envDefault:"" unit:"claim" help:"the claim that decides about the role, such as groups or realm.roles; empty leaves roles to administrators"`
	Roles        string `yaml:"roles" env:"ROLES" envDefault:"" unit:"value=role,…" help:"what its values mean, such as desk-admins=administrator,desk=agent"`
	MatchEmail   bool   `yaml:"match_email" env:"MATCH_EMAIL" envDefault:"false" unit:"true or false" help:"a verified e-mail address finds the person who has it as a login"`
	Create       bool   `yaml:"create" env:"CREATE" envDefault:"false" unit:"true or false" help:"people who are not known are created, with the role of their claim"`
}
