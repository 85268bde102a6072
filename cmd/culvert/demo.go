package main

import (
	"os"

	"github.com/spf13/cobra"

	"culvert/host/process"
	"culvert/operate/demo"
)

func demoCommand() *cobra.Command {
	var kernel bool
	var mib int64
	c := &cobra.Command{
		Use:     "demo",
		Example: "  culvert demo",
		Short:   "Show a tunnel at work on this machine",
		Long: `Start a web server, a VPN server and a client, fetch a page and a large file
through the tunnel, compare their hashes, and draw the path with what each stop
measured.

It needs no root, no device and no network except loopback. With --kernel, as root,
it runs between network namespaces with TUN devices, and shows the client's routes
before, during and after. This host's own network stays as it is.`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			o := demo.Options{Out: c.OutOrStdout(), Terminal: process.Paints(os.Stdout), Size: mib << 20}
			if mib < 1 || mib > 1<<20 {
				return misused("--size %d: expected 1 to %d MiB", mib, 1<<20)
			}
			if !kernel {
				return demo.UserSpace(c.Context(), o)
			}
			if o.Program, err = os.Executable(); err != nil {
				return err
			}
			return demo.Kernel(c.Context(), o)
		},
	}
	c.Flags().BoolVar(&kernel, "kernel", false, "use TUN devices between network namespaces; needs root")
	c.Flags().Int64Var(&mib, "size", demo.DefaultSize>>20, "size of the large file in MiB")
	return c
}
