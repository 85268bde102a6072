package doctor

import (
	"context"
	"log/slog"
	"net/netip"
	"os"
	"strings"
	"time"
	"unicode"

	"culvert/config"
	"culvert/host/process"
)

// Interval is how often Watch looks.
const Interval = time.Minute

// Watch looks at a running server of this process, or of the one that it keeps, each
// minute until ctx ends, and logs what changed: what was found for the first time, and
// what is found no more. It makes those checks that cost little and ask nobody outside
// of this host. now returns the configuration that the server has.
func Watch(ctx context.Context, o Options, now func() *config.Config, log *slog.Logger) {
	o = o.filled()
	watch(ctx, func(ctx context.Context) []inspection { return cheap(ctx, o, now()) }, log)
}

// cheap are the checks that are made each minute.
func cheap(ctx context.Context, o Options, cfg *config.Config) []inspection {
	cfg = withCertificate(cfg)
	s := &server{Options: o, cfg: cfg}
	s.File = cfg.Process.File
	s.running = share(ctx, func(ctx context.Context) (runner, error) {
		return s.asked(ctx, runner{by: "culvert", pid: os.Getpid()}), nil
	})
	s.router = share(ctx, s.lookAtRouter)
	keys, host := serverKeys{s}, serverHost{s}
	list := []inspection{keys.certificateCheck(), keys.listCheck(), keys.clientsCheck(), keys.permissionCheck(), clockCheck(o.Now, s.latest),
		host.policyCheck(), host.networkCheck(), host.filesCheck(), s.poolCheck(), newRemains(ctx, s.Options, cfg, true).check()}
	if o.Forward {
		list = append(list, host.forwardingCheck(), host.natCheck())
	}
	return append(list, besideCertificates(s)...)
}

// withCertificate is a configuration with the certificate as its file is now: a server
// takes a renewed one by itself.
func withCertificate(cfg *config.Config) *config.Config {
	f := cfg.Trust.Cert
	if f == nil || f.Inline || f.Name == "" || cfg.Trust.PKCS12 != nil {
		return cfg
	}
	text, err := process.ReadFile(cfg.Path(f.Name))
	if err != nil {
		return cfg
	}
	now, renewed := *cfg, *f
	renewed.Text, now.Trust.Cert = text, &renewed
	return &now
}

// watch makes checks each minute, and logs what changed.
func watch(ctx context.Context, checks func(context.Context) []inspection, log *slog.Logger) {
	known := map[string]Finding{}
	ticker := time.NewTicker(Interval)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		within, cancel := context.WithTimeout(ctx, Limit)
		results := run(within, checks(within), false, func(Result) {})
		cancel()
		if ctx.Err() == nil {
			known = changed(known, results, log)
		}
	}
}

// changed logs the difference between what was known and what was found, and returns
// what is known now. What a check could not look at is as it was.
func changed(known map[string]Finding, results []Result, log *slog.Logger) map[string]Finding {
	now := map[string]Finding{}
	for _, r := range results {
		for _, f := range r.Findings {
			if f.Severity == Note {
				continue
			}
			key := keyOf(r.Check, f)
			if _, before := known[key]; !before {
				log.Warn(r.Check+": "+f.Text, "seen", f.Evidence, "mend", f.Mend)
			}
			now[key] = f
		}
		for key, f := range known {
			if _, still := now[key]; still || !strings.HasPrefix(key, r.Check+"\n") {
				continue
			}
			if r.Outcome == Unknown {
				now[key] = f
				continue
			}
			log.Info(r.Check + ": well again, it was: " + f.Text)
		}
	}
	return now
}

// keyOf says whether two findings are the same one: their counts may differ, such as how
// many days are left, and not what they name, such as adapters and networks.
func keyOf(check string, f Finding) string {
	words := strings.Fields(f.Text)
	for i, w := range words {
		if !names(w) {
			words[i] = strings.Map(dropDigit, w)
		}
	}
	return check + "\n" + strings.Join(words, " ") + "\n" + f.Mend
}

// names reports whether a word is a name or an address, not a number.
func names(word string) bool {
	word = strings.Trim(word, "(),;:\"'[]")
	if word == "" || !unicode.IsDigit(rune(word[0])) {
		return true
	}
	_, err := netip.ParseAddr(word)
	_, err2 := netip.ParsePrefix(word)
	return err == nil || err2 == nil
}

func dropDigit(r rune) rune {
	if unicode.IsDigit(r) {
		return -1
	}
	return r
}
