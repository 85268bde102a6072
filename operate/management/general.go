package management

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// general are the commands that every role has.
func general() map[string]command {
	return map[string]command{
		"version":    {run: doVersion},
		"help":       {run: doHelp},
		"pid":        {run: func(r *reader, _ []string) { r.ok("pid=%d", os.Getpid()) }},
		"net":        {run: func(r *reader, _ []string) { r.refuse("Sorry, this command is currently only implemented on Windows") }},
		"test":       {least: 1, run: doTest},
		"state":      {run: doState},
		"log":        {least: 1, more: true, run: doLog},
		"echo":       {least: 1, more: true, run: doEcho},
		"status":     {run: doStatus},
		"load-stats": {run: doLoad},
		"bytecount":  {least: 1, run: doByteCount},
		"verb":       {run: doVerb},
		"mute":       {run: doMute},
		"signal":     {least: 1, run: doSignal},
		"hold":       {run: doHold},
	}
}

func doVersion(r *reader, args []string) {
	if len(args) == 0 {
		r.say("OpenVPN Version: "+r.i.process.Title, "Management Version: "+strconv.Itoa(protocolVersion), "END")
		return
	}
	// As with OpenVPN, whoever says that they know version 4 gets an answer. Others
	// would not expect one.
	n := number(args[0])
	if n > 0 {
		r.announce(n)
	}
	if n >= 4 {
		r.ok("Management client version set to %d", n)
	}
}

func doTest(r *reader, args []string) {
	for n := range number(args[0]) {
		if n%1000 == 999 && !r.drained(r.i.ctx) {
			return
		}
		r.say(fmt.Sprintf("[%d] The purpose of this command is to generate large amounts of output.", n))
	}
}

// past answers a command that shows a history, or turns its messages on and off, or both:
// each of the first two words is on, off, all or a number.
func (r *reader) past(name string, h *history, on *bool, args []string) {
	var text []string
	defer func() { r.say(text...) }()
	i := r.i
	i.mu.Lock()
	defer i.mu.Unlock()
	for _, word := range args[:min(len(args), 2)] {
		n := number(word)
		switch {
		case word == "on" || word == "off":
			*on = word == "on"
			text = append(text, fmt.Sprintf("SUCCESS: real-time %s notification set to %s", name, strings.ToUpper(word)))
		case word == "all":
			text = append(append(text, h.last(-1)...), "END")
		case n > 0:
			text = append(append(text, h.last(n)...), "END")
		default:
			text = append(text, fmt.Sprintf("ERROR: %s parameter must be 'on' or 'off' or some number n or 'all'", name))
		}
	}
}

func doState(r *reader, args []string) {
	if len(args) == 0 {
		args = []string{"1"}
	}
	r.past("state", &r.i.states, &r.states, args)
}

func doLog(r *reader, args []string)  { r.past("log", &r.i.log, &r.logs, args) }
func doEcho(r *reader, args []string) { r.past("echo", &r.i.echoes, &r.echoes, args) }

func doStatus(r *reader, args []string) {
	version := r.i.process.StatusVersion()
	// As with OpenVPN, what is no number, or 0, stands for the format of the configuration.
	if n := number(first(args)); n != 0 {
		version = n
	}
	b := r.i.tunnel()
	switch {
	case b == nil:
		r.unsupported("status")
	case version < 1 || version > 3:
		r.refuse("bad status format version number")
	default:
		var lines []string
		for line := range bytes.Lines(b.StatusText(version)) {
			lines = append(lines, string(bytes.TrimRight(line, "\r\n")))
		}
		r.say(lines...)
	}
}

func doLoad(r *reader, _ []string) {
	var clients int
	var in, out uint64
	if b := r.i.tunnel(); b != nil {
		in, out = b.Bytes()
		if b.Status().Role == "server" {
			for _, p := range b.Peers() {
				if !p.Connecting {
					clients++
				}
			}
		}
	}
	r.ok("nclients=%d,bytesin=%d,bytesout=%d", clients, in, out)
}

// byteCounter reports what was carried, every so often.
type byteCounter struct {
	mu   sync.Mutex
	quit chan struct{}
}

func (c *byteCounter) stop() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.quit != nil {
		close(c.quit)
	}
	c.quit = nil
}

// maxInterval is the longest time between two reports, in seconds.
const maxInterval = 24 * 60 * 60

func doByteCount(r *reader, args []string) {
	r.count.stop()
	if n := min(number(args[0]), maxInterval); n > 0 {
		quit := make(chan struct{})
		r.count.quit = quit
		r.i.working.Go(func() { r.countBytes(time.Duration(n)*time.Second, quit) })
	}
	r.ok("bytecount interval changed")
}

func (r *reader) countBytes(every time.Duration, quit <-chan struct{}) {
	ticks := time.NewTicker(every)
	defer ticks.Stop()
	for {
		select {
		case <-quit:
			return
		case <-r.i.ctx.Done():
			return
		case <-ticks.C:
			r.reportBytes()
		}
	}
}

// reportBytes writes >BYTECOUNT of a client, or >BYTECOUNT_CLI of each of a server's.
func (r *reader) reportBytes() {
	b := r.i.tunnel()
	if b == nil {
		return
	}
	if b.Status().Role != "server" {
		in, out := b.Bytes()
		r.say(fmt.Sprintf(">BYTECOUNT:%d,%d", in, out))
		return
	}
	var lines []string
	for _, p := range b.Peers() {
		if !p.Connecting {
			lines = append(lines, fmt.Sprintf(">BYTECOUNT_CLI:%d,%d,%d", p.Number, p.BytesIn, p.BytesOut))
		}
	}
	r.say(lines...)
}

// mostVerb is the greatest verbosity.
const mostVerb = 15

func doVerb(r *reader, args []string) {
	p := r.i.process
	if len(args) == 0 {
		r.ok("verb=%d", p.Verb())
		return
	}
	n := number(args[0])
	if n < 0 || n > mostVerb {
		r.refuse("verb level is out of range")
		return
	}
	p.SetVerb(n)
	r.ok("verb level changed")
}

func doMute(r *reader, args []string) {
	p := r.i.process
	if len(args) == 0 {
		r.ok("mute=%d", p.Mute())
		return
	}
	n := number(args[0])
	if n < 0 {
		r.refuse("mute level is out of range")
		return
	}
	p.SetMute(n)
	r.ok("mute level changed")
}

func doSignal(r *reader, args []string) {
	if !slices.Contains(Signals, args[0]) {
		r.refuse("signal '%s' is not a known signal type", args[0])
		return
	}
	if args[0] == "SIGINT" || args[0] == "SIGTERM" {
		r.i.mu.Lock()
		r.i.course.exit = args[0]
		r.i.mu.Unlock()
	}
	r.ok("signal %s thrown", args[0])
	r.i.process.Signal(args[0])
}
