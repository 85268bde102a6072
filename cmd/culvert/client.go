package main

import "github.com/spf13/cobra"

func clientCommand() *cobra.Command {
	c := &cobra.Command{Use: "client", Example: "  culvert client add laptop --dir /etc/culvert -o laptop.ovpn", Short: "Manage the clients of a server", Args: cobra.NoArgs,
		FParseErrWhitelist: cobra.FParseErrWhitelist{UnknownFlags: true}, // the command before them is the mistake
		RunE:               func(c *cobra.Command, _ []string) error { return c.Help() }}
	c.AddCommand(clientAddCommand(), clientListCommand(), clientRevokeCommand(), clientRenewCommand())
	return c
}

// outputFile is the name of an output file, "" for standard output.
func outputFile(output string) string {
	if output == "-" {
		return ""
	}
	return output
}
