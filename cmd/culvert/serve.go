package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"culvert/config"
	"culvert/host/hostnet"
	"culvert/operate/conffile"
	"culvert/operate/service"
	"culvert/operate/setup"
)

func serveCommand() *cobra.Command {
	var dir string
	var allowLAN bool
	o := service.Options{Forward: true, Unprivileged: true}
	c := &cobra.Command{
		Use:     "serve {--dir D | FILE}",
		Example: "  culvert serve --dir /etc/culvert",
		Short:   "Run a server, with forwarding and masquerading set up",
		Long: `Run a server. As root it makes a TUN device, switches forwarding on and
masquerades for the clients with nftables; all of it is undone on exit.
Without root it needs no device: the clients' connections go out by ordinary
sockets of this process.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(c *cobra.Command, args []string) error {
			file, err := serverFile(dir, args)
			if err != nil {
				return err
			}
			load := func() (*config.Config, error) {
				cfg, err := conffile.Load(file, "a server's configuration, such as server.conf, or write --dir D for a directory that `culvert init --dir D --host NAME` made")
				if err == nil && cfg.Mode != config.ModeServer {
					err = fmt.Errorf("%s is not a server's configuration: it has no `server` line; for a client's, use `culvert connect`", file)
				}
				if err == nil {
					cfg.Server.AllowLAN = cfg.Server.AllowLAN || allowLAN
				}
				if advice := setup.Advice(dir); err == nil && dir != "" && advice != "" {
					cfg.Notes = append(cfg.Notes, config.Note{Pos: config.Pos{File: dir}, Text: advice})
				}
				return cfg, err
			}
			if dir != "" {
				o.KeysDir = dir
				o.Invite = "to connect a device, make it a profile of its own by `culvert client add NAME --dir " + dir +
					" -o NAME.ovpn`; there, `culvert connect NAME.ovpn` or any OpenVPN client takes it"
			}
			if os.Geteuid() != 0 && !c.Flags().Changed("userspace") {
				o.UserSpace = true
			}
			return service.Run(c.Context(), load, o)
		},
	}
	c.Flags().StringVar(&dir, "dir", "", "directory that culvert init made")
	c.Flags().BoolVar(&o.UserSpace, "userspace", false, "use no device (default when not root)")
	c.Flags().BoolVar(&allowLAN, "allow-lan", false, "in user space, let clients reach the networks of this host's own interfaces")
	c.Flags().BoolVar(&o.Forward, "forward", true, "be a router that masquerades for the clients")
	c.SetFlagErrorFunc(notDirective)
	c.Flags().StringVar(&o.StateDir, "state-dir", "", "where to note what is to be undone, and to be found by status, trace and capture (default "+hostnet.DefaultStateDir+")")
	c.Flags().StringVar(&o.Name, "name", "", "this process's name for status, trace and capture (default its role and adapter)")
	return c
}

func serverFile(dir string, args []string) (string, error) {
	switch {
	case dir != "" && len(args) == 0:
		file := filepath.Join(dir, "server.conf")
		if _, err := os.Stat(file); errors.Is(err, fs.ErrNotExist) {
			return "", fmt.Errorf("%s is no server's directory: it has no server.conf; make one by: culvert init --dir %s --host NAME", dir, dir)
		}
		return file, nil
	case dir == "" && len(args) == 1:
		return args[0], nil
	}
	return "", fmt.Errorf("serve takes either --dir D or a configuration file: %w", errUsage)
}
