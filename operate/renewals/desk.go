package renewals

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"log/slog"
	"sync"
	"time"

	"culvert/access/pki"
	"culvert/operate/setup"
	"culvert/role/server"
	"culvert/store"
)

// Sessions are a server's, as far as the certificates of its clients are renewed over them.
type Sessions interface {
	// Renewable, Tell and Report are server.Renewable, server.TellCertificate and
	// server.Report.
	Renewable() []server.About
	Tell(number uint64, commonName, text string)
	Report(server.Event)
}

// OfServer are the sessions of a server.
type OfServer struct{ Server *server.Server }

// Renewable implements Sessions.
func (o OfServer) Renewable() []server.About { return server.Renewable(o.Server) }

// Tell implements Sessions.
func (o OfServer) Tell(number uint64, commonName, text string) {
	server.TellCertificate(o.Server, number, commonName, text)
}

// Report implements Sessions.
func (o OfServer) Report(e server.Event) { server.Report(o.Server, e) }

const (
	// offering is how often it is looked whose certificate is due.
	offering = 10 * time.Second
	// offerAgain is how long one client waits for the next offer, and for the next order
	// that it may give.
	offerAgain = time.Hour
	// mostAsked bounds the requests that wait to be read.
	mostAsked = 64
)

// Desk offers the clients of a server new certificates in time, and takes their orders. It
// works in the process that has the sessions.
type Desk struct {
	store store.Store
	log   *slog.Logger
	asked chan asked

	mu      sync.Mutex
	offered map[string]offer // by common name
}

// offer is one that a client was made.
type offer struct {
	at    time.Time
	taken bool
}

// asked is what a client sends.
type asked struct {
	from server.About
	text string
}

// NewDesk returns the desk of a server with that store.
func NewDesk(s store.Store, log *slog.Logger) *Desk {
	return &Desk{store: s, log: log, asked: make(chan asked, mostAsked), offered: make(map[string]offer)}
}

// Ask takes what a client says of its certificate; server.Options.Certificates. One that
// was made no offer, or has taken it, is not heard.
func (d *Desk) Ask(from server.About, text string) {
	d.mu.Lock()
	o, made := d.offered[from.CommonName]
	if made = made && !o.taken; made {
		d.offered[from.CommonName] = offer{o.at, true}
	}
	d.mu.Unlock()
	if !made {
		return
	}
	select {
	case d.asked <- asked{from, text}:
	default: // it is offered again
	}
}

// Run offers and answers until ctx ends.
func (d *Desk) Run(ctx context.Context, s Sessions) {
	var answers sync.WaitGroup
	defer answers.Wait()
	answers.Go(func() { d.answer(ctx, s) })
	tick := time.NewTicker(offering)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-d.asked:
			if err := d.order(ctx, a); err != nil {
				d.log.Warn("a client's request for its next certificate is not taken", "client", a.from.Name, "error", err)
			}
		case now := <-tick.C:
			d.offer(s, now)
		}
	}
}

// offer offers a new certificate to those whose own is due.
func (d *Desk) offer(s Sessions, now time.Time) {
	for _, a := range s.Renewable() {
		if leaf := a.Applicant.Chain[0]; now.Before(setup.NextDue(leaf)) || now.After(leaf.NotAfter) {
			continue
		}
		d.mu.Lock()
		o, made := d.offered[a.CommonName]
		due := !made || now.Sub(o.at).Abs() >= offerAgain
		if due {
			d.offered[a.CommonName] = offer{at: now}
		}
		d.mu.Unlock()
		if due {
			s.Tell(a.Number, a.CommonName, "OFFER")
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for name, o := range d.offered {
		if now.Sub(o.at).Abs() >= 2*offerAgain {
			delete(d.offered, name)
		}
	}
}

// order puts a client's request into the store.
func (d *Desk) order(ctx context.Context, a asked) error {
	request, err := parseAsked(a.text, a.from.CommonName)
	if err != nil {
		return err
	}
	o := order{Name: a.from.CommonName, Number: a.from.Number, Asked: time.Now(), Shown: a.from.Applicant.Chain[0].Raw, Request: request}
	put, err := o.put()
	if err == nil {
		_, err = d.store.Commit(ctx, store.Txn{Put: []store.Put{put}})
	}
	return err
}

// answer hands answers over to clients.
func (d *Desk) answer(ctx context.Context, s Sessions) {
	for ctx.Err() == nil {
		err := each(ctx, d.store, func(ctx context.Context, e store.Entry, o *order) error {
			if !o.answered() {
				return nil
			}
			d.handOver(s, o)
			return ignoreConflict(d.store.Commit(ctx, store.Txn{If: []store.Compare{{Key: e.Key, Revision: e.Revision}}, Delete: []string{e.Key}}))
		})
		if err != nil && ctx.Err() == nil {
			d.log.Warn("clients do not get their next certificates for a moment", "error", err)
			pause(ctx)
		}
	}
}

// handOver gives a client the answer to its order.
func (d *Desk) handOver(s Sessions, o *order) {
	if o.Refused != "" {
		s.Tell(o.Number, o.Name, "REFUSED,"+o.Refused)
		return
	}
	next, err := x509.ParseCertificate(o.Certificate)
	if err != nil {
		d.log.Warn("the next certificate of a client cannot be read", "client", o.Name, "error", err)
		return
	}
	s.Tell(o.Number, o.Name, "NEW,"+base64.StdEncoding.EncodeToString(o.Certificate))
	for _, a := range s.Renewable() {
		if a.Number == o.Number && a.CommonName == o.Name {
			s.Report(server.Certified{About: a, Next: pki.SerialHex(next), Ends: next.NotAfter})
		}
	}
}
