package manage

import (
	"context"
	"net/http"

	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/manage/api"
)

// Configuration is what a process goes by.
type Configuration struct {
	Lines []Setting `json:"lines" nullable:"false" doc:"as they were read, then what the server pushed, then what holds by default"`
}

// Setting is a line of a configuration, or a default.
type Setting struct {
	Directive  string   `json:"directive" doc:"its name"`
	Arguments  []string `json:"arguments" nullable:"false" doc:"its values, without those that are withheld"`
	Source     string   `json:"source" enum:"file,command-line,server,default" doc:"where it is from"`
	File       string   `json:"file,omitempty" doc:"the file, as it was named"`
	Line       int      `json:"line,omitempty" doc:"the line in the file, or the number of the pushed option"`
	Block      bool     `json:"block,omitempty" doc:"it is given as a block, whose text is not here"`
	Connection bool     `json:"connection,omitempty" doc:"it is in a <connection> block, and counts for that server"`
	Withheld   bool     `json:"withheld,omitempty" doc:"values or a block are left out, since they are or may be secret"`
	Replaced   bool     `json:"replaced,omitempty" doc:"a later line sets the same, so that this one has no effect"`
	Form       string   `json:"form" doc:"how the directive is written"`
	Help       string   `json:"help" doc:"what it does"`
	// TakesEffect is of config.Takes.
	TakesEffect string `json:"takes_effect" enum:"reload,reload-anew,restart,server,never" doc:"when another value would: at a reload, while sessions go on; at a reload, and all start over; when the process is started again; when the server pushes another; or never, since it has no effect here"`
}

// ConfigurationOf is the settings of a configuration, with what a server told; nil: none did.
func ConfigurationOf(now, told *config.Config) *Configuration {
	out := &Configuration{Lines: []Setting{}}
	for _, s := range config.SettingsOf(now, told) {
		row, _ := config.Lookup(s.Name)
		line := Setting{Directive: s.Name, Arguments: append([]string{}, s.Args...), Block: s.Block, Connection: s.Connection, Withheld: s.Withheld, Replaced: s.Replaced,
			Form: row.Line(), Help: row.Help, TakesEffect: string(s.Takes(now))}
		switch {
		case s.IsDefault():
			line.Source = "default"
		case s.OnCommandLine():
			line.Source = "command-line"
		case s.Pushed():
			line.Source, line.Line = "server", s.Line
		default:
			line.Source, line.File, line.Line = "file", s.File, s.Line
		}
		out.Lines = append(out.Lines, line)
	}
	return out
}

// addConfiguration adds the operations that show what a role goes by, and where it leads.
func addConfiguration(a *api.API, b backend.Backend) {
	get := func(path, group, summary string) api.Op {
		return api.Op{Method: http.MethodGet, Path: path, Group: group, Scope: api.Read, Summary: summary, Errors: []api.Kind{api.Unsupported}}
	}
	api.Add(a, get(ConfigPath, "configuration", "Each directive by which the process goes, where it is from, and what it means; without secrets"),
		func(context.Context, *api.None) (*Configuration, error) {
			c, can := b.(backend.Explained)
			if !can {
				return nil, api.Unsupported.Error("this process has no configuration in OpenVPN's language", "")
			}
			return ConfigurationOf(c.Configuration()), nil
		})
	api.Add(a, get(RoutesPath, "routes", "Where packets go by the tunnel: a client's routes, or a server's networks and clients"),
		func(context.Context, *api.None) (*backend.Routes, error) {
			r, can := b.(backend.Router)
			if !can {
				return nil, api.Unsupported.Error("this process has no routes", "")
			}
			routes := r.Routes()
			return &routes, nil
		})
}
