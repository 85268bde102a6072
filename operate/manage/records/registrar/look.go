package registrar

import (
	"context"
	"slices"
	"strings"
	"time"

	"culvert/access/audit"
	"culvert/operate/orders"
	"culvert/operate/setup"
)

const (
	// listAge is for how long the list of certificates is kept, which has a file for each
	// client, and healthAge for how long the doctor's findings are.
	listAge   = 10 * time.Second
	healthAge = 30 * time.Second
)

// kept is something that costs, for as long as it is good.
type kept[T any] struct {
	at    time.Time
	value *T
}

// get returns what is kept, or makes it anew. Those of one lane come one after the other.
func (k *kept[T]) get(r *Registrar, age time.Duration, make func() (*T, error)) (*T, error) {
	r.mu.Lock()
	value, at := k.value, k.at
	r.mu.Unlock()
	began := r.Now()
	if value != nil && began.Sub(at).Abs() < age {
		return value, nil
	}
	value, err := make()
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	k.value, k.at = value, began
	return value, nil
}

// forget has certificates read anew.
func (r *Registrar) forget() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.known.value = nil
}

// clientList is what is known of all clients' certificates.
type clientList struct {
	clients []setup.ClientInfo // by name
	problem string
}

func (r *Registrar) certificates(_ context.Context, _ *orders.Order, q CertificatesQuery) (*Certificates, error) {
	now := r.Now()
	dates, err := setup.Dates(r.Dir, now)
	if err != nil {
		return nil, err
	}
	list, err := r.known.get(r, listAge, func() (*clientList, error) {
		clients, problem, err := setup.Clients(r.Dir, now)
		return &clientList{clients, problem}, err
	})
	if err != nil {
		return nil, err
	}
	c := &Certificates{At: now.UTC(), Server: []Certificate{}, Clients: []Certificate{}, Total: len(list.clients), Problem: list.problem}
	for _, d := range dates {
		one := Certificate{Kind: d.Kind, Name: d.Name, From: d.From, Until: d.Until, State: stateAt(d.Until, now)}
		if one.State != setup.Valid || d.Kind == "authority" {
			one.Mend = d.Renew
		}
		c.Server = append(c.Server, one)
	}
	limit := q.Limit
	if limit <= 0 || limit > MaxCertificates {
		limit = MaxCertificates
	}
	from, _ := slices.BinarySearchFunc(list.clients, q.After, func(c setup.ClientInfo, name string) int {
		if c.Name <= name {
			return -1
		}
		return 1
	})
	for _, client := range list.clients[from:] {
		if len(q.Names) > 0 && !slices.Contains(q.Names, client.Name) || q.State != "" && client.State != q.State {
			continue
		}
		if len(c.Clients) == limit {
			c.Next = c.Clients[limit-1].Name
			break
		}
		c.Clients = append(c.Clients, certificateOf(client))
	}
	return c, nil
}

func certificateOf(c setup.ClientInfo) Certificate {
	one := Certificate{Kind: "client", Name: c.Name, From: c.From, Until: c.Expires, State: c.State, Serials: c.Serials, Ready: c.Ready != ""}
	if c.IsDevice() {
		one.Kind = "device"
	}
	if c.State == setup.Expiring || c.State == setup.Expired || c.State == setup.Untrusted {
		one.Mend = c.Renew(".")
	}
	return one
}

// stateAt is the state of what ends at a time.
func stateAt(until, now time.Time) string {
	switch left := until.Sub(now); {
	case left < 0:
		return setup.Expired
	case left < 30*24*time.Hour:
		return setup.Expiring
	}
	return setup.Valid
}

func (r *Registrar) health(ctx context.Context, _ *orders.Order, _ struct{}) (*Health, error) {
	h, err := r.found.get(r, healthAge, func() (*Health, error) { return r.Examine(ctx) })
	if err != nil {
		return nil, err
	}
	return h, nil
}

func (r *Registrar) audit(ctx context.Context, _ *orders.Order, q AuditQuery) (*Audit, error) {
	limit := q.Limit
	if limit <= 0 || limit > MaxAudit {
		limit = MaxAudit
	}
	page, err := r.Audit.Read(ctx, audit.Query{After: q.After, Limit: limit, Match: func(e *audit.Entry) bool {
		return (q.What == "" || e.What == q.What) && (q.Name == "" || about(e, q.Name)) && !e.At.Before(q.Since)
	}, Since: q.Since})
	if err != nil {
		return nil, err
	}
	return &Audit{Entries: page.Entries, Next: page.Next}, nil
}

// about reports whether an entry is about a name, or what it changed.
func about(e *audit.Entry, name string) bool {
	if e.User == name || e.Client == name || e.By == name {
		return true
	}
	return slices.ContainsFunc(e.Changes, func(c audit.Change) bool {
		_, rest, _ := strings.Cut(c.Key, "/")
		return rest == name || strings.HasPrefix(rest, name+"/")
	})
}

// MaxAudit is the most lines of the audit log in one answer.
const MaxAudit = 500

// Audit are lines of the audit log.
type Audit struct {
	Entries []audit.Entry `json:"entries" nullable:"false" doc:"the newest first"`
	Next    string        `json:"next,omitempty" doc:"there may be more: ask with this as after"`
}
