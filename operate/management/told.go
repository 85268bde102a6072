package management

import (
	"errors"
	"strings"

	"culvert/access/hooks"
	"culvert/role/event"
	"culvert/session"
)

// told passes on what else readers hear of an event: what the server has for them
// (>ECHO), and that it ended a connection (>NOTIFY).
func (i *Interface) told(e event.Event) {
	switch e := e.(type) {
	case event.Pushed:
		for _, option := range e.Options {
			if text, ok := strings.CutPrefix(option, "echo "); ok {
				i.Echo(text)
			}
		}
	case event.Lost:
		i.notify(e.Err)
	case event.Failed:
		i.notify(e.Err)
	}
}

func (i *Interface) notify(err error) {
	var restart *session.RestartError
	if errors.As(err, &restart) {
		i.Broadcast(">NOTIFY:info," + map[bool]string{false: "server-pushed-connection-reset", true: "server-pushed-halt"}[restart.Halt] + "," + restart.Reason)
	}
}

// UpDown tells readers that the adapter is up or about to go (>UPDOWN), with what
// programs are told then. stage is "up" or "down".
func (i *Interface) UpDown(stage string, env *hooks.Env) {
	lines := []string{">UPDOWN:" + strings.ToUpper(stage)}
	for _, v := range env.List() {
		lines = append(lines, ">UPDOWN:ENV,"+v)
	}
	i.Broadcast(append(lines, ">UPDOWN:ENV,END")...)
}
