package main

import (
	"cmp"
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/term"
)

func (c *cli) channel() *cobra.Command {
	return c.family(&cobra.Command{
		Use:   "channel",
		Short: "Channels: the places where customers leave messages",
		Long:  "A channel is a place where customers leave messages. Its Configuration ID of 18 digits is what applyToken calls channelId.",
	}, c.channelCreate(), c.channelList(), c.channelSet(), c.channelSwitch("disable", true), c.channelSwitch("enable", false))
}

// channelValues are what create and set take from flags.
type channelValues struct {
	name, locale, region string
	textLimit            int
	origins              []string
	allocation           string
	target               time.Duration
}

func (v *channelValues) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&v.name, "name", "", "`NAME` of the channel, unique in its tenant")
	f.StringVar(&v.locale, "locale", "zh_CN", "language and region of its customers, such as en_US")
	f.StringVar(&v.region, "region", "CN", "two letters of the country whose local numbers callers leave")
	f.IntVar(&v.textLimit, "text-limit", desk.DefaultTextLimit, "the longest message, in characters, 1500 to 10000")
	f.StringVar(&v.allocation, "allocation", desk.AllocSelf, "how threads come to somebody: self (whoever claims), hand (given out by a supervisor) or auto (to whoever is present)")
	f.DurationVar(&v.target, "target", 0, "how soon after the first message somebody should call, such as 4h; 0 promises nothing")
	f.StringArrayVar(&v.origins, "origin", nil, "let browsers of this `ORIGIN` call, such as https://www.example.com; may be repeated")
}

// apply changes what was given; all of it, when the channel is new.
func (v *channelValues) apply(cmd *cobra.Command, ch *desk.Channel, all bool) {
	given := func(flag string) bool { return all || cmd.Flags().Changed(flag) }
	if given("name") {
		ch.Name = v.name
	}
	if given("locale") {
		ch.Locale = v.locale
	}
	if given("region") {
		ch.Region = strings.ToUpper(v.region)
	}
	if given("text-limit") {
		ch.TextLimit = v.textLimit
	}
	if given("allocation") {
		ch.Allocation = v.allocation
	}
	if given("target") {
		ch.Target = v.target
	}
	if given("origin") {
		ch.Origins = nil
		for _, o := range v.origins {
			if o != "" { // --origin "" alone takes all away
				ch.Origins = append(ch.Origins, o)
			}
		}
	}
}

// channelRow is a channel as JSON.
type channelRow struct {
	ID        string   `json:"channel_id"`
	Name      string   `json:"name"`
	Tenant    string   `json:"tenant"`
	Locale    string   `json:"locale"`
	Region    string   `json:"region"`
	TextLimit int      `json:"text_limit"`
	Origins   []string `json:"origins"`
	Disabled  bool     `json:"disabled"`
	CreatedAt string   `json:"created_at"`

	Allocation string  `json:"allocation"`
	Target     float64 `json:"target_seconds"`
}

func rowOf(ch desk.Channel, tenant string) any {
	return channelRow{
		ch.ID.String(), ch.Name, tenant, ch.Locale, ch.Region, ch.TextLimit,
		append([]string{}, ch.Origins...), ch.Disabled, stamp(ch.CreatedAt),
		cmp.Or(ch.Allocation, desk.AllocSelf), ch.Target.Seconds(),
	}
}

func (c *cli) channelCreate() *cobra.Command {
	var v channelValues
	var id string
	cmd := &cobra.Command{
		Use:   "create --name NAME",
		Short: "Make a channel and tell its Configuration ID",
		Example: `  afterbeep channel create --name Website
  afterbeep channel create --name "UK site" --locale en_GB --region GB --origin https://www.example.co.uk --json
  afterbeep channel create --name "Moved from AICC" --id 202102193196869708`,
		Args: takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			if v.name == "" {
				return wrong("--name is missing")
			}
			ch := desk.Channel{ID: app.NewChannelID(c.now()), CreatedAt: c.now().UTC()}
			if id != "" {
				var err error
				if ch.ID, err = desk.ParseChannelID(id); err != nil {
					return err
				}
			}
			v.apply(cmd, &ch, true)
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				ch.Tenant = t.ID
				if err := a.Store.AddChannel(ctx, ch); err != nil {
					return err
				}
				if c.json {
					return printJSON(c.out, rowOf(ch, t.Name))
				}
				c.say("channel  %s\nid       %s", term.Line(ch.Name), ch.ID)
				return nil
			})
		}),
	}
	v.flags(cmd)
	cmd.Flags().StringVar(&id, "id", "", "Configuration ID of 18 `DIGITS`, to keep AICC's own; else one is made")
	return c.jsonFlag(cmd)
}

func (c *cli) channelList() *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use:     "list",
		Short:   "List the channels",
		Example: "  afterbeep channel list\n  afterbeep channel list --json",
		Args:    takes(),
		RunE: c.run(func(cmd *cobra.Command, _ []string) error {
			return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
				channels, err := a.Store.Channels(ctx, t.ID)
				if err != nil {
					return err
				}
				return list(c, channels, []column[desk.Channel]{
					{"NAME", 40, func(ch desk.Channel) string { return ch.Name }},
					{"ID", 0, func(ch desk.Channel) string { return ch.ID.String() }},
					{"LOCALE", 0, func(ch desk.Channel) string { return ch.Locale }},
					{"REGION", 0, func(ch desk.Channel) string { return ch.Region }},
					{"TEXT LIMIT", 0, func(ch desk.Channel) string { return strconv.Itoa(ch.TextLimit) }},
					{"DISABLED", 0, func(ch desk.Channel) string { return yes(ch.Disabled) }},
					{"ORIGINS", 60, func(ch desk.Channel) string { return strings.Join(ch.Origins, " ") }},
				}, func(ch desk.Channel) any { return rowOf(ch, t.Name) })
			})
		}),
	})
}

func (c *cli) channelSet() *cobra.Command {
	var v channelValues
	cmd := &cobra.Command{
		Use:   "set CHANNEL",
		Short: "Change a channel",
		Long:  "Change what is given of a channel, named by its name or Configuration ID. A running server follows within a second. --origin replaces all origins; --origin \"\" takes them away.",
		Example: `  afterbeep channel set Website --text-limit 6000
  afterbeep channel set Website --allocation auto --target 4h
  afterbeep channel set Website --origin https://www.example.com --origin https://m.example.com`,
		Args: takes("the channel's name or Configuration ID"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().NFlag() == 0 {
				return wrong("nothing to change; give --name, --locale, --region, --text-limit, --allocation, --target or --origin")
			}
			return c.changeChannel(cmd, args[0], "changed", func(ch *desk.Channel) { v.apply(cmd, ch, false) })
		}),
	}
	v.flags(cmd)
	for _, flag := range []string{"locale", "region", "text-limit", "allocation", "target"} {
		cmd.Flags().Lookup(flag).DefValue = "" // what is not given stays as it is
	}
	return cmd
}

func (c *cli) channelSwitch(verb string, off bool) *cobra.Command {
	short := "Take messages in a channel again"
	if off {
		short = "Take no more messages in a channel; what was left stays"
	}
	return &cobra.Command{
		Use:     verb + " CHANNEL",
		Short:   short,
		Example: "  afterbeep channel " + verb + " Website",
		Args:    takes("the channel's name or Configuration ID"),
		RunE: c.run(func(cmd *cobra.Command, args []string) error {
			return c.changeChannel(cmd, args[0], verb+"d", func(ch *desk.Channel) { ch.Disabled = off })
		}),
	}
}

func (c *cli) changeChannel(cmd *cobra.Command, name, done string, change func(*desk.Channel)) error {
	return c.open(cmd, func(ctx context.Context, a *app.App, t desk.Tenant) error {
		changed, err := a.Store.ChangeChannel(ctx, t.ID, name, func(ch *desk.Channel) error {
			change(ch)
			return nil
		})
		if err == nil {
			c.say("%s is %s", term.Line(changed.Name), done)
		}
		return err
	})
}
