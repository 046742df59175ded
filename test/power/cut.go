package power

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
)

// sector is what a disk writes whole or not at all.
const sector = 512

// Damage says what a cut did to what had not been flushed.
type Damage struct {
	Kept, Torn, Dropped int // writes and truncations
	NamesKept           int // new names, renames, removals
	NamesDropped        int
	Files               []string // where something was torn or dropped
}

// Fired says whether the cut hit anything at all.
func (d Damage) Fired() bool { return d.Torn+d.Dropped+d.NamesDropped > 0 }

// String is for a test's log.
func (d Damage) String() string {
	return fmt.Sprintf("unflushed writes kept %d, torn %d, dropped %d; names kept %d, dropped %d; hit were %q", d.Kept, d.Torn, d.Dropped, d.NamesKept, d.NamesDropped, d.Files)
}

// Cut takes the power away: from this moment everything fails, and what the
// disk holds is laid down as plain files in dir. The same seed makes the same
// choices for the same history.
func (d *Disk) Cut(dir string, seed int64) (Damage, error) {
	c := cut{chance: rand.New(rand.NewPCG(uint64(seed), 2))}
	// Some cuts find everything still in the cache, some find all of it
	// written, and most lie between.
	c.keep = []float64{0, 0, 0.1, 0.3, 0.5, 0.7, 0.9, 1}[c.chance.IntN(8)]
	return d.cut(dir, c)
}

// CutAll is a Cut after which nothing is left but what was flushed.
func (d *Disk) CutAll(dir string) (Damage, error) {
	return d.cut(dir, cut{chance: rand.New(rand.NewPCG(0, 0))})
}

func (d *Disk) cut(dir string, c cut) (Damage, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dead = true
	for _, m := range d.moves {
		if c.chance.Float64() < c.keep {
			m.apply()
			c.NamesKept++
		} else {
			c.NamesDropped++
		}
	}
	d.moves = nil
	err := c.folder(d.root, dir)
	return c.Damage, err
}

type cut struct {
	Damage
	chance *rand.Rand
	keep   float64
}

func (c *cut) folder(n *node, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := os.Chmod(dir, os.FileMode(n.mode)); err != nil {
		return err
	}
	// The order of names decides which file gets which chance.
	for _, name := range slices.Sorted(maps.Keys(n.kept)) {
		child, path := n.kept[name], filepath.Join(dir, name)
		var err error
		if child.kept != nil {
			err = c.folder(child, path)
		} else {
			before := c.Torn + c.Dropped
			err = os.WriteFile(path, c.content(child), os.FileMode(child.mode))
			if c.Torn+c.Dropped > before {
				c.Files = append(c.Files, name)
			}
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// content is what the file holds after the cut.
func (c *cut) content(n *node) []byte {
	content := n.durable
	for _, change := range n.pending {
		if change.cut {
			if c.chance.Float64() < c.keep {
				content = change.apply(content)
				c.Kept++
			} else {
				c.Dropped++
			}
			continue
		}
		content = c.tear(content, change)
	}
	return content
}

// tear applies those sectors of a write that reached the disk.
func (c *cut) tear(content []byte, w change) []byte {
	kept, sectors := 0, 0
	for start := int64(0); start < int64(len(w.data)); {
		at := w.at + start
		length := min(sector-at%sector, int64(len(w.data))-start)
		sectors++
		if c.chance.Float64() < c.keep {
			kept++
			content = change{at: at, data: w.data[start : start+length]}.apply(content)
		}
		start += length
	}
	switch kept {
	case sectors:
		c.Kept++
	case 0:
		c.Dropped++
	default:
		c.Torn++
	}
	return content
}
