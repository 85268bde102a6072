package config

// processRows are the directives of the process and of this language.
var processRows = []Directive{
	{Name: "client", Where: top, Role: RoleClient, Reload: ReloadRestart, Help: "Be a client: tls-client and pull.", set: setClient},
	{Name: "pull", Where: top, Role: RoleClient, Reload: ReloadRestart, Help: "Take what the server pushes.", set: on(func(c *Config) *bool { return &c.Pull })},
	{Name: "push-peer-info", Where: top, Role: RoleClient, Help: "Tell the server more about this host: its MAC address, the system's version, the TLS library.", set: on(func(c *Config) *bool { return &c.Process.PushPeerInfo })},
	{Name: "config", Adds: true, Usage: "file", Where: top, Help: "Read a configuration file here.", set: func(b *builder, d *call) error { return b.include(d) }},
	{Name: "user", Usage: "name", Where: top, Reload: ReloadRestart, Help: "Run as this user after the start.", set: text(func(c *Config) *string { return &c.Process.User })},
	{Name: "group", Usage: "name", Where: top, Reload: ReloadRestart, Help: "Run as this group after the start.", set: text(func(c *Config) *string { return &c.Process.Group })},
	{Name: "chroot", Usage: "dir", Where: top, Reload: ReloadRestart, Help: "Make this directory the root after the start.", set: text(func(c *Config) *string { return &c.Process.Chroot })},
	{Name: "cd", Usage: "dir", Where: top, Reload: ReloadRestart, Help: "The directory that relative file names start from.", set: text(func(c *Config) *string { return &c.Process.Cd })},
	{Name: "daemon", Usage: "[name]", Where: top, Reload: ReloadRestart, Help: "Go to the background.", set: setDaemon},
	{Name: "syslog", Usage: "[name]", Where: top, Reload: ReloadRestart, Help: "Log to the system's logger, under this name.", set: setSyslog},
	{Name: "writepid", Usage: "file", Where: top, Reload: ReloadRestart, Touches: TouchWrites, Help: "Write the process id to a file.", set: text(func(c *Config) *string { return &c.Process.WritePID })},
	{Name: "log", Usage: "file", Where: top, Reload: ReloadRestart, Touches: TouchWrites, Help: "Write the log to a new file.", set: logTo(false)},
	{Name: "log-append", Same: "log", Usage: "file", Where: top, Reload: ReloadRestart, Touches: TouchWrites, Help: "Append the log to a file.", set: logTo(true)},
	{Name: "status", Usage: "file [seconds]", Where: top, Touches: TouchWrites, Help: "Write the state of all connections to a file.", set: setStatus},
	{Name: "status-version", Usage: "[n]", Where: top, Help: "The format of that file: 1, 2 or 3.", set: setStatusVersion},
	{Name: "verb", Usage: "n", Where: pull, Help: "How much to log, 0 to 11.", set: setVerb},
	{Name: "mute", Usage: "n", Where: pull, Help: "How many messages of one kind to log in a row.", set: integer(0, maxSeconds, func(c *Config) *int { return &c.Process.Mute })},
	{Name: "suppress-timestamps", Where: top, Reload: ReloadRestart, Help: "Log without times, as for a logger that adds its own.", set: on(func(c *Config) *bool { return &c.Process.SuppressTimestamps })},
	{Name: "setenv", Adds: true, Usage: "name [value] ...", Where: pull, Help: "Set a variable for scripts; with push-peer-info, UV_ names go to the server. `setenv opt DIRECTIVE` marks a directive as optional.", set: setSetenv},
	{Name: "setenv-safe", Adds: true, Usage: "name [value]", Where: pull, Help: "Set a variable whose name is made to begin with OPENVPN_.", set: setSetenvSafe},
	{Name: "ignore-unknown-option", Adds: true, Usage: "name ...", Where: top, Help: "Directives to leave out where they are not supported.", set: setIgnoreUnknown},
	{Name: "compress", Usage: "[algorithm]", Where: pull, Help: "The framing of compression: lzo, lz4, lz4-v2, stub, stub-v2, migrate. What the peer compresses is taken, nothing is compressed here.", set: setCompress},
	{Name: "comp-lzo", Same: "compress", Usage: "[yes|no|adaptive]", Where: pull, Help: "The framing of LZO compression, as with compress.", set: setCompLZO},
	{Name: "allow-compression", Usage: "no|asym|yes", Where: pull, Help: "Whether compressed packets are taken. None are ever sent.", set: setAllowCompression},
}
