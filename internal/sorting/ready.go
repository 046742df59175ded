package sorting

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/afterbeep/afterbeep/internal/desk"
	"github.com/afterbeep/afterbeep/internal/number"
)

// row is a journal row made ready: everything that can be done before the
// transaction has been done, so that the writer is held for as short as can be.
type row struct {
	desk.Row
	letters    []letter
	unreadable error
}

// letter is a message with who it is from.
type letter struct {
	desk.Message
	caller desk.Caller
	lost   error // why it belongs nowhere
}

func (s *Sorter) ready(ctx context.Context, rows []desk.Row) ([]row, error) {
	all := make([]row, len(rows))
	for i, r := range rows {
		all[i] = row{Row: r}
		messages, err := parse(r)
		if err != nil {
			all[i].unreadable = err
			continue
		}
		for _, m := range messages {
			l, err := s.address(ctx, m)
			if err != nil {
				return nil, err
			}
			all[i].letters = append(all[i].letters, l)
		}
	}
	return all, nil
}

func parse(r desk.Row) ([]desk.Message, error) {
	if r.Damaged {
		return nil, errors.New("the journal row is damaged: its hash does not match")
	}
	all := make([]desk.Message, 0, r.Count)
	for line := range bytes.Lines(r.Lines) {
		m, err := desk.ParseLine(line)
		if err != nil {
			return nil, err
		}
		all = append(all, m)
	}
	if len(all) != r.Count {
		return nil, fmt.Errorf("the row says %d messages and holds %d", r.Count, len(all))
	}
	return all, nil
}

// address finds who a message is from. A channel that vanished is the message's
// trouble, a store that cannot be read is everybody's.
func (s *Sorter) address(ctx context.Context, m desk.Message) (letter, error) {
	region, err := s.regions(ctx, m.Tenant, m.Channel)
	if desk.KindOf(err) == desk.Missing {
		return letter{Message: m, lost: err}, nil
	}
	return letter{Message: m, caller: desk.Caller{Channel: m.Channel, Key: number.Key(m.Caller, region)}}, err
}
