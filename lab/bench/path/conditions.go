//go:build linux

// Package path is a long or bad path of the bench: the bench's own program,
// started again with the word `path`, carries the packets between two TUN devices
// and has them late, lost or out of order. It sees single packets, since those
// devices have no offloads, so that nobody's runs count as one.
package path

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"time"
)

// Conditions are those of a path, each way.
type Conditions struct {
	Delay time.Duration
	// Jitter is how much longer or shorter a packet may take, at random; it
	// overtakes others.
	Jitter time.Duration
	// Loss is the share of packets that are lost, 0 to 1, at random.
	Loss float64
}

// limit is how many packets wait on the path, each way; as netem's, it drops
// what comes then.
const limit = 50_000

// Write leaves conditions in the file that a path reads.
func (c Conditions) Write(file string) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	return os.WriteFile(file, b, 0o600)
}

func read(file string) (c Conditions, err error) {
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		return c, fmt.Errorf("conditions of the path: %w", err)
	}
	return c, nil
}

// take is how long a packet that comes now is on its way; lost if it never
// arrives.
func (c Conditions) take(random *rand.Rand) (d time.Duration, lost bool) {
	if c.Loss > 0 && random.Float64() < c.Loss {
		return 0, true
	}
	d = c.Delay
	if c.Jitter > 0 {
		d += time.Duration((2*random.Float64() - 1) * float64(c.Jitter))
	}
	return max(d, 0), false
}
