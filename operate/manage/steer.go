package manage

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"culvert/operate/backend"
	"culvert/operate/manage/api"
)

// pushUpdate asks for an update.
type pushUpdate struct{ Body backend.Update }

// use asks for another server.
type use struct{ Body Target }

// addSteering adds the operations that steer a tunnel. Roles that cannot do one say what
// they can do instead.
func addSteering(a *api.API, b backend.Backend) {
	post := func(path, group, summary string, errs ...api.Kind) api.Op {
		return api.Op{Method: http.MethodPost, Path: path, Group: group, Scope: api.Operate, Summary: summary, Errors: errs}
	}
	api.Add(a, post(UpdatePath, "sessions", "Change what was pushed to clients that are connected", api.Unsupported), func(_ context.Context, in *pushUpdate) (*backend.Updated, error) {
		done, err := b.PushUpdate(in.Body)
		switch {
		case errors.Is(err, backend.ErrUnsupported):
			return nil, api.Unsupported.Error(err.Error(), "")
		case err != nil:
			return nil, api.BadRequest.Error(err.Error(), "")
		}
		return &done, nil
	})
	api.Add(a, post(ReloadPath, "steering", "Read the configuration again, and go by it, as SIGHUP does"), func(context.Context, *api.None) (*api.None, error) {
		b.Reload()
		return nil, nil
	})
	api.Add(a, post(RestartPath, "steering", "Have all peers connect anew, as SIGUSR1 does"), func(context.Context, *api.None) (*api.None, error) {
		b.Restart()
		return nil, nil
	})
	api.Add(a, post(DisconnectPath, "steering", "End a client's process, and undo what it changed on its host", api.Unsupported), func(context.Context, *api.None) (*api.None, error) {
		s, err := steerable(b)
		if err == nil {
			s.Quit()
		}
		return nil, err
	})
	api.Add(a, post(ReconnectPath, "steering", "Have a client make a new connection to its server; answers when that is up, or has failed", api.Unsupported, api.Conflict),
		func(ctx context.Context, _ *api.None) (*backend.Used, error) {
			return moved(b, func(s backend.Steer) (backend.Used, error) { return s.Reconnect(ctx) })
		})
	api.Add(a, post(UsePath, "servers", "Have a client move to another of its servers; answers when it has, or has failed to", api.Unsupported, api.Conflict),
		func(ctx context.Context, in *use) (*backend.Used, error) {
			return moved(b, func(s backend.Steer) (backend.Used, error) { return s.Use(ctx, in.Body.Remote) })
		})
}

// moved has a client move.
func moved(b backend.Backend, move func(backend.Steer) (backend.Used, error)) (*backend.Used, error) {
	s, err := steerable(b)
	if err != nil {
		return nil, err
	}
	used, err := move(s)
	if err != nil {
		return nil, api.Conflict.Error(err.Error(), "")
	}
	return &used, nil
}

// steerable is a role that can be steered; the error says what others can do instead.
func steerable(b backend.Backend) (backend.Steer, error) {
	s, can := b.(backend.Steer)
	if can {
		return s, nil
	}
	if s := b.Status(); s.Role == "server" {
		return nil, api.Unsupported.Error(fmt.Sprintf("the process on %s is a server, and this steers clients", s.Adapter),
			"SIGTERM ends it, SIGUSR1 has its clients connect anew, and `kill NAME` on the management interface sends one of them away")
	}
	return nil, api.Unsupported.Error(fmt.Sprintf("the process on %s is one of two paired hosts, which has no other server to go to", b.Status().Adapter),
		"SIGTERM ends it, and SIGUSR1 has it connect anew")
}
