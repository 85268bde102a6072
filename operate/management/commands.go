package management

import (
	"fmt"
	"strconv"
)

// command is one command: how many words follow its name, and what it does. More words
// than it needs are passed over, as by OpenVPN.
type command struct {
	least int
	more  bool // takes more than least
	run   func(r *reader, args []string)
}

// wants says how many words a command needs, as OpenVPN does.
func (c command) wants() string {
	text := strconv.Itoa(c.least) + " parameter"
	if c.least != 1 {
		text += "s"
	}
	if c.more {
		return "at least " + text
	}
	return text
}

// commands are all of them, by name. The parts are where they are defined.
var commands map[string]command

func init() {
	commands = map[string]command{}
	for _, part := range []map[string]command{general(), ofClients(), ofAsks()} {
		for name, c := range part {
			if _, twice := commands[name]; twice {
				panic("two commands are called " + name)
			}
			commands[name] = c
		}
	}
}

// unsupported answers a command that the role at work has no use for.
func (r *reader) unsupported(name string) {
	r.refuse("The '%s' command is not supported by the current daemon mode", name)
}

// number returns the leading decimal digits of a word as a number, as C's atoi does;
// 0 without any, and at most 1<<31 - 1.
func number(word string) (n int) {
	for _, c := range []byte(word) {
		if c < '0' || c > '9' || n > 1<<31/10-1 {
			break
		}
		n = 10*n + int(c-'0')
	}
	return n
}

// bannerLine greets a reader. It has the version of the protocol, which programs check.
const protocolVersion = 5

func banner() string {
	return fmt.Sprintf(">INFO:OpenVPN Management Interface Version %d -- type 'help' for more info", protocolVersion)
}
