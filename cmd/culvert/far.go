package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"culvert/operate/manage"
	"culvert/operate/manage/tokens"
)

// The variables that take the place of flags of far.
const (
	apiVariable   = "CULVERT_API"
	tokenVariable = "CULVERT_TOKEN"
)

// far says which server on another machine a command is for.
type far struct{ url, tokenFile, caFile string }

// farFlags gives a command the flags of a server on another machine.
func (r *running) farFlags(c *cobra.Command) {
	c.Flags().StringVar(&r.far.url, "api", "", "ask a server on another machine at this `URL`, as https://vpn.example.org:8445 (api-listen there; default: $"+apiVariable+")")
	c.Flags().StringVar(&r.far.tokenFile, "token-file", "", "with --api: the `file` of the token that culvert token add made (default: what $"+tokenVariable+" holds)")
	c.Flags().StringVar(&r.far.caFile, "api-ca", "", "with --api: the `file` of the authority of the server's certificate, its ca.crt (default: those that this host trusts)")
	c.MarkFlagsMutuallyExclusive("api", "name")
	c.MarkFlagsMutuallyExclusive("api", "state-dir")
}

// dialFar makes a client of a server on another machine; nil: none is asked for. What names a
// process of this machine counts before the variable.
func (r *running) dialFar() (*manage.Client, error) {
	at := r.far.url
	if at == "" && r.name == "" {
		at = os.Getenv(apiVariable)
	}
	if at == "" {
		if r.far.tokenFile != "" || r.far.caFile != "" {
			return nil, misused("--token-file and --api-ca: expected --api URL as well")
		}
		return nil, nil
	}
	if r.name != "" {
		return nil, misused("--api %s: expected no name of a process of this machine", at)
	}
	f := manage.Far{URL: at}
	var err error
	if f.Token, err = r.far.token(); err != nil {
		return nil, err
	}
	if r.far.caFile != "" {
		if f.CA, err = os.ReadFile(r.far.caFile); err != nil {
			return nil, fmt.Errorf("--api-ca: %w", err)
		}
	}
	client, err := manage.DialFar(f)
	if err != nil {
		return nil, fmt.Errorf("--api: %w", err)
	}
	return client, nil
}

// token is what the file or the variable holds.
func (f far) token() (string, error) {
	if f.tokenFile == "" {
		held := os.Getenv(tokenVariable)
		if held == "" {
			return "", misused("--api: expected --token-file F, or the token in the variable %s", tokenVariable)
		}
		token, err := tokens.Clean([]byte(held))
		if err != nil {
			return "", fmt.Errorf("%s: %w", tokenVariable, err)
		}
		return token, nil
	}
	held, err := os.ReadFile(f.tokenFile)
	if err != nil {
		return "", fmt.Errorf("--token-file: %w", err)
	}
	token, err := tokens.Clean(held)
	if err != nil {
		return "", fmt.Errorf("--token-file %s: %w", f.tokenFile, err)
	}
	return token, nil
}
