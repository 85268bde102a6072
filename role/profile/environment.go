package profile

import (
	"fmt"
	"time"

	"culvert/access/hooks"
	"culvert/config"
	"culvert/host/process"
)

// started is when this process began, for daemon_start_time.
var started = time.Now()

// Environment returns what every program of a configuration is told: setenv's variables,
// and those about the process and its sockets. It is how the environment of a process
// begins; what is known later, such as dev, is set then.
func Environment(c *config.Config) *hooks.Env {
	var e hooks.Env
	for _, v := range c.Process.Env {
		e.Set(v.Name, v.Value)
	}
	if c.Process.File != "" {
		e.Set("config", c.Process.File)
	}
	e.SetInt("verb", int64(c.Process.Verb))
	e.SetBool("daemon", c.Process.Daemon)
	e.SetBool("daemon_log_redirect", c.Process.Log != "")
	e.SetInt("daemon_start_time", started.Unix())
	e.SetInt("daemon_pid", int64(process.PID()))
	setSockets(&e, c)
	return e.Inherit()
}

// setSockets sets the variables of each way to the other end, or of a server's sockets,
// counted from 1.
func setSockets(e *hooks.Env, c *config.Config) {
	ways := c.Link.Ways()
	if len(ways) == 0 {
		for i, l := range c.Listens() {
			setSocket(e, i+1, protoName(l.Proto, "server"), config.Listen{Host: l.Host, Port: l.Port}, "", fmt.Sprint(l.Port))
		}
		return
	}
	for i, w := range ways {
		setSocket(e, i+1, protoName(w.Proto, "client"), w.Local, w.Host, w.Port)
		if p := w.HTTPProxy; p != nil {
			setProxy(e, "http", i+1, p.Host, p.Port)
		}
		if p := w.SOCKSProxy; p != nil {
			setProxy(e, "socks", i+1, p.Host, p.Port)
		}
	}
}

func setProxy(e *hooks.Env, kind string, n int, host, port string) {
	e.Set(fmt.Sprintf("%s_proxy_server_%d", kind, n), host)
	e.Set(fmt.Sprintf("%s_proxy_port_%d", kind, n), port)
}

func setSocket(e *hooks.Env, n int, proto string, local config.Listen, remote, remotePort string) {
	at := func(name, value string) { e.Set(fmt.Sprintf("%s_%d", name, n), value) }
	at("proto", proto)
	if local.Host != "" {
		at("local", local.Host)
	}
	if local.Port != 0 {
		at("local_port", fmt.Sprint(local.Port))
	}
	if remote != "" {
		at("remote", remote)
	}
	at("remote_port", remotePort)
}

// protoName returns a protocol as `proto` names it, such as tcp4-client; end is which
// end of a TCP connection this is if that is not written.
func protoName(p config.Proto, end string) string {
	name := p.Transport()
	if p.Family != 0 {
		name += fmt.Sprint(p.Family)
	}
	switch {
	case !p.TCP:
		return name
	case p.End == config.Listens:
		end = "server"
	case p.End == config.Calls:
		end = "client"
	}
	return name + "-" + end
}
