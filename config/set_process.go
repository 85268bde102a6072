package config

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// setClient is `pull` and `tls-client`.
func setClient(b *builder, _ *call) error {
	b.Pull, b.TLSClient = true, true
	return nil
}

// isInterface reports whether a network interface may have this name.
func isInterface(name string) bool {
	const longest = 15 // IFNAMSIZ of Linux less its NUL
	return name != "" && len(name) <= longest && !strings.ContainsAny(name, "/ ") && !strings.ContainsFunc(name, isControl)
}

// setDev takes an adapter's name or its kind.
func setDev(b *builder, d *call) error {
	if !isInterface(d.args[0]) {
		return d.expected(d.args[0], "tun, tun0, or an adapter's name of up to 15 characters")
	}
	b.Adapter.Dev = d.args[0]
	return nil
}

func setStatus(b *builder, d *call) error {
	interval := 60
	if len(d.args) > 1 {
		var err error
		if interval, err = d.int(1, 0, maxSeconds); err != nil {
			return err
		}
	}
	b.Process.Status, b.Process.StatusInterval = d.args[0], time.Duration(interval)*time.Second
	return nil
}

// setDaemon sets `syslog`, too: a daemon logs there, unless `log` says otherwise.
func setDaemon(b *builder, d *call) error {
	b.Process.Daemon = true
	return setSyslog(b, d)
}

// setSyslog takes the name to log under.
func setSyslog(b *builder, d *call) error {
	b.Process.Syslog = "culvert"
	if len(d.args) > 0 {
		b.Process.Syslog = d.args[0]
	}
	return nil
}

// logTo is the setter of log and log-append.
func logTo(appending bool) setter {
	return func(b *builder, d *call) error {
		b.Process.Log, b.Process.LogAppend = d.args[0], appending
		return nil
	}
}

// setScriptSecurity takes the level. Versions before 2.3 took a second word.
func setScriptSecurity(b *builder, d *call) error {
	n, err := d.int(0, 0, 3)
	if err != nil {
		return err
	}
	b.Process.ScriptSecurity = n
	if len(d.args) > 1 {
		d.remark(quote(d.args[1]) + " is a leftover of OpenVPN 2.2 and ignored")
	}
	return nil
}

// isOptional reports whether setenv marks a directive as optional.
func isOptional(d *call) bool { return len(d.args) > 1 && d.args[0] == "opt" }

// setSetenv sets a variable, and does what some names ask for: opt marks a directive
// as optional, FORWARD_COMPATIBLE ignores unknown ones, and GENERIC_CONFIG marks a
// profile that must not be used as it is.
func setSetenv(b *builder, d *call) error {
	switch {
	case d.args[0] == "GENERIC_CONFIG" && d.File != pushed:
		return d.fault("", "GENERIC_CONFIG marks a profile for everybody, without a user's certificate", "ask whoever runs the server for a profile of your own; or put your cert and key in, and remove this line")
	case isOptional(d):
		place := InFile
		if d.File == pushed {
			place = InPush
		}
		b.attempt(&call{Pos: d.Pos, name: strings.TrimPrefix(d.args[1], "--"), args: d.args[2:]}, place)
		return nil
	case d.File == pushed:
		return d.fault(d.args[0], "a server may only set variables with setenv-safe", "")
	case len(d.args) > 2:
		return blankInValue(b, d)
	case d.args[0] == "FORWARD_COMPATIBLE" && len(d.args) == 2 && d.args[1] == "1":
		b.forward = true
	}
	return b.Process.setEnv(d, "")
}

// blankInValue is the fault of a variable whose value is more than one word. What is only
// for people or servers to see, a configuration may ask to ignore. Of the others, a program
// may let people in by them.
func blankInValue(b *builder, d *call) error {
	fault := d.fault(strings.Join(d.args[2:], " "), "more values than it takes", "put the value in quotes")
	if d.args[0] != "FRIENDLY_NAME" && !strings.HasPrefix(d.args[0], "UV_") {
		return fault
	}
	b.misfit(b.rows[d.name], d, fault)
	return nil
}

// setSetenvSafe sets a variable whose name begins with OPENVPN_, so that a
// server cannot change what programs depend on.
func setSetenvSafe(b *builder, d *call) error { return b.Process.setEnv(d, "OPENVPN_") }

// setEnv sets a variable, and limits what a server can make a client store.
func (p *Process) setEnv(d *call, prefix string) error {
	const most = 1024
	name, value := d.args[0], ""
	if len(d.args) > 1 {
		value = d.args[1]
	}
	if name == "" || strings.Contains(name, "=") {
		return d.expected(name, "a variable's name")
	}
	if len(p.Env) >= most {
		return d.fault(name, fmt.Sprintf("more than %d variables", most), "")
	}
	name = prefix + name
	p.Env = slices.DeleteFunc(p.Env, func(v Variable) bool { return v.Name == name })
	p.Env = append(p.Env, Variable{name, value})
	return nil
}

func setVerb(b *builder, d *call) error {
	const most = 15
	n, err := d.capped(0, 0, most)
	if err == nil {
		b.Process.Verb = n
	}
	return err
}

// setIgnoreUnknown names directives to skip where they are not supported.
func setIgnoreUnknown(b *builder, d *call) error {
	for _, name := range d.args {
		b.optional[strings.TrimPrefix(name, "--")] = true
	}
	return nil
}

// setStatusVersion reads no value as 1, as OpenVPN does.
func setStatusVersion(b *builder, d *call) error {
	if len(d.args) == 0 {
		b.Process.StatusVersion = 1
		return nil
	}
	n, err := d.int(0, 1, 3)
	if err == nil {
		b.Process.StatusVersion = n
	}
	return err
}

// setKeyMethod takes the only method that is left.
func setKeyMethod(_ *builder, d *call) error {
	if d.args[0] != "2" {
		return d.fault(d.args[0], "OpenVPN 2.5 and later know key method 2 only", "remove the line on both ends")
	}
	return nil
}

// setNice takes the nearest priority that there is for one beyond, as the system does.
func setNice(b *builder, d *call) error {
	const most, least = 19, -20
	n, err := d.int(0, math.MinInt32, math.MaxInt32)
	if err != nil {
		return err
	}
	if taken := max(least, min(n, most)); taken != n {
		d.remark(fmt.Sprintf("%d is taken as %d", n, taken))
		n = taken
	}
	b.Process.Nice = n
	return nil
}

// setProviders takes what needs no provider here, and refuses one that a key or a rule
// depends on.
func setProviders(_ *builder, d *call) error {
	for _, name := range d.args {
		switch name {
		case "default", "base":
		case "legacy":
			d.remark("legacy is ignored: its ciphers (BF-CBC, DES, RC2) are not supported on the data channel, and old PKCS#12 files are read without it")
		case "fips":
			return d.fault(name, "there is no OpenSSL here, and this program's cryptography is not that validated module", "remove the line if no rule demands it")
		default:
			return d.fault(name, "there is no OpenSSL here, so no provider of it", "remove it if no key needs it; for a key that it holds, have a program sign with that, by management-external-key")
		}
	}
	return nil
}
