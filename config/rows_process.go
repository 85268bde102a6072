package config

// processRows are the directives of PartProcess.
var processRows = list{
	{Name: "user", Usage: "name", Where: top, Help: "Run as this user after the start.", set: text(func(c *Config) *string { return &c.Process.User })},
	{Name: "group", Usage: "name", Where: top, Help: "Run as this group after the start.", set: text(func(c *Config) *string { return &c.Process.Group })},
	{Name: "chroot", Usage: "dir", Where: top, Help: "Make this directory the root after the start.", set: text(func(c *Config) *string { return &c.Process.Chroot })},
	{Name: "cd", Usage: "dir", Where: top, Help: "Look up relative file names in this directory.", set: text(func(c *Config) *string { return &c.Process.Cd })},
	{Name: "daemon", Usage: "[name]", Where: top, Reload: ReloadStart, Help: "Go to the background, and log to the system's logger under this name.", set: setDaemon},
	{Name: "syslog", Usage: "[name]", Where: top, Reload: ReloadStart, Help: "Log to the system's logger under this name.", set: setSyslog},
	{Name: "log", Usage: "file", Where: top, Touches: TouchWrites, Reload: ReloadStart, Help: "Write the log to this file, which is emptied first.", set: logTo(false)},
	{Name: "log-append", Same: "log", Usage: "file", Where: top, Touches: TouchWrites, Reload: ReloadStart, Help: "Append the log to this file.", set: logTo(true)},
	{Name: "verb", spare: true, Usage: "n", Where: pull, Default: "1", Help: "Log this much: 0 errors alone, 1 to 3 what happens, from 4 everything.", set: setVerb},
	{Name: "mute", spare: true, Usage: "n", Where: pull, Default: "0", Reload: ReloadStart, Help: "Log at most this many messages of one kind in a row; 0 is all.", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Process.Mute })},
	{Name: "log-level", Usage: "subsystem error|warn|info|debug", Where: top, Adds: true, Help: "Log this much of one subsystem, whatever verb says (docs/logs.md; not in OpenVPN).", set: setLogLevel},
	{Name: "log-format", Usage: "text|logfmt|json", Where: top, Default: "text", Reload: ReloadStart, Help: "Write the log as text for people, as key=value, or as JSON, a line each (docs/logs.md; not in OpenVPN).", set: setLogFormat},
	{Name: "log-journal", Usage: "auto|on|off", Where: top, Default: "auto", Reload: ReloadStart, Help: "Log to systemd's journal, with fields; auto where the standard error output goes there (docs/logs.md; not in OpenVPN).", set: setLogJournal},
	{Name: "mute-replay-warnings", spare: true, Where: top, Help: "Do not log replayed packets.", set: on(func(c *Config) *bool { return &c.Process.MuteReplayWarnings })},
	{Name: "suppress-timestamps", spare: true, Where: top, Reload: ReloadStart, Help: "Log without times, for a logger that adds its own.", set: on(func(c *Config) *bool { return &c.Process.SuppressTimestamps })},
	{Name: "metrics-listen", Usage: "address:port", Where: top, Help: "Serve metrics for Prometheus to whoever reaches this address: keep it inside (docs/metrics.md; not in OpenVPN).", set: setMetricsListen},
	{Name: "metrics-per", Usage: "user|device", Where: top, Help: "Have series for each user, or each device, too: as many as there are of them (docs/metrics.md; not in OpenVPN).", set: setMetricsPer},
	{Name: "metrics-names", Usage: "culvert|openvpn_exporter", Where: top, Default: "culvert", Help: "Have metrics by the names of openvpn_exporter, too, for dashboards that know those (docs/metrics.md; not in OpenVPN).", set: setMetricsNames},
	{Name: "trace-to", Usage: "url", Where: top, Help: "Send a trace of each handshake to this collector of OpenTelemetry, by OTLP over HTTP (docs/metrics.md; not in OpenVPN).", set: setTraceTo},
	{Name: "writepid", Usage: "file", Where: top, Touches: TouchWrites, Help: "Write the process id to this file.", set: text(func(c *Config) *string { return &c.Process.WritePID })},
	{Name: "status", Usage: "file [seconds]", Where: top, Touches: TouchWrites, Help: "Write the state of all connections to this file.", set: setStatus},
	{Name: "status-version", Usage: "[n]", Where: top, Default: "1", Help: "Use this format of the status file: 1, 2 or 3.", set: setStatusVersion},
	{Name: "remap-usr1", Usage: "SIGHUP|SIGTERM", Where: top, Help: "Take SIGUSR1, and each reason to connect anew, as SIGHUP, which reads the configuration again, or as SIGTERM, which exits.", set: setRemapUsr1},
	{Name: "nice", spare: true, Usage: "n", Where: top, Reload: ReloadStart, Default: "0", Help: "Run at this priority: above 0 others are favoured, below 0 (as root) this process is.", set: setNice},
	{Name: "mlock", Where: top, Reload: ReloadStart, Help: "Keep memory, with the keys in it, from being swapped out (Linux).", set: on(func(c *Config) *bool { return &c.Process.LockMemory })},

	// Accepted, and nothing to do.
	{Name: "machine-readable-output", Where: top, Status: Harmless, Reason: "ignored; the log's lines have time and severity in any case", Help: "Log in another form, for programs."},
	{Name: "errors-to-stderr", Where: top, Status: Harmless, Help: "Write errors to the standard error output."},

	// For Windows.
	{Name: "msg-channel", Usage: "handle", Where: top, Status: WindowsOnly, Help: "Used by OpenVPN for itself."},
	{Name: "pause-exit", Where: top, Status: WindowsOnly, Help: "Wait for a key before exiting."},
	{Name: "rdns-internal", Where: top, Status: WindowsOnly, Help: "Used by OpenVPN for itself."},
	{Name: "service", Usage: "event [value]", Where: top, Status: WindowsOnly, Help: "Run under a service wrapper."},
	{Name: "win-sys", Usage: "path", Where: top, Status: WindowsOnly, Help: "Look for the system in this directory."},

	// Refused.
	{Name: "memstats", Usage: "file", Where: top, Status: Harmless, Reason: "ignored; removed in OpenVPN 2.7: write status FILE", Help: "Write statistics to this file; removed in OpenVPN 2.7."},
	{Name: "setcon", Guards: true, Usage: "context", Where: top, Status: Refused, Reason: "SELinux lets only a program with one thread change its context, and this one has several: remove the line, and have the service manager start it in that context (systemd: SELinuxContext=)", Help: "Run in this SELinux context."},
	{Name: "inetd", Usage: "[mode] [name]", Where: top, Status: Refused, Reason: "was removed in OpenVPN 2.7; run it as a service of its own", Help: "Start from inetd; removed in OpenVPN 2.7."},
}
