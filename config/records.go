package config

import (
	"strconv"
	"strings"
	"time"
)

// Records are what a server keeps of its sessions, and whom it tells.
type Records struct {
	HistoryOff  bool // `history off`
	HistoryDays int  // 90
	// What is hidden in sessions that are older than HideDays; 0: nothing.
	HideDays      int
	HideAddresses bool // outer addresses are cut
	HideNames     bool // names are replaced
	// AccountingLog is a file that gets a line of JSON for each begin, interim and end; "": none.
	AccountingLog string
	// AccountingInterval is how often interim lines and requests come; 10 minutes.
	AccountingInterval time.Duration
	// AccountingRADIUS are servers that are told, each if those before it do not answer.
	AccountingRADIUS []RADIUSServer
}

// files are the files that are read with the configuration: they hold secrets.
func (r *Records) files() (all []secretFile) {
	for _, server := range r.AccountingRADIUS {
		all = append(all, secretFile{"accounting-radius", server.Secret})
	}
	return all
}

// The limits of days, and the default of `history`.
const (
	mostDays    = 36500
	defaultDays = 90
)

// recordsRows are the directives of Records.
var recordsRows = list{
	{Name: "history", Usage: "days|off [n]", Where: top, Role: RoleServer, Reload: ReloadStart, Default: "days 90", Help: "Keep sessions and daily totals this many days in the server's directory, or not at all (docs/history.md; not in OpenVPN).", set: setHistory},
	{Name: "history-anonymise", Usage: "days [addresses|names] [addresses|names]", Where: top, Role: RoleServer, Reload: ReloadStart, Help: "Cut outer addresses, or replace names by hashes, in sessions that are older (docs/history.md; not in OpenVPN).", set: setHistoryAnonymise},
	{Name: "accounting-log", Usage: "file", Where: top, Role: RoleServer, Reload: ReloadStart, Touches: TouchWrites, Help: "Add a line of JSON to this file for each session that begins, goes on and ends (docs/history.md; not in OpenVPN).", set: text(func(c *Config) *string { return &c.Records.AccountingLog })},
	{Name: "accounting-interval", Usage: "seconds", Where: top, Role: RoleServer, Reload: ReloadStart, Default: "600", Help: "Account for sessions that go on this often (docs/history.md; not in OpenVPN).", set: setAccountingInterval},
	{Name: "accounting-radius", Usage: "host[:port] secret-file", Where: top, Role: RoleServer, Reload: ReloadStart, Adds: true, Help: "Account for sessions to this RADIUS server, with the secret in this file (docs/history.md; not in OpenVPN).", set: setAccountingRADIUS},
}

// setHistory is `history days N` or `history off`.
func setHistory(b *builder, d *call) error {
	switch {
	case d.args[0] == "off" && len(d.args) == 1:
		b.Records.HistoryOff = true
		return nil
	case d.args[0] != "days" || len(d.args) != 2:
		return d.expected(strings.Join(d.args, " "), "days and a number, such as history days 90, or off")
	}
	n, ok := days(d.args[1])
	if !ok {
		return d.expected(d.args[1], "a number of days from 1 to "+strconv.Itoa(mostDays)+"; to keep nothing, write history off")
	}
	b.Records.HistoryOff, b.Records.HistoryDays = false, n
	return nil
}

func days(s string) (int, bool) {
	n, err := strconv.Atoi(s)
	return n, err == nil && n > 0 && n <= mostDays
}

// setHistoryAnonymise is `history-anonymise DAYS [addresses] [names]`.
func setHistoryAnonymise(b *builder, d *call) error {
	n, ok := days(d.args[0])
	if !ok {
		return d.expected(d.args[0], "a number of days from 1 to "+strconv.Itoa(mostDays))
	}
	r := &b.Records
	r.HideDays, r.HideAddresses, r.HideNames = n, len(d.args) == 1, false
	for _, word := range d.args[1:] {
		switch word {
		case "addresses":
			r.HideAddresses = true
		case "names":
			r.HideNames = true
		default:
			return d.expected(word, "addresses, to cut outer addresses, or names, to replace them by keyed hashes, or both words")
		}
	}
	return nil
}

// setAccountingInterval is `accounting-interval`: no shorter than RFC 2869, 2.1, wants it.
func setAccountingInterval(b *builder, d *call) error {
	n, err := strconv.Atoi(d.args[0])
	if err != nil || n < 60 || n > 86400 {
		return d.expected(d.args[0], "seconds from 60 to 86400")
	}
	b.Records.AccountingInterval = time.Duration(n) * time.Second
	return nil
}

const accountingPort = "1813" // RFC 2866, 3

// setAccountingRADIUS adds a server.
func setAccountingRADIUS(b *builder, d *call) error {
	address, ok := hostPort(d.args[0], accountingPort)
	switch {
	case !ok:
		return d.expected(d.args[0], "a host, or host:port, such as radius.example.org or [fd00::1]:1813")
	case d.args[1] == "":
		return d.expected("", "the name of the file that has the secret")
	}
	b.Records.AccountingRADIUS = append(b.Records.AccountingRADIUS, RADIUSServer{address, &File{Name: d.args[1], Pos: d.Pos}})
	return nil
}

// checkRecords checks that the directives about records make sense together.
func checkRecords(c check) {
	r := &c.Records
	switch {
	case c.has("history-anonymise") && r.HistoryOff:
		c.problem("history-anonymise", "there is no history, which could be anonymised", "remove this line, or history off")
	case c.has("history-anonymise") && r.HideDays >= r.HistoryDays:
		c.problem("history-anonymise", "sessions are removed after "+strconv.Itoa(r.HistoryDays)+" days, and so never anonymised", "write fewer days than those of history, or remove this line")
	}
}
