package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"culvert/operate/hub"
	"culvert/operate/manage/capture"
	"culvert/operate/manage/filter"
)

func captureCommand() *cobra.Command {
	var r running
	var at, file string
	var count uint
	c := &cobra.Command{
		Use:   "capture --at nic|link|hub:PORT [FILTER] -o FILE",
		Short: "Write a running process's packets to a file for Wireshark",
		Long: `Write the packets at one place of a running process to a pcapng file, until
Ctrl-C. The place is nic, the virtual adapter; link, the sockets; or hub:PORT, a
port of culvert hub.

FILTER chooses from the packets at that place, in tcpdump's syntax. Each packet's
comment names the peer, and says why the packet was dropped if it was.`,
		Example: `  culvert capture --at nic -o inside.pcapng
  culvert capture --at link udp -o - | wireshark -k -i -`,
		RunE: func(c *cobra.Command, args []string) error {
			if err := filter.Check(args); err != nil {
				return usageError{err}
			}
			dial := r.dial
			if strings.HasPrefix(at, hub.CaptureAt) {
				dial = r.hub
			}
			client, err := dial()
			if err != nil {
				return err
			}
			q := query(args, count)
			q.Set("at", at)
			answer, err := client.Stream(c.Context(), capture.Path+"?"+q.Encode())
			if err != nil {
				return err
			}
			defer answer.Body.Close()
			fmt.Fprintf(c.ErrOrStderr(), "capturing at %s of %s, until Ctrl-C\n", at, client.Name())
			if err := capture.Save(file, answer.Body, c.OutOrStdout()); err != nil {
				return err
			}
			lost := ""
			if n := answer.Trailer.Get(capture.LostField); n != "0" {
				lost = fmt.Sprintf("; %s more are missing, since they came faster than they could be written: use a narrower filter", n)
			}
			fmt.Fprintf(c.ErrOrStderr(), "%s packets%s\n", answer.Trailer.Get(capture.PacketsField), lost)
			return nil
		},
	}
	c.Flags().StringVar(&at, "at", "", "the place: nic, link or hub:PORT")
	c.Flags().StringVarP(&file, "output", "o", "", "the file to write; - is standard output")
	c.Flags().UintVar(&count, "count", 0, "stop after this many packets")
	c.MarkFlagRequired("at")
	c.MarkFlagRequired("output")
	r.flags(c)
	r.farFlags(c)
	return c
}
