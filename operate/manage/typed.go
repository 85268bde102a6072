package manage

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"culvert/operate/backend"
	"culvert/operate/manage/api"
	"culvert/operate/manage/recent"
)

// Servers asks a client for the table of its servers.
func (c *Client) Servers(ctx context.Context) ([]backend.Measured, error) {
	s, err := answered[Servers](ctx, c, http.MethodGet, ServersPath, nil)
	return s.Servers, err
}

// Session asks for a session, and what happened to it.
func (c *Client) Session(ctx context.Context, number uint64) (Life, error) {
	return answered[Life](ctx, c, http.MethodGet, sessionPath(number), nil)
}

// SendAway asks a server to end a client's session. See backend.Backend's Disconnect.
func (c *Client) SendAway(ctx context.Context, number uint64, message string) error {
	path := sessionPath(number)
	if message != "" {
		path += "?" + url.Values{"message": {message}}.Encode()
	}
	return c.Tell(ctx, http.MethodDelete, path, nil)
}

func sessionPath(number uint64) string {
	return strings.Replace(SessionPath, "{number}", strconv.FormatUint(number, 10), 1)
}

// Rates asks for bytes and sessions of the last minutes.
func (c *Client) Rates(ctx context.Context) (recent.Rates, error) {
	return answered[recent.Rates](ctx, c, http.MethodGet, RatesPath, nil)
}

// Drops asks for the packets that were dropped.
func (c *Client) Drops(ctx context.Context) (Drops, error) {
	return answered[Drops](ctx, c, http.MethodGet, DropsPath, nil)
}

// PushUpdate asks a server to change what it pushed.
func (c *Client) PushUpdate(ctx context.Context, u backend.Update) (backend.Updated, error) {
	return answered[backend.Updated](ctx, c, http.MethodPost, UpdatePath, u)
}

// Reload asks a process to read its configuration again.
func (c *Client) Reload(ctx context.Context) error {
	return c.Tell(ctx, http.MethodPost, ReloadPath, nil)
}

// Restart asks a process to have all its peers connect anew.
func (c *Client) Restart(ctx context.Context) error {
	return c.Tell(ctx, http.MethodPost, RestartPath, nil)
}

// Disconnect asks a client to end: it says goodbye and undoes what it changed on its host.
func (c *Client) Disconnect(ctx context.Context) error {
	return c.Tell(ctx, http.MethodPost, DisconnectPath, nil)
}

// Reconnect asks a client for a new connection to the same server.
func (c *Client) Reconnect(ctx context.Context) (backend.Used, error) {
	return answered[backend.Used](ctx, c, http.MethodPost, ReconnectPath, nil)
}

// Use asks a client to move to another of its remotes.
func (c *Client) Use(ctx context.Context, remote string) (backend.Used, error) {
	return answered[backend.Used](ctx, c, http.MethodPost, UsePath, Target{remote})
}

// Document asks for the OpenAPI document of a process.
func (c *Client) Document(ctx context.Context) ([]byte, error) {
	answer, err := c.Do(ctx, http.MethodGet, api.DocumentPath, nil)
	if err != nil {
		return nil, err
	}
	defer answer.Close()
	return io.ReadAll(answer)
}

// Tell is Do for an operation that answers with nothing.
func (c *Client) Tell(ctx context.Context, method, path string, body any) error {
	answer, err := c.Do(ctx, method, path, body)
	if err != nil {
		return err
	}
	return answer.Close()
}

// Messages gives each message of a stream to tell, until ctx ends, the process or tell
// fails, or the stream has ended.
func (c *Client) Messages(ctx context.Context, path string, tell func(id, event string, data []byte) error) error {
	answer, err := c.Stream(ctx, path)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	return c.messages(ctx, answer.Body, tell)
}

func (c *Client) messages(ctx context.Context, r io.Reader, tell func(id, event string, data []byte) error) error {
	var refused error
	err := api.ReadMessages(r, func(id, event string, data []byte) error {
		refused = tell(id, event, data)
		return refused
	})
	switch {
	case err == nil || refused != nil:
		return refused
	case ctx.Err() != nil:
		return nil
	}
	return fmt.Errorf("%s is gone: %w", c.name, err)
}

// Follow asks a server, client or host how it is, calls begin with that, and then
// tell for each event, until ctx ends, one of the two fails, or the tunnel has
// ended. No event after the status is missing. One that happened while the status was
// asked for may be in it already.
func (c *Client) Follow(ctx context.Context, begin func(backend.Status) error, tell func(backend.Event) error) error {
	answer, err := c.Stream(ctx, EventsPath)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	status, err := c.Status(ctx)
	if err != nil {
		return err
	}
	if err := begin(status); err != nil {
		return err
	}
	return c.messages(ctx, answer.Body, func(_, name string, data []byte) error {
		e, err := eventOf(name, data)
		if err != nil {
			return err
		}
		return tell(e)
	})
}

// eventOf is the event of a message of EventsPath.
func eventOf(name string, data []byte) (e backend.Event, err error) {
	switch name {
	case eventMessage:
		err = json.Unmarshal(data, &e)
	case missedMessage:
		var m Missed
		err = json.Unmarshal(data, &m)
		e = backend.Event{Time: m.Time, Kind: backend.Missed, Count: m.Count}
	case "error":
		var refusal api.Error
		if err = json.Unmarshal(data, &refusal); err == nil {
			err = &refusal
		}
	default:
		err = errors.New("an event of the name " + strconv.Quote(name) + ", which this program does not know")
	}
	return e, err
}
