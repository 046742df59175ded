package main

import (
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/spf13/cobra"

	"github.com/afterbeep/afterbeep/internal/app"
)

// built is what this binary is made of.
type built struct {
	Version  string `json:"version"`
	Commit   string `json:"commit"`
	Engine   string `json:"engine"`
	Go       string `json:"go"`
	Platform string `json:"platform"`
}

func build() built {
	b := built{Version: version, Engine: app.Engine(), Go: runtime.Version(), Platform: runtime.GOOS + "/" + runtime.GOARCH}
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return b
	}
	if b.Version == "" {
		b.Version = strings.Trim(info.Main.Version, "()") // (devel) in a working tree
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			b.Commit = s.Value
		}
	}
	return b
}

func (c *cli) version() *cobra.Command {
	return c.jsonFlag(&cobra.Command{
		Use:     "version",
		Short:   "Show the version of this binary and of its store",
		Example: "  afterbeep version\n  afterbeep version --json",
		Args:    takes(),
		RunE: c.run(func(*cobra.Command, []string) error {
			b := build()
			if c.json {
				return printJSON(c.out, b)
			}
			c.say("afterbeep %s\n%s, %s, %s", b.Version, b.Engine, b.Go, b.Platform)
			return nil
		}),
	})
}
