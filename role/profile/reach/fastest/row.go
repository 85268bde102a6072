package fastest

import (
	"fmt"
	"time"
)

// Row is what is known of a path, for people and programs. Delays are in milliseconds.
type Row struct {
	Name    string  `json:"server" doc:"its name, as the configuration has it"`
	Delay   float64 `json:"delay_ms" doc:"the median round trip of the last minute, in milliseconds; 0: nothing is known"`
	Jitter  float64 `json:"jitter_ms" doc:"the mean difference from one round trip to the next, in milliseconds"`
	Loss    float64 `json:"loss" doc:"how much is lost, from 0 to 1"`
	Score   float64 `json:"score_ms" doc:"delay, jitter and loss in one number of milliseconds: less is better; 0: nothing is known"`
	Samples int     `json:"samples" doc:"how many answers the numbers are of"`
	Chosen  bool    `json:"chosen,omitempty" doc:"it is in use, or would be"`
	Why     string  `json:"why,omitempty" doc:"why it is chosen, or is not"`
}

// Table returns a row for each path, in their order.
func (c *Choice) Table(now time.Time) (rows []Row) {
	chosen := c.present
	if chosen < 0 {
		chosen, _ = c.Best(now)
	}
	for i := range c.paths {
		p := &c.paths[i]
		p.age(now, i == c.present)
		rows = append(rows, Row{Name: p.Name, Delay: ms(p.delay()), Jitter: ms(p.jitter()), Loss: p.shownLoss(), Score: ms(p.score()),
			Samples: len(p.samples), Chosen: i == chosen, Why: c.why(now, i, chosen)})
	}
	return rows
}

// shownLoss is the loss that the rule counts, but all where nothing ever came back: of that
// there is no doubt.
func (p *path) shownLoss() float64 {
	if len(p.samples) > 0 && p.delay() == 0 {
		return 1
	}
	return p.loss()
}

// why says in words why a path is chosen, or is not.
func (c *Choice) why(now time.Time, n, chosen int) string {
	p := &c.paths[n]
	switch {
	case p.shunned.After(now):
		return fmt.Sprintf("%s; left out for %v more", p.shunWhy, p.shunned.Sub(now).Round(time.Second))
	case p.weight == Draining:
		return "it asks its clients to leave"
	case len(p.samples) == 0:
		return "not measured yet"
	case p.delay() == 0:
		return "no answer"
	case n == chosen && n == c.present:
		return c.reason(now, n)
	case n == chosen:
		return "the best of those that answer"
	case p.dead(), !p.left.IsZero():
		return "it has stopped answering"
	case n == c.better:
		return fmt.Sprintf("better than the one in use for %v; it is moved to after %v", now.Sub(c.since).Round(time.Second), c.options.Steady)
	case p.weight == Full:
		return "it says that it is full"
	}
	return ""
}

// reason says why the present path is still in use.
func (c *Choice) reason(now time.Time, n int) string {
	best, found := c.best(now, c.another)
	switch {
	case c.failed:
		return "in use, and silent now"
	case !found:
		return "in use; no other answers and is not left out"
	case c.paths[best].rank() < c.paths[n].rank():
		return "in use; no other is clearly better"
	}
	return "in use, and the best"
}
