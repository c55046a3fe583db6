package metrics

import (
	"encoding/json"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	describedName   = regexp.MustCompile(`fqName: "([^"]+)".*variableLabels: \{([^}]*)\}`)
	usedMetric      = regexp.MustCompile(`\b(pollux_[a-z0-9_]+)(?:\{([^}]*)\})?`)
	usedLabel       = regexp.MustCompile(`([a-z_]+)(?:=~|!~|!=|=)`)
	groupedBy       = regexp.MustCompile(`\bby \(([^)]*)\)`)
	histogramSuffix = regexp.MustCompile(`_(bucket|sum|count)$`)
)

// The dashboard and the alert rules use no metric and no label that the program does not
// have.
func TestDeployedQueries(t *testing.T) {
	labels := make(map[string][]string) // of each metric
	for _, d := range allDescriptors {
		match := describedName.FindStringSubmatch(d.String())
		if match == nil {
			t.Fatalf("what is %s?", d)
		}
		labels[match[1]] = strings.Split(match[2], ",")
	}
	for file, queries := range map[string][]string{
		"grafana.json":                 panelQueries(t),
		"prometheus/alerts.yaml":       strings.Split(read(t, "prometheus/alerts.yaml"), "\n"),
		"prometheus/alerts_test.yaml":  strings.Split(read(t, "prometheus/alerts_test.yaml"), "\n"),
		"kubernetes/monitoring/*.yaml": strings.Split(read(t, "kubernetes/monitoring/pollux.yaml"), "\n"),
	} {
		used := 0
		for _, query := range queries {
			for _, wrong := range mistakes(query, labels) {
				t.Errorf("%s: %s: %s", file, wrong, strings.TrimSpace(query))
			}
			used += len(usedMetric.FindAllString(query, -1))
		}
		if used == 0 {
			t.Errorf("%s uses no metric", file)
		}
	}
}

// mistakes returns the metrics of a query that do not exist, and the labels that its
// metrics do not have. Prometheus itself adds job and instance.
func mistakes(query string, labels map[string][]string) (wrong []string) {
	var known [][]string // of the metrics of this query
	for _, match := range usedMetric.FindAllStringSubmatch(query, -1) {
		name := match[1]
		has, exists := labels[name]
		if !exists {
			if has, exists = labels[histogramSuffix.ReplaceAllString(name, "")]; exists {
				has = append([]string{"le"}, has...)
			}
		}
		if !exists {
			wrong = append(wrong, "no metric "+name)
			continue
		}
		has = append([]string{"job", "instance"}, has...)
		known = append(known, has)
		for _, label := range usedLabel.FindAllStringSubmatch(match[2], -1) {
			if !slices.Contains(has, label[1]) {
				wrong = append(wrong, name+" has no label "+label[1])
			}
		}
	}
	for _, group := range groupedBy.FindAllStringSubmatch(query, -1) {
		for label := range strings.SplitSeq(group[1], ", ") {
			for _, has := range known {
				if !slices.Contains(has, label) {
					wrong = append(wrong, "grouped by "+label)
				}
			}
		}
	}
	return wrong
}

// A metric or label that does not exist is found, whether it is matched or grouped by.
func TestMistakesInQueries(t *testing.T) {
	labels := map[string][]string{"pollux_a": {"stream"}, "pollux_h": {""}}
	for query, want := range map[string]int{
		`sum by (stream) (rate(pollux_a{stream=~"$stream", instance="a"}[5m]))`:     0,
		`histogram_quantile(0.9, sum by (le) (rate(pollux_h_bucket{job="a"}[5m])))`: 0,
		`pollux_b`:                             1,
		`pollux_a_bucketful`:                   1,
		`pollux_a{reason!="x"}`:                1,
		`sum by (le) (pollux_h)`:               1,
		`sum by (stream) (pollux_h{a=~"b"})`:   2,
		`sum by (instance, reason) (pollux_a)`: 1,
	} {
		if got := mistakes(query, labels); len(got) != want {
			t.Errorf("%s: %q, want %d mistakes", query, got, want)
		}
	}
}

func panelQueries(t *testing.T) (queries []string) {
	t.Helper()
	var dashboard any
	if err := json.Unmarshal([]byte(read(t, "grafana.json")), &dashboard); err != nil {
		t.Fatal(err)
	}
	var walk func(any)
	walk = func(at any) {
		switch at := at.(type) {
		case []any:
			for _, one := range at {
				walk(one)
			}
		case map[string]any:
			for key, one := range at {
				if text, ok := one.(string); ok && (key == "expr" || key == "definition") {
					queries = append(queries, text)
				}
				walk(one)
			}
		}
	}
	walk(dashboard)
	return queries
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile("../../deploy/" + file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}
