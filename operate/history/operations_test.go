package history

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"culvert/operate/history/track"
	"culvert/operate/manage/api"
	"culvert/store/memory"
)

// asked is what the API of a server with three sessions answers: its status, and its text.
func asked(t *testing.T) func(scope api.Scope, path string) (status int, text string) {
	t.Helper()
	f := memory.New()
	k := NewKeeper(f, Options{Days: 90, Log: discard()})
	for i, device := range []string{"anna.phone", "bert.tv", "anna.pc"} {
		l := benchSession(i, 3, noon.Add(year))
		l.ID, l.Begin, l.Last = track.ID(noon.Add(time.Duration(i)*time.Hour), uint64(i)), noon.Add(time.Duration(i)*time.Hour), noon.Add(time.Duration(i)*time.Hour)
		l.Device, l.User = device, strings.Split(device, ".")[0]
		k.Changed(track.Begun, l)
		if i < 2 {
			k.Changed(track.Ended, ended(l))
		}
	}
	if err := k.write(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.CommitAll(t.Context(), firstDay(noon.Add(year))); err != nil {
		t.Fatal(err)
	}
	a := api.New(api.Options{})
	AddOperations(a, NewBook(f), func() Stats { return Stats{Lost: 3, Trouble: "no space"} })
	h := a.Handler()
	return func(scope api.Scope, path string) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequestWithContext(api.As(context.Background(), api.Caller{Name: "anna", Scope: scope}), "GET", path, nil))
		return w.Code, w.Body.String()
	}
}

// noon is when the first of three sessions began.
var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// TestOperations asks the API about sessions in all ways.
func TestOperations(t *testing.T) {
	ask := asked(t)
	at := func(after time.Duration) string { return url.QueryEscape(noon.Add(after).Format(time.RFC3339)) }
	second := track.ID(noon.Add(time.Hour), 1)
	for query, want := range map[string]string{
		"":                             "anna.pc bert.tv anna.phone",
		"?user=anna":                   "anna.pc anna.phone",
		"?name=bert.tv":                "bert.tv",
		"?name=bert.tv&user=anna":      "",
		"?address=10.8.0.0":            "anna.phone",
		"?address=203.0.0.0":           "anna.phone",
		"?address=fd00::1000":          "anna.phone",
		"?address=::ffff:10.8.0.0":     "anna.phone",
		"?address=192.0.2.1":           "",
		"?at=" + at(30*time.Minute):    "anna.phone",
		"?at=" + at(-time.Minute):      "",
		"?from=" + at(90*time.Minute):  "anna.pc bert.tv",
		"?until=" + at(90*time.Minute): "bert.tv anna.phone",
		"?from=" + at(time.Minute) + "&until=" + at(59*time.Minute): "anna.phone",
		"?limit=2":                               "anna.pc bert.tv, more",
		"?after=" + second:                       "anna.phone",
		"?user=anna&limit=1&after=" + second:     "anna.phone",
		"?user=" + strings.Repeat("%3Cb%3E", 20): "",
	} {
		status, text := ask(api.Read, SessionsPath+query)
		var page Page
		if err := json.Unmarshal([]byte(text), &page); err != nil || status != 200 {
			t.Errorf("%s: %d, %v: %s", query, status, err, text)
			continue
		}
		var got []string
		for _, s := range page.Sessions {
			got = append(got, s.Device)
		}
		list := strings.Join(got, " ")
		if page.After != "" {
			list += ", more"
		}
		if list != want || page.Stats.Lost != 3 || page.Stats.Trouble != "no space" {
			t.Errorf("%s: %q, want %q; %+v", query, list, want, page.Stats)
		}
	}
	status, text := ask(api.Read, SessionsPath+"/"+second)
	var whole Life
	if err := json.Unmarshal([]byte(text), &whole); err != nil || status != 200 || whole.Session.Device != "bert.tv" || len(whole.Life) != 4 || whole.Life[1].Handshake.Outcome != "completed" {
		t.Errorf("%d, %v: %s", status, err, text)
	}
}

// TestTotalsAsked asks the API what days came to.
func TestTotalsAsked(t *testing.T) {
	ask := asked(t)
	for query, want := range map[string]string{
		"":                                   "2026-11-24  3",
		"?by=user&sum=true":                  " anna 2;  bert 1",
		"?by=device":                         "2026-11-24 anna.pc 1; 2026-11-24 anna.phone 1; 2026-11-24 bert.tv 1",
		"?from=2026-11-25":                   "",
		"?until=2026-11-23":                  "",
		"?by=user&until=2026-11-24":          "2026-11-24 anna 2; 2026-11-24 bert 1",
		"?by=total&from=2026-11-24&sum=true": "  3",
	} {
		status, text := ask(api.Read, DaysPath+query)
		var all Totals
		if err := json.Unmarshal([]byte(text), &all); err != nil || status != 200 {
			t.Errorf("%s: %d, %v: %s", query, status, err, text)
			continue
		}
		var got []string
		for _, one := range all.Totals {
			got = append(got, fmt.Sprintf("%s %s %d", one.Day, one.Name, one.Sessions))
		}
		if list := strings.Join(got, "; "); list != want {
			t.Errorf("%s: %q, want %q", query, list, want)
		}
	}
}

// TestAskedWrongly: what is no question has an error that names it and what was expected.
func TestAskedWrongly(t *testing.T) {
	ask := asked(t)
	for path, want := range map[string]string{
		SessionsPath + "?address=anna":                     "10.8.0.17",
		SessionsPath + "?at=Tuesday":                       "at",
		SessionsPath + "?limit=0":                          "limit",
		SessionsPath + "?limit=1001":                       "limit",
		SessionsPath + "?after=x":                          "after",
		SessionsPath + "?after=" + strings.Repeat("0", 41): "after",
		SessionsPath + "?colour=red":                       "colour",
		SessionsPath + "/00000000000000-0":                 "there is no session of this id",
		SessionsPath + "/..%2F..":                          "no-such-path",
		DaysPath + "?by=colour":                            "by",
		DaysPath + "?from=Tuesday":                         "a day, such as",
		DaysPath + "?until=2026-13-01":                     "a day, such as",
	} {
		status, text := ask(api.Administer, path)
		var e api.Error
		if err := json.Unmarshal([]byte(text), &e); err != nil || status/100 != 4 || e.Code == "" || !strings.Contains(text, want) {
			t.Errorf("%s: %d, %v: %s, want %q", path, status, err, text, want)
		}
	}
	for _, path := range []string{SessionsPath, SessionsPath + "/" + track.ID(noon, 0), DaysPath} {
		if status, text := ask(api.Scope(""), path); status == 200 {
			t.Errorf("%s without a scope: %s", path, text)
		}
	}
}
