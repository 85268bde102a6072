package management

import (
	"fmt"
	"strconv"
	"strings"
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

// number returns the leading number of a word in 32 bits, as C's atoi does on Linux: after
// white space and a sign, decimal digits; 0 without any. What does not fit in 64 bits is
// their greatest or least number, and of all 64 the lower 32 bits count.
func number(word string) int {
	word = strings.TrimLeft(word, " \t\r\n\v\f")
	end := 0
	for end < len(word) && (word[end] >= '0' && word[end] <= '9' || end == 0 && (word[0] == '-' || word[0] == '+')) {
		end++
	}
	n, _ := strconv.ParseInt(word[:end], 10, 64) // which is what C makes of it in each case
	return int(int32(n))
}

// bannerLine greets a reader. It has the version of the protocol, which programs check.
const protocolVersion = 5

func banner() string {
	return fmt.Sprintf(">INFO:OpenVPN Management Interface Version %d -- type 'help' for more info", protocolVersion)
}
