package test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Each alert fires when it should, and not otherwise.
func TestAlertRules(t *testing.T) {
	command(t, nil, "promtool", "test", "rules", "../prometheus/alerts_test.yaml")
	tests := read(t, "../prometheus/alerts_test.yaml")
	for line := range strings.Lines(read(t, "../prometheus/alerts.yaml")) {
		if _, name, is := strings.Cut(strings.TrimSpace(line), "- alert: "); is && strings.Count(tests, "alertname: "+name+"\n")+strings.Count(tests, "alertname: "+name+"}") < 2 {
			t.Errorf("%s has no test that it fires, and one that it does not", name)
		}
	}
}

func TestPrometheusConfiguration(t *testing.T) {
	command(t, nil, "promtool", "check", "config", "../prometheus/prometheus.yml")
}

// Prometheus understands each query of the dashboard. That the metrics exist is tested
// where they are declared.
func TestDashboard(t *testing.T) {
	var dashboard struct {
		UID        string
		Templating struct{ List []struct{ Name string } }
		Panels     []struct {
			ID          int
			Type, Title string
			GridPos     struct{ X, Y, W, H int }
			Datasource  struct{ UID string }
			Targets     []struct{ Expr, LegendFormat string }
			Description string
			FieldConfig struct{ Defaults struct{ Unit string } }
		}
	}
	if err := json.Unmarshal([]byte(read(t, "../grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var ids []int
	rules := "groups: [{name: dashboard, rules: [\n"
	taken := make(map[[2]int]string)
	for _, panel := range dashboard.Panels {
		if slices.Contains(ids, panel.ID) {
			t.Errorf("%s: another panel has its ID", panel.Title)
		}
		ids = append(ids, panel.ID)
		for x := panel.GridPos.X; x < panel.GridPos.X+panel.GridPos.W; x++ {
			for y := panel.GridPos.Y; y < panel.GridPos.Y+panel.GridPos.H; y++ {
				if other := taken[[2]int{x, y}]; other != "" || x >= 24 {
					t.Fatalf("%s overlaps %s", panel.Title, other)
				}
				taken[[2]int{x, y}] = panel.Title
			}
		}
		if panel.Type == "row" {
			continue
		}
		if panel.Datasource.UID != "${datasource}" || panel.Description == "" || panel.FieldConfig.Defaults.Unit == "" || len(panel.Targets) == 0 {
			t.Errorf("%s lacks a source, a description, a unit or a query", panel.Title)
		}
		for _, target := range panel.Targets {
			expr := strings.NewReplacer("$__rate_interval", "5m", "$instance", ".*", "$stream", ".*").Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("%s: an unknown variable in %s", panel.Title, target.Expr)
			}
			rules += fmt.Sprintf("{record: a:b%d, expr: %q},\n", strings.Count(rules, "\n"), expr)
		}
	}
	file := filepath.Join(t.TempDir(), "rules.yaml")
	if err := os.WriteFile(file, []byte(rules+"]}]\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	command(t, nil, "promtool", "check", "rules", file)
}
