package renewals

import (
	"context"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"log/slog"
	"sync"
	"time"

	"culvert/access/pki"
	"culvert/operate/orders"
	"culvert/operate/setup"
	"culvert/role/server"
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
	// mostAsked bounds the requests that wait to be read, and mostOrdered those that are
	// being carried out.
	mostAsked   = 64
	mostOrdered = 4
)

// Desk offers the clients of a server new certificates in time, and takes their orders. It
// works in the process that has the sessions.
type Desk struct {
	asker *orders.Asker
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

// NewDesk returns the desk of a server that gives orders by an asker.
func NewDesk(a *orders.Asker, log *slog.Logger) *Desk {
	return &Desk{asker: a, log: log, asked: make(chan asked, mostAsked), offered: make(map[string]offer)}
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
	var waiting sync.WaitGroup
	defer waiting.Wait()
	for range mostOrdered {
		waiting.Go(func() { d.take(ctx, s) })
	}
	tick := time.NewTicker(offering)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			d.offer(s, now)
		}
	}
}

// take has what clients ask for carried out, one after the other.
func (d *Desk) take(ctx context.Context, s Sessions) {
	for {
		select {
		case <-ctx.Done():
			return
		case a := <-d.asked:
			d.order(ctx, s, a)
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

// order has a client's request carried out, and gives it the answer.
func (d *Desk) order(ctx context.Context, s Sessions, a asked) {
	request, err := parseAsked(a.text, a.from.CommonName)
	if err != nil {
		d.log.Warn("a client's request for its next certificate is not taken", "client", a.from.Name, "error", err)
		return
	}
	var done issued
	o := order{Name: a.from.CommonName, Shown: a.from.Applicant.Chain[0].Raw, Request: request}
	err = d.asker.Ask(ctx, OrderKind, orders.Caller{}, o, &done)
	if refused := new(orders.Fault); errors.As(err, &refused) {
		s.Tell(a.from.Number, a.from.CommonName, "REFUSED,"+refused.Message)
		return
	}
	var next *x509.Certificate
	if err == nil {
		next, err = x509.ParseCertificate(done.Certificate)
	}
	if err != nil {
		if ctx.Err() == nil {
			d.log.Warn("a client does not get its next certificate; it is offered one again", "client", a.from.Name, "error", err)
		}
		return
	}
	s.Tell(a.from.Number, a.from.CommonName, "NEW,"+base64.StdEncoding.EncodeToString(next.Raw))
	for _, in := range s.Renewable() {
		if in.Number == a.from.Number && in.CommonName == a.from.CommonName {
			s.Report(server.Certified{About: in, Next: pki.SerialHex(next), Ends: next.NotAfter})
		}
	}
}
