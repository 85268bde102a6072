package metrics

import (
	"bytes"
	"encoding/json"
	"os"
	"regexp"
	"testing"

	"go.yaml.in/yaml/v3"

	"culvert/config"
)

const (
	rules     = "../../docs/monitoring/culvert.rules.yml"
	dashboard = "../../docs/monitoring/culvert.grafana.json"
)

// expressions are those of the values with that key, at any depth.
func expressions(value any, key string) (list []string) {
	switch v := value.(type) {
	case []any:
		for _, each := range v {
			list = append(list, expressions(each, key)...)
		}
	case map[string]any:
		for k, each := range v {
			if text, ok := each.(string); ok && k == key {
				list = append(list, text)
			} else {
				list = append(list, expressions(each, key)...)
			}
		}
	}
	return list
}

// TestMonitoring: each metric that the alert rules and the dashboard of Grafana ask for is
// there, with the labels that they name.
func TestMonitoring(t *testing.T) {
	types := ours(t)
	families, err := everything(t, config.Metrics{}).registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	values := make(map[string]map[string]bool) // label → value
	for _, f := range families {
		for _, m := range f.GetMetric() {
			for _, l := range m.GetLabel() {
				if values[l.GetName()] == nil {
					values[l.GetName()] = make(map[string]bool)
				}
				values[l.GetName()][l.GetValue()] = true
			}
		}
	}
	name := regexp.MustCompile(`culvert_[a-z_]+`)
	matcher := regexp.MustCompile(`([a-z_]+)="([a-z_-]+)"`)
	series := regexp.MustCompile(`_(bucket|sum|count)$`)
	for file, decode := range map[string]func([]byte, any) error{rules: yaml.Unmarshal, dashboard: json.Unmarshal} {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var parsed any
		if err := decode(text, &parsed); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		asked := expressions(parsed, "expr")
		if len(asked) < 10 {
			t.Fatalf("%s: %d expressions", file, len(asked))
		}
		for _, e := range asked {
			for _, n := range name.FindAllString(e, -1) {
				if types[n] == "" && types[series.ReplaceAllString(n, "")] != "histogram" {
					t.Errorf("%s asks for %s, which is not there", file, n)
				}
			}
			for _, m := range matcher.FindAllStringSubmatch(e, -1) {
				if m[1] != "job" && !values[m[1]][m[2]] {
					t.Errorf("%s asks for %s, which no metric has", file, m[0])
				}
			}
		}
		if bytes.Contains(text, []byte("http")) {
			t.Errorf("%s names an address", file)
		}
	}
}
