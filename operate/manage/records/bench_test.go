package records

import (
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"culvert/config"
	"culvert/operate/manage/api"
	"culvert/operate/orders"
	"culvert/store/bolt"
	"culvert/store/storetest"
)

// BenchmarkPages is what pages cost of 10,000 users with 30,000 devices, in a file, on one
// processor.
func BenchmarkPages(b *testing.B) {
	path := filepath.Join(b.TempDir(), bolt.File)
	if err := bolt.Create(path); err != nil {
		b.Fatal(err)
	}
	s, err := bolt.Open(path, bolt.Options{})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	storetest.Office(b, s, "")
	a := api.New(api.Options{})
	Add(a, Options{Store: s, Config: func() *config.Config { return new(config.Config) }, Asker: orders.NewAsker(s), Now: time.Now})
	for _, path := range []string{"/v1/users", "/v1/users?limit=1000", "/v1/users?text=nobody-has-this", "/v1/devices", "/v1/devices?limit=1000", "/v1/groups"} {
		b.Run(path, func(b *testing.B) {
			for b.Loop() {
				w := httptest.NewRecorder()
				a.Handler().ServeHTTP(w, httptest.NewRequestWithContext(api.As(b.Context(), api.Caller{Name: "a", Scope: api.Read}), "GET", path, nil))
				if w.Code != 200 {
					b.Fatal(w.Body)
				}
			}
		})
	}
}
