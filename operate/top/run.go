package top

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	_ "culvert/internal/unasked" // the terminal, for its background

	"culvert/operate/backend"
)

// Follow gives the events of a process to tell until ctx ends or there are no more.
type Follow func(ctx context.Context, tell func(backend.Event) error) error

// Run shows a process on a terminal until the user has seen enough, or ctx ends.
func Run(ctx context.Context, s Source, follow Follow, in io.Reader, out io.Writer) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	p := tea.NewProgram(newModel(s, time.Now), tea.WithContext(ctx), tea.WithInput(in), tea.WithOutput(out), tea.WithAltScreen(), tea.WithoutSignalHandler())
	go func() {
		err := follow(ctx, func(e backend.Event) error {
			p.Send(happened(e))
			return nil
		})
		p.Send(ended{err})
	}()
	_, err := p.Run()
	if ctx.Err() != nil {
		return nil // Ctrl-C, or as was asked
	}
	return err
}

// Snapshot is a process at one moment, with the rates of the second before.
type Snapshot struct {
	Status       backend.Status     `json:"status"`
	InPerSecond  float64            `json:"bytes_in_per_second"`
	OutPerSecond float64            `json:"bytes_out_per_second"`
	Drops        map[string]float64 `json:"drops_per_second"`
	Peers        []PeerRates        `json:"peers"`
	sampler      sampler
}

// PeerRates are the rates of one peer.
type PeerRates struct {
	Number       uint64  `json:"number,omitempty"`
	Name         string  `json:"name"`
	InPerSecond  float64 `json:"bytes_in_per_second"`
	OutPerSecond float64 `json:"bytes_out_per_second"`
}

// Take asks a process twice, a second apart.
func Take(ctx context.Context, s Source) (*Snapshot, error) {
	shot := new(Snapshot)
	for i := range 2 {
		if i > 0 {
			select {
			case <-time.After(interval):
			case <-ctx.Done():
				return nil, context.Cause(ctx)
			}
		}
		status, err := s.Status(ctx)
		if err != nil {
			return nil, err
		}
		shot.Status = status
		shot.sampler.take(time.Now(), &shot.Status)
	}
	shot.InPerSecond, shot.OutPerSecond = shot.sampler.total.now()
	shot.Drops, shot.Peers = shot.sampler.losing, []PeerRates{}
	for i := range shot.Status.Peers {
		p := &shot.Status.Peers[i]
		in, out := shot.sampler.of(p).now()
		shot.Peers = append(shot.Peers, PeerRates{p.Number, p.Name, in, out})
	}
	return shot, nil
}

// Text is the snapshot for people.
func (s *Snapshot) Text(now time.Time) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s on %s, up %s\n", name(s.Status.Role), name(s.Status.Adapter), timeText(now.Sub(s.Status.Since)))
	for _, w := range warnings(&s.Status) {
		fmt.Fprintf(&b, "! %s\n", w)
	}
	fmt.Fprintf(&b, "%s; now %s in, %s out\n", totals(&s.Status), rateText(s.InPerSecond), rateText(s.OutPerSecond))
	peers := selected(s.Status.Peers, "active", "")
	rows := make([][]string, len(peers))
	for i, p := range peers {
		rows[i] = topRow(p, s.sampler.of(p), now, "")
	}
	if len(rows) > 0 {
		head, lines := table(topColumns, rows, 0)
		fmt.Fprintf(&b, "%s\n%s\n", strings.TrimPrefix(head, " "), strings.Join(lines, "\n"))
	}
	for _, line := range dropped(s.Status.Drops) {
		b.WriteString(line + "\n")
	}
	return b.String()
}

// JSON is the snapshot for programs.
func (s *Snapshot) JSON() ([]byte, error) {
	b, err := json.Marshal(s)
	return append(b, '\n'), err
}
