package handling

import (
	"time"

	"github.com/afterbeep/afterbeep/internal/desk"
)

// Recount is what follows each change of a thread by somebody.
func (d *Desk) Recount(now time.Time, was, is *desk.Thread) { d.recount(now, was, is) }
