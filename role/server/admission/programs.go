package admission

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"culvert/access"
	"culvert/access/auth"
	"culvert/access/hooks"
	"culvert/config"
	"culvert/role/profile"
	"culvert/session"
)

// programs are those that run while clients come and go: client-connect,
// client-disconnect and learn-address; nil: not given. For one client, and for one
// name, they run in order; nobody else waits for them.
type programs struct {
	connect, disconnect, learn *hooks.Program
	order                      *hooks.Order
	log                        *slog.Logger
}

func newPrograms(c *config.Config, run hooks.Options) (p programs, err error) {
	p.order, p.log = new(hooks.Order), cmp.Or(run.Log, slog.Default())
	for _, one := range []struct {
		to        **hooks.Program
		directive string
		command   []string
	}{
		{&p.connect, "client-connect", c.Server.ClientConnect},
		{&p.disconnect, "client-disconnect", c.Server.ClientDisconnect},
		{&p.learn, "learn-address", c.Server.LearnAddress},
	} {
		if one.command == nil {
			continue
		}
		if *one.to, err = profile.NewProgram(c, one.directive, one.command, run); err != nil {
			return p, err
		}
	}
	return p, nil
}

// Learns reports whether learn-address decides about addresses.
func (a *Admission) Learns() bool { return a.programs.learn != nil }

// Scripts are a visit's part in the programs that run while clients come and go.
type Scripts struct{ visit *Visit }

// Scripts returns the visit's part in the programs that run while clients come and go.
func (v *Visit) Scripts() Scripts { return Scripts{v} }

// Place is where a client is to be in the server's network.
type Place struct {
	Unique bool // no other client may have its name
	// Addresses are its inner addresses, which nobody else can have at the same time.
	Addresses []string
	Since     time.Time
	// Tell sets the variables about its inner addresses.
	Tell func(*hooks.Env)
}

// Arrive runs client-connect for a client that said h, and has a name, settings and a place, and
// calls done on the control goroutine, at once or later, unless the visit ends before.
// The program may add to settings, which done gets, or refuse. Programs for an earlier
// client of that name, which is gone or has to leave, come to their end first.
func (s Scripts) Arrive(now time.Time, h *session.Hello, settings *config.PerClient, at Place, done func(now time.Time, d Decision)) {
	v := s.visit
	p := &v.admission.programs
	v.arrived = true
	env := v.Applicant().Env.Clone()
	setName(env, v.Identity().Name)
	env.SetAddress("trusted", v.door.Remote())
	at.Tell(env)
	env.Set("time_ascii", at.Since.Format(time.DateTime))
	env.SetInt("time_unix", at.Since.Unix())
	v.change(func(a *access.Applicant) { a.Env = env })
	if p.connect == nil && p.disconnect == nil && p.learn == nil {
		done(now, Decision{Settings: settings})
		return
	}
	v.turn = p.order.Enter(s.keyOf(at))
	turn := v.turn
	v.put(now, true, func(ctx context.Context, _ func(auth.Pending)) Decision {
		if err := turn.Wait(ctx); err != nil {
			return Decision{Refusal: &access.Refusal{Cause: err, By: access.ByProgram}}
		}
		return s.connect(ctx, env, settings)
	}, func(now time.Time, d Decision) {
		if d.Refusal == nil && d.Settings.OverrideUsername != settings.OverrideUsername {
			v.take(h, d.Settings.OverrideUsername)
			d.Token = v.issue(now)
		}
		done(now, d)
	})
}

// keyOf returns what a client shares with the next one for which programs must wait:
// its name, if it is the only one to have it.
func (s Scripts) keyOf(at Place) string {
	v := s.visit
	if at.Unique {
		return "name " + v.Identity().Name
	}
	return fmt.Sprintf("number %d", v.number)
}

// The files of a run of client-connect, by the variables that name them.
const (
	configFile   = "client_connect_config_file"
	deferredFile = "client_connect_deferred_file"
)

// maxConfig is how much is read of a client's configuration, bytes.
const maxConfig = 1 << 20

// connect runs client-connect, waits for its decision if it defers it, and returns
// settings with what it adds, or its refusal.
func (s Scripts) connect(ctx context.Context, env *hooks.Env, settings *config.PerClient) Decision {
	v := s.visit
	a := v.admission
	if a.programs.connect == nil {
		return Decision{Settings: settings}
	}
	scratch, err := hooks.NewScratch(a.cfg.Process.TmpDir)
	if err != nil {
		return refusedBy(err)
	}
	defer scratch.Remove()
	env = env.Clone()
	env.Set("script_type", hooks.ScriptType("client-connect"))
	for _, name := range []string{configFile, deferredFile} {
		if err := scratch.Write(name, ""); err != nil {
			return refusedBy(err)
		}
		env.Set(name, scratch.Path(name))
	}
	status, left, err := a.programs.connect.RunGroup(ctx, session.Source(v.door.Remote().Addr()), env, scratch.Path(configFile))
	if err == nil && status != 0 {
		err = fmt.Errorf("client-connect: %s ended with %d", a.cfg.Server.ClientConnect[0], status)
	}
	if err == nil {
		err = a.awaitConnect(ctx, scratch, left)
	}
	if err != nil {
		return refusedBy(err)
	}
	return a.addConfig(scratch, settings, v.Identity().Name)
}

// refusedBy is the decision to refuse a client, which OpenVPN tells no more than that.
func refusedBy(err error) Decision {
	return Decision{Refusal: &access.Refusal{Cause: err, By: access.ByProgram}}
}

// awaitConnect waits as long as client-connect has its decision deferred (2). left is
// what it left running to decide, which ends with ctx.
func (a *Admission) awaitConnect(ctx context.Context, scratch hooks.Scratch, left hooks.Group) error {
	began, tick := time.Now(), time.NewTicker(100*time.Millisecond)
	defer tick.Stop()
	for deferred := false; ; {
		switch word := strings.TrimSpace(scratch.Read(deferredFile)); {
		case word == "" && deferred: // a shell empties the file before it writes the decision
		case word == "", word == "1":
			return nil
		case word == "0":
			return errors.New("client-connect: its program refused the client in " + deferredFile)
		case word == "2":
			deferred = true
		default:
			return fmt.Errorf("client-connect: %s says %.20q; it takes 0 (refuse), 1 (admit) or 2 (wait)", deferredFile, word)
		}
		select {
		case <-ctx.Done():
			left.Kill()
			return &hooks.OverdueError{What: a.programs.connect.String(), Deferred: deferredFile, After: time.Since(began), Err: ctx.Err()}
		case <-tick.C:
		}
	}
}

// addConfig adds what client-connect wrote to a client's settings. With a faulty line
// the client is refused: half of it could allow more than its author meant.
func (a *Admission) addConfig(scratch hooks.Scratch, settings *config.PerClient, client string) Decision {
	text, more := scratch.ReadAll(configFile, maxConfig)
	if more {
		return refusedBy(fmt.Errorf("client-connect: it wrote more than %d bytes of configuration for the client", maxConfig))
	}
	own := *settings
	if err := config.AddPerClient(a.cfg, &own, "client-connect", text); err != nil {
		return refusedBy(&SettingsError{"what client-connect wrote for the client has errors, and it is refused", err})
	}
	if own.Disable {
		return refusedBy(&SettingsError{Text: "client-connect wrote `disable` for the client"})
	}
	a.remark(own.Notes[len(settings.Notes):], client)
	return Decision{Settings: &own}
}

// maxRemarks is how many lines for one client are remarked on.
const maxRemarks = 20

// remark logs what has no effect of lines that were added for a client that connects.
func (a *Admission) remark(notes []config.Note, client string) {
	for i, n := range notes {
		if i == maxRemarks {
			a.programs.log.Warn(fmt.Sprintf("%d more lines for the client call for a remark", len(notes)-i), "client", client)
			return
		}
		a.programs.log.Warn(n.Pos.String()+": "+n.Text, "client", client)
	}
}

// Place notes where the client is in the end, for what programs are told.
func (s Scripts) Place(at Place) {
	env := s.visit.Applicant().Env.Clone()
	at.Tell(env)
	s.visit.change(func(a *access.Applicant) { a.Env = env })
}

// Learn asks learn-address about addresses that are to lead to the client, in order,
// and calls done on the control goroutine, at once or later, unless the visit ends
// before, with why some do not. known reports whether an address leads to another
// client now.
func (s Scripts) Learn(now time.Time, at Place, addresses []string, known func(address string) bool, done func(now time.Time, refused map[string]error)) {
	v := s.visit
	s.Place(at)
	env := v.Applicant().Env
	p, name := v.admission.programs.learn, v.Identity().Name
	if p == nil {
		done(now, nil)
		return
	}
	refused := make(map[string]error)
	keys := make([]string, len(at.Addresses))
	for i, a := range at.Addresses {
		keys[i] = "address " + a
	}
	v.leases.Done() // of an earlier place
	v.leases = v.admission.programs.order.Enter(keys...)
	turn := v.leases
	v.put(now, true, func(ctx context.Context, _ func(auth.Pending)) Decision {
		if turn.Wait(ctx) != nil {
			return Decision{}
		}
		for _, address := range addresses {
			word := "add"
			if known(address) {
				word = "update"
			}
			if err := s.learn(ctx, env, word, address, name); ctx.Err() != nil {
				return refusedBy(err)
			} else if err != nil {
				refused[address] = err
			}
		}
		return Decision{}
	}, func(now time.Time, _ Decision) { done(now, refused) })
}

// Station runs learn-address for a station that shows itself behind the client, beside
// whatever calls it, and then done; word is add or update.
func (s Scripts) Station(word, address string, done func(err error)) {
	v := s.visit
	env := v.Applicant().Env
	v.admission.running.Go(func() { done(s.learn(v.ctx, env, word, address, v.Identity().Name)) })
}

// Forget runs learn-address for an address that was admitted and leads to the client no
// more, or was admitted when its client was gone already.
func (s Scripts) Forget(address string) {
	s.complain(s.learn(s.visit.admission.last, nil, "delete", address))
}

// Silent is Forget for a station that was silent for long, beside whatever calls it; done
// is called then.
func (s Scripts) Silent(address string, done func()) {
	s.visit.admission.running.Go(func() {
		s.Forget(address)
		done()
	})
}

// learn runs learn-address once.
func (s Scripts) learn(ctx context.Context, env *hooks.Env, args ...string) error {
	v := s.visit
	status, err := v.admission.programs.learn.Run(ctx, session.Source(v.door.Remote().Addr()), env, args...)
	if err == nil && status != 0 {
		err = fmt.Errorf("learn-address: %s ended with %d", v.admission.cfg.Server.LearnAddress[0], status)
	}
	return err
}

// Farewell is what a client's session came to.
type Farewell struct {
	BytesIn, BytesOut uint64        // received and sent
	Duration          time.Duration // of its session
	Addresses         []string      // that led to it
}

// Leave runs client-disconnect, and learn-address for each address, for a client that is
// gone, and for which Arrive was called. Nobody waits for them except the next client of
// its name.
func (s Scripts) Leave(f Farewell) {
	v := s.visit
	if v.applicant.Load() == nil {
		return // nobody has heard of it
	}
	env := v.Applicant().Env.Clone()
	env.SetAddress("trusted", v.door.Remote())
	env.SetInt("bytes_received", int64(f.BytesIn))
	env.SetInt("bytes_sent", int64(f.BytesOut))
	env.SetInt("time_duration", int64(f.Duration/time.Second))
	v.change(func(a *access.Applicant) { a.Env = env })
	p := &v.admission.programs
	if !v.arrived || p.disconnect == nil && p.learn == nil {
		v.turn.Done()
		v.leases.Done()
		return
	}
	ctx, turn, leases := v.admission.last, v.turn, v.leases
	v.admission.running.Go(func() {
		defer turn.Done()
		defer leases.Done()
		if turn.Wait(ctx) != nil {
			return
		}
		if p.disconnect != nil {
			status, err := p.disconnect.Run(ctx, session.Source(v.door.Remote().Addr()), env)
			if err == nil && status != 0 {
				err = fmt.Errorf("client-disconnect: %s ended with %d", v.admission.cfg.Server.ClientDisconnect[0], status)
			}
			s.complain(err)
		}
		for _, address := range f.Addresses {
			if p.learn != nil { // with no variables, as with OpenVPN
				s.complain(s.learn(ctx, nil, "delete", address))
			}
		}
	})
}

// complain logs what went wrong with a program whose client is gone.
func (s Scripts) complain(err error) {
	v := s.visit
	if err != nil {
		v.admission.programs.log.Warn("a program failed", "client", v.Identity().Name, "error", err)
	}
}
