package main

import (
	"encoding/json"

	"github.com/spf13/cobra"

	"culvert/operate/hub"
	"culvert/operate/manage"
)

// running says which running process a command is for.
type running struct {
	name, dir string
	far       far // where the command has farFlags
}

func (r *running) flags(c *cobra.Command) {
	c.Flags().StringVar(&r.name, "name", "", "which process, such as server-tun0 (default: the only one)")
	stateDirFlag(c, &r.dir)
}

// stateDirFlag adds --state-dir to a command that asks running processes.
func stateDirFlag(c *cobra.Command, dir *string) {
	c.Flags().StringVar(dir, "state-dir", manage.DefaultDir(), "where running processes have their sockets")
}

// named takes the name of a process from the words of a command line, if there is one.
func (r *running) named(args []string) error {
	if len(args) == 0 {
		return nil
	}
	if r.name != "" && r.name != args[0] {
		return misused("the process is named twice, as %s and as %s", args[0], r.name)
	}
	r.name = args[0]
	return nil
}

func (r *running) dial() (*manage.Client, error) {
	if c, err := r.dialFar(); c != nil || err != nil {
		return c, err
	}
	return manage.Dial(r.dir, "", r.name)
}

// dialNamed is dial for a command that may name the process by a word.
func (r *running) dialNamed(args []string) (*manage.Client, error) {
	if err := r.named(args); err != nil {
		return nil, err
	}
	return r.dial()
}

// hub is as dial, but finds a hub.
func (r *running) hub() (*manage.Client, error) {
	c, err := hub.Dial(r.dir, r.name)
	return c.Client, err
}

// printed prints what a process answered, as JSON or as text.
func printed(c *cobra.Command, asJSON bool, answer interface{ Append([]byte) []byte }) error {
	if asJSON {
		return json.NewEncoder(c.OutOrStdout()).Encode(answer)
	}
	_, err := c.OutOrStdout().Write(answer.Append(nil))
	return err
}
