package service

import (
	"cmp"
	"errors"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"culvert/access/auth"
	"culvert/access/auth/radius"
	"culvert/config"
	"culvert/operate/backend"
	"culvert/operate/history"
	"culvert/operate/history/accounting"
	"culvert/operate/history/track"
)

// openHistory opens the history of a server's sessions, before rights are given up; nil: it keeps
// none. It stays open over all configurations that this process goes by.
func openHistory(dir string, c *config.Config, log *slog.Logger) *history.Volume {
	if dir == "" || c.Mode != config.ModeServer || c.Records.HistoryOff {
		return nil
	}
	return history.OpenVolume(dir, log)
}

// closeHistory closes what openHistory opened.
func closeHistory(s *history.Volume, log *slog.Logger) {
	if s == nil {
		return
	}
	if err := s.Close(); err != nil {
		log.Warn("the history of sessions: " + err.Error())
	}
}

// sessionsOf has the sessions of a server kept and accounted for, each by a reader of its own. stop
// waits until what the server reported is written, once it has ended.
func sessionsOf(r roles, c *config.Config, s *backend.Server, know acquainted, sources []auth.Source, kept *recordings) (stop func()) {
	f := following{server: s, o: track.Options{Server: serverName(r.Name), Person: know.personOf()}}
	if r.history != nil {
		k := history.NewKeeper(r.history, historyOptions(c, r.log))
		if r.history.Trouble() != nil {
			k.Tick(time.Now()) // which says so at once, before a client has come
		}
		history.AddOperations(r.local.api, history.NewBook(r.history), k.Stats)
		f.begin(k, history.Every, k.Close)
		kept.add(func() backend.Record {
			s := k.Stats()
			return backend.Record{Name: "history", Lost: s.Lost, Trouble: s.Trouble}
		})
	}
	if write := accountingBy(r, c); write != nil {
		a := accounting.NewLog(write, r.log)
		f.begin(a, c.Records.AccountingInterval, a.Close)
		kept.add(accountingOf("accounting-log", a))
	}
	if len(c.Records.AccountingRADIUS) > 0 {
		a := accounting.NewRADIUS(newAccountant(c, r.log).Tell, classOf(sources), r.log)
		f.begin(a, c.Records.AccountingInterval, a.Close)
		kept.add(accountingOf("accounting-radius", a))
	}
	return f.wait
}

// recordings are what is kept and told of a server's sessions, for its status.
type recordings struct {
	mu  sync.Mutex
	all []func() backend.Record
}

func (r *recordings) add(fares func() backend.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.all = append(r.all, fares)
}

// fare is how each of them fares now.
func (r *recordings) fare() (all []backend.Record) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, fares := range r.all {
		all = append(all, fares())
	}
	return all
}

// accountingOf returns how accounting by a name fares.
func accountingOf(name string, by interface{ Stats() accounting.Stats }) func() backend.Record {
	return func() backend.Record {
		s := by.Stats()
		return backend.Record{Name: name, Lost: s.Lost, Trouble: s.Trouble}
	}
}

// following are those who follow the sessions of a server.
type following struct {
	server *backend.Server
	o      track.Options
	ended  []chan struct{}
}

// begin has one follow them, and ends it after the server has ended.
func (f *following) begin(who track.Follower, every time.Duration, end func()) {
	o, ended := f.o, make(chan struct{})
	o.Every = every
	reader := f.server.Events(history.Room)
	f.ended = append(f.ended, ended)
	go func() {
		defer close(ended)
		track.Follow(f.server, reader, who, o)
		end()
	}()
}

// wait waits until all have ended.
func (f *following) wait() {
	for _, ended := range f.ended {
		<-ended
	}
}

// serverName is how the server is called in what it keeps: as its process, or its host.
func serverName(process string) string {
	host, _ := os.Hostname()
	return cmp.Or(process, host)
}

// personOf returns what says whose a device is.
func (a acquainted) personOf() func(device string) string {
	if a.Accounts == nil {
		return nil
	}
	return func(device string) string {
		if d := a.Directory.View().ByCommonName(device); d != nil {
			return d.User
		}
		return ""
	}
}

func historyOptions(c *config.Config, log *slog.Logger) history.Options {
	r := c.Records
	return history.Options{Days: r.HistoryDays, Hide: history.Hide{Days: r.HideDays, Addresses: r.HideAddresses, Names: r.HideNames}, Log: log}
}

// accountingFile returns what appends to the accounting log of a configuration; nil: there is
// none. It opens the file each time, which may have been renamed meanwhile.
func accountingFile(c *config.Config) func(lines []byte) error {
	name := c.Records.AccountingLog
	if name == "" {
		return nil
	}
	return func(lines []byte) error {
		f, err := os.OpenFile(name, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return err
		}
		_, err = f.Write(lines)
		return errors.Join(err, f.Close())
	}
}

// accountingBy is accountingFile in this process, or by its keeper.
func accountingBy(r roles, c *config.Config) func(lines []byte) error {
	write := accountingFile(c)
	if write != nil && r.worker != nil {
		return r.worker.Account
	}
	return write
}

// newAccountant returns what tells RADIUS servers about sessions.
func newAccountant(c *config.Config, log *slog.Logger) *radius.Accountant {
	o := radius.Options{Name: c.Sources.RADIUSName, Log: log, Dial: dialer(c)}
	if o.Name == "" {
		o.Name, _ = os.Hostname()
	}
	for _, server := range c.Records.AccountingRADIUS {
		secret, _ := server.Secret.TwoLines()
		o.Servers = append(o.Servers, radius.Server{Address: server.Address, Secret: []byte(strings.TrimSpace(secret))})
	}
	return radius.NewAccountant(o)
}

// classOf returns what knows the classes that RADIUS servers gave with logins; nil: none is asked.
func classOf(sources []auth.Source) func(user, from string) [][]byte {
	for _, s := range sources {
		if s, ok := s.(*radius.Source); ok {
			return s.Class
		}
	}
	return nil
}
