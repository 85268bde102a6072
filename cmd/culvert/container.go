package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/spf13/cobra"

	"culvert/config"
	"culvert/host/process"
	"culvert/operate/container"
	"culvert/operate/doctor"
	"culvert/operate/service"
)

func containerCommand(me service.Self) *cobra.Command {
	c := &cobra.Command{
		Use:     "container",
		Example: "  CULVERT_HOST=vpn.example.org culvert container",
		Short:   "Run a server as variables of the environment say, making it first",
		Long: `Run a server in a container. Variables of the environment say how. The first start
makes a directory with authority, keys and configuration, as culvert init does; later
starts follow what has changed in the variables, unless somebody edited server.conf.

` + variables(),
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			s, err := container.Read(os.Environ(), process.ReadFile)
			if err != nil {
				return err
			}
			os.Stderr = os.Stdout // where containers are expected to write their log
			if !me.IsWorker() {
				log, _, flush := service.TerminalLog()
				err := s.Prepare(time.Now(), rand.Reader, log)
				flush()
				if err != nil {
					return err
				}
			}
			file, err := serverFile(s.Dir, nil)
			if err != nil {
				return err
			}
			o := service.Options{Forward: true, Unprivileged: true, UserSpace: os.Geteuid() != 0}
			if s.UserSpace != nil {
				o.UserSpace = *s.UserSpace
			}
			keptIn(&o, s.Dir)
			o.Examine = func(ctx context.Context, now func() *config.Config, log *slog.Logger) {
				lookingAfter(ctx, doctor.Options{Dir: s.Dir, StateDir: o.StateDir}, now, log)
			}
			return service.Run(unsignalled(c.Context()), me, serverLoader(file, s.Dir, s.AllowLAN), o)
		},
	}
	return c
}

// variables lists them for the help.
func variables() string {
	text := "Each variable can be given as NAME_FILE, too, the path of a file with the value.\n\n"
	for _, v := range container.Variables {
		text += fmt.Sprintf("  %-18s %s\n", v.Name, v.Help)
	}
	return text
}
