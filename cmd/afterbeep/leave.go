package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/chain"
	"github.com/afterbeep/afterbeep/internal/term"
)

// leaving is what the flags of leave say.
type leaving struct {
	options    chain.Options
	secretFile string
	plainHTTP  bool
	user       chain.User
	message    chain.Message

	stdin       bool
	concurrency int
	results     string
}

func (c *cli) leave() *cobra.Command {
	var l leaving
	cmd := &cobra.Command{
		Use:   "leave",
		Short: "Leave messages as a client does, here or at AICC",
		Long: `Leave a message, or a whole backlog, as a client does: tokenByAkSk, applyToken,
doLeaveMessage, against this server or AICC itself.

The app secret is read from AFTERBEEP_APP_SECRET, or from a file (--app-secret-file,
"-" for the first line of standard input); as a flag it would be seen by everybody on
this machine, so keep --app-secret for trials.

A backlog is read from standard input, one JSON object a line, with the fields of
doLeaveMessage and, where they differ from the flags, those of its user:

  {"callId":"111111222111","caller":"138****7777","leaveMessage":"Please reply"}
  {"callId":"2","caller":"+44 20 7946 0958","leaveMessage":"Call me",
   "userId":"u-2","userName":"Ann","locale":"en_GB","idempotencyKey":"ticket-2"}

(the second one on one line). A line without a key gets one made of its content and
its number, so the same file can be run again after an interruption: Afterbeep stores
nothing twice. AICC knows no keys; there, take --results and leave out what is acked.
Messages of one caller are left in their order.

Exit code 3: some messages were refused, or nobody knows whether they are stored.`,
		Example: `  afterbeep leave --app-key KEY --channel-id 202102193196869708 --caller 13866667777 --text "Please reply"
  afterbeep leave --url https://service.besclouds.com --app-key KEY --channel-id 202102193196869708 --caller 13866667777 --text 请回电
  afterbeep leave --app-key KEY --channel-id 202102193196869708 --concurrency 32 --results results.jsonl - < backlog.jsonl`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) == 1 && args[0] == "-" {
				l.stdin = true
				return nil
			}
			return takes()(nil, args)
		},
		RunE: c.run(func(cmd *cobra.Command, _ []string) error { return c.runLeave(cmd, &l) }),
	}
	l.flags(cmd)
	return c.jsonFlag(cmd)
}

func (l *leaving) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&l.options.URL, "url", "", "where the contract is served [AFTERBEEP_URL] (default \"http://127.0.0.1:8080\")")
	f.StringVar(&l.options.AppKey, "app-key", "", "the app's `KEY` [AFTERBEEP_APP_KEY]")
	f.StringVar(&l.options.AppSecret, "app-secret", "", "the app's `SECRET`; better in AFTERBEEP_APP_SECRET")
	f.StringVar(&l.secretFile, "app-secret-file", "", "read the secret from the first line of `FILE`; - is standard input")
	f.BoolVar(&l.plainHTTP, "plain-http", false, "send the secret without encryption to another machine")
	f.StringVar(&l.user.ChannelID, "channel-id", "", "the channel's Configuration ID, 18 `DIGITS` [AFTERBEEP_CHANNEL_ID]")
	f.StringVar(&l.user.ID, "user-id", "afterbeep", "userId of the one who leaves it")
	f.StringVar(&l.user.Name, "user-name", "Afterbeep", "userName of the one who leaves it")
	f.StringVar(&l.user.Locale, "locale", "zh_CN", "language of the one who leaves it")
	f.StringVar(&l.message.CallID, "call-id", "", "callId (default: the user ID)")
	f.StringVar(&l.message.Caller, "caller", "", "the `NUMBER` to call back")
	f.StringVar(&l.message.Text, "text", "", "the message")
	f.StringVar(&l.message.Key, "idempotency-key", "", "a `KEY` under which the message is stored once, however often it is sent")
	f.BoolVar(&l.stdin, "stdin", false, "read a backlog from standard input, as with -")
	f.IntVar(&l.concurrency, "concurrency", 8, "messages of a backlog under way at the same time, 1 to 256")
	f.StringVar(&l.results, "results", "", "append what became of every line of a backlog to `FILE`, as JSON")
}

func (c *cli) runLeave(cmd *cobra.Command, l *leaving) error {
	if _, _, err := c.trace(cmd); err != nil { // a misspelt variable is told here too
		return err
	}
	if err := c.complete(l); err != nil {
		return err
	}
	client, err := chain.New(l.options)
	if err != nil {
		return wrong("%s", err)
	}
	defer client.Close()
	if l.stdin {
		return c.leaveBacklog(cmd.Context(), client, l)
	}
	return c.leaveOne(cmd.Context(), client, l)
}

// complete fills in what the flags left open and refuses what cannot work.
func (c *cli) complete(l *leaving) error {
	o := &l.options
	fill := func(value *string, variable, fallback string) {
		if *value == "" {
			*value = c.variable(variable, fallback)
		}
	}
	fill(&o.URL, "URL", "http://127.0.0.1:8080")
	fill(&o.AppKey, "APP_KEY", "")
	fill(&l.user.ChannelID, "CHANNEL_ID", "")
	if err := c.secret(l); err != nil {
		return err
	}
	switch {
	case o.AppKey == "":
		return wrong("--app-key is missing; \"afterbeep app list\" shows the keys")
	case o.AppSecret == "":
		return wrong("the app secret is missing; put it into AFTERBEEP_APP_SECRET, or name a file with --app-secret-file")
	case l.user.ChannelID == "":
		return wrong("--channel-id is missing; \"afterbeep channel list\" shows the IDs")
	case l.concurrency < 1 || l.concurrency > 256:
		return wrong("--concurrency is %d; take 1 to 256", l.concurrency)
	case !l.plainHTTP && inTheClear(o.URL):
		return wrong("%s would get the secret without encryption; take https, or say --plain-http", o.URL)
	case l.stdin && (l.message.Text != "" || l.message.Caller != "" || l.message.CallID != "" || l.message.Key != ""):
		return wrong("--text, --caller, --call-id and --idempotency-key are for one message; with a backlog they stand in its lines")
	case !l.stdin && (l.message.Text == "" || l.message.Caller == ""):
		return wrong("--caller and --text are missing; or give a backlog with -")
	}
	o.Connections = l.concurrency
	return nil
}

// secret comes from the flag, from a file, or from the environment.
func (c *cli) secret(l *leaving) error {
	switch {
	case l.options.AppSecret != "":
		return nil
	case l.secretFile == "":
		l.options.AppSecret = c.variable("APP_SECRET", "")
		return nil
	case l.secretFile == "-" && l.stdin:
		return wrong("standard input cannot be both the secret and the backlog; put the secret into a file or into AFTERBEEP_APP_SECRET")
	}
	in := c.in
	if l.secretFile != "-" {
		f, err := os.Open(l.secretFile)
		if err != nil {
			return fmt.Errorf("the secret cannot be read: %w", err)
		}
		defer f.Close()
		in = f
	}
	line, err := bufio.NewReader(io.LimitReader(in, 4096)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("the secret cannot be read: %w", err)
	}
	l.options.AppSecret = strings.TrimSpace(line)
	return nil
}

// inTheClear says whether the URL's calls could be read on their way.
func inTheClear(raw string) bool {
	u, err := url.Parse(raw)
	if err != nil || u.Scheme != "http" {
		return false
	}
	ip, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !ip.IsLoopback())
}

// outcome is what became of a message, for scripts.
type outcome struct {
	Line      int    `json:"line,omitzero"`
	Outcome   string `json:"outcome"` // acked, refused, unknown, invalid
	Reference string `json:"reference"`
	Replayed  bool   `json:"replayed"`
	Code      string `json:"code"`
	Reason    string `json:"reason"`
	Key       string `json:"idempotency_key"`
}

func (c *cli) leaveOne(ctx context.Context, client *chain.Client, l *leaving) error {
	m := l.message
	m.User = l.user
	if m.CallID == "" {
		m.CallID = m.User.ID
	}
	r := client.Leave(ctx, m)
	if c.json {
		if err := printJSON(c.out, outcome{0, r.Outcome.String(), r.Reference, r.Replayed, r.Code, r.Text, m.Key}); err != nil {
			return err
		}
		if r.Outcome != chain.Acked {
			return silent(exitPartial)
		}
		return nil
	}
	why := term.Line(strings.TrimSpace(r.Code + " " + r.Text))
	switch {
	case r.Outcome == chain.Unknown:
		return &fault{
			text: "nobody knows whether the message is stored: " + why, code: exitPartial,
			next: "Send it again with the same --idempotency-key to find out.",
		}
	case r.Outcome == chain.Refused:
		return &fault{text: "the message was refused and is not stored: " + why, code: exitPartial}
	case r.Replayed:
		c.say("It had been left before. Reference %s", term.Line(r.Reference))
	case r.Reference != "":
		c.say("Left. Reference %s", term.Line(r.Reference))
	default:
		c.say("Left.")
	}
	return nil
}
